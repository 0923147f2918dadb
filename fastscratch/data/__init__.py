"""Data: files, data sets, synthetic samples, splits and loaders."""
