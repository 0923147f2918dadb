"""Networks and estimators compared; nothing here reads a test set: what is measured is held out of the training set."""
