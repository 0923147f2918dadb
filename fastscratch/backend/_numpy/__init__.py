"""The twins: every kernel in plain NumPy. They say what a kernel computes, stand in for it where there is no compiler, and
are the reference in every test. One module per family; a name here is a kernel of the backend.
"""

from .matmul import linear_backward, linear_forward, matmul, matmul_backward

__all__ = [
    "linear_backward",
    "linear_forward",
    "matmul",
    "matmul_backward",
]
