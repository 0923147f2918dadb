"""Data: data sets by name, batches, augmentation, splits, synthetic samples, IDX files."""

from . import transforms
from .collate import default_collate
from .dataset import Dataset, Subset, TensorDataset
from .idx import IDXError, read_idx, write_idx
from .loader import DataLoader
from .registry import (
    DatasetNotFoundError,
    Samples,
    cache_folder,
    dataset_names,
    load_dataset,
    load_splits,
)
from .split import random_split, train_test_split
from .synthetic import make_blobs, make_classification, make_moons, make_regression, make_spiral

__all__ = [
    "DataLoader",
    "Dataset",
    "DatasetNotFoundError",
    "IDXError",
    "Samples",
    "Subset",
    "TensorDataset",
    "cache_folder",
    "dataset_names",
    "default_collate",
    "load_dataset",
    "load_splits",
    "make_blobs",
    "make_classification",
    "make_moons",
    "make_regression",
    "make_spiral",
    "random_split",
    "read_idx",
    "train_test_split",
    "transforms",
    "write_idx",
]
