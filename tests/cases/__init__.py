"""One row for each operation. A row drives parity on every instruction set, dtype, layout and thread count, the gradient
check, the edge cases and the benchmark: to add an operation is to add a row.
"""

from .activation import CASES as ACTIVATION
from .case import Case, labels, normal, positive, uniform
from .conv import CASES as CONV
from .dropout import CASES as DROPOUT
from .embedding import CASES as EMBEDDING
from .linalg import CASES as LINALG
from .matmul import CASES as MATMUL
from .norm import CASES as NORM
from .optim import CASES as OPTIM
from .pool import CASES as POOL
from .shape import CASES as SHAPE
from .softmax import CASES as SOFTMAX

__all__ = ["CASES", "Case", "labels", "normal", "positive", "uniform"]

CASES: list[Case] = [*ACTIVATION, *CONV, *DROPOUT, *EMBEDDING, *LINALG, *MATMUL, *NORM, *OPTIM, *POOL, *SHAPE, *SOFTMAX]
