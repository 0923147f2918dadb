"""fastscratch: train and use small models on a CPU, fast; C kernels with a NumPy twin beside every one."""

from math import e, inf, nan, pi
from typing import TYPE_CHECKING

from numpy import dtype, finfo, iinfo

from . import autograd, backend, cuda, linalg, metrics, nn, optim, random
from .backend import get_num_threads, set_num_threads
from .config import show_config
from .device import channels_last, contiguous_format, device, preserve_format
from .dtypes import (
    bool,
    double,
    float,
    float16,
    float32,
    float64,
    get_default_dtype,
    half,
    int,
    int8,
    int16,
    int32,
    int64,
    long,
    set_default_dtype,
    short,
    uint8,
)
from .ops.activation import *
from .ops.arithmetic import *
from .ops.arrange import *
from .ops.comparison import *
from .ops.conv import *
from .ops.convert import *
from .ops.cov import *
from .ops.create import *
from .ops.einsum import *
from .ops.elementary import *
from .ops.gram import *
from .ops.index import *
from .ops.join import *
from .ops.linalg import *
from .ops.matmul import *
from .ops.order import *
from .ops.pool import *
from .ops.reduce import *
from .ops.sample import *
from .ops.selection import *
from .ops.shape import *
from .ops.softmax import *
from .random import Generator, get_rng_state, initial_seed, manual_seed, seed, set_rng_state
from .serialization import load, save
from .summary import summary
from .tape import enable_grad, inference_mode, is_grad_enabled, no_grad, set_grad_enabled
from .tensor import Tensor

__version__ = "0.1.0"

if TYPE_CHECKING:
    from . import (
        cluster,
        data,
        decomposition,
        kernel_ridge,
        linear_model,
        manifold,
        model_selection,
        neural_network,
        preprocessing,
        profiler,
        train,
        viz,
    )
else:
    _ON_DEMAND = {
        "cluster",
        "data",
        "decomposition",
        "kernel_ridge",
        "linear_model",
        "manifold",
        "model_selection",
        "neural_network",
        "preprocessing",
        "profiler",
        "train",
        "viz",
    }

    def __getattr__(name):
        # Loaded when it is first asked for: an import takes time, and most programs need none of these.
        if name in _ON_DEMAND:
            from importlib import import_module

            return import_module(f".{name}", __name__)
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
