"""Helpers around the parameters of a model."""
