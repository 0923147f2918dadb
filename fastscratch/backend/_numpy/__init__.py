"""The twins: every kernel in plain NumPy. They say what a kernel computes, stand in for it where there is no compiler, and
are the reference in every test. One module per family; a name here is a kernel of the backend.
"""

from .dropout import dropout
from .matmul import linear_backward, linear_forward, matmul, matmul_backward
from .norm import batch_norm_backward, batch_norm_forward, batch_norm_inference, layer_norm_backward, layer_norm_forward
from .optim import adam_step, clamp_arrays, grad_norm, rmsprop_step, scale_arrays, sgd_step

__all__ = [
    "adam_step",
    "batch_norm_backward",
    "batch_norm_forward",
    "batch_norm_inference",
    "clamp_arrays",
    "dropout",
    "grad_norm",
    "layer_norm_backward",
    "layer_norm_forward",
    "linear_backward",
    "linear_forward",
    "matmul",
    "matmul_backward",
    "rmsprop_step",
    "scale_arrays",
    "sgd_step",
]
