"""Seeded experiments, each with a table and a picture: ``python -m examples.experiments`` makes a page of them.

Nothing here reads a test set: what is compared is measured on samples held out of the training set.
"""
