"""Training: the loop, its callbacks, checkpoints and run folders."""

from .callbacks import Callback, EarlyStopping, JSONLinesLogger, ModelCheckpoint
from .checkpoint import CheckpointError, load_checkpoint, save_checkpoint
from .gradients import GradientNorms
from .history import History
from .lr_finder import LRRange, find_lr
from .model import Model
from .progress import ProgressBar
from .trainer import NonFiniteLossError, Trainer

__all__ = [
    "Callback",
    "CheckpointError",
    "EarlyStopping",
    "GradientNorms",
    "History",
    "JSONLinesLogger",
    "LRRange",
    "Model",
    "ModelCheckpoint",
    "NonFiniteLossError",
    "ProgressBar",
    "Trainer",
    "find_lr",
    "load_checkpoint",
    "save_checkpoint",
]
