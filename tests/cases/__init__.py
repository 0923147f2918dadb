"""One row for each operation. A row drives parity on every instruction set, dtype, layout and thread count, the gradient
check, the edge cases and the benchmark: to add an operation is to add a row.
"""

from .activation import CASES as ACTIVATION
from .arithmetic import CASES as ARITHMETIC
from .arrange import CASES as ARRANGE
from .augment import CASES as AUGMENT
from .case import Case, labels, normal, positive, same, uniform
from .cluster import CASES as CLUSTER
from .comparison import CASES as COMPARISON
from .conv import CASES as CONV
from .convert import CASES as CONVERT
from .dropout import CASES as DROPOUT
from .einsum import CASES as EINSUM
from .elementary import CASES as ELEMENTARY
from .embedding import CASES as EMBEDDING
from .gram import CASES as GRAM
from .index import CASES as INDEX
from .join import CASES as JOIN
from .linalg import CASES as LINALG
from .logistic import CASES as LOGISTIC
from .loss import CASES as LOSS
from .matmul import CASES as MATMUL
from .norm import CASES as NORM
from .optim import CASES as OPTIM
from .order import CASES as ORDER
from .pad import CASES as PAD
from .pool import CASES as POOL
from .reduce import CASES as REDUCE
from .scatter import CASES as SCATTER
from .selection import CASES as SELECTION
from .shape import CASES as SHAPE
from .softmax import CASES as SOFTMAX
from .tsne import CASES as TSNE

__all__ = ["CASES", "Case", "labels", "normal", "positive", "same", "uniform"]

CASES: list[Case] = [
    *ACTIVATION,
    *ARITHMETIC,
    *ARRANGE,
    *AUGMENT,
    *CLUSTER,
    *COMPARISON,
    *CONV,
    *CONVERT,
    *DROPOUT,
    *EINSUM,
    *ELEMENTARY,
    *EMBEDDING,
    *GRAM,
    *INDEX,
    *JOIN,
    *LINALG,
    *LOGISTIC,
    *LOSS,
    *MATMUL,
    *NORM,
    *OPTIM,
    *ORDER,
    *PAD,
    *POOL,
    *REDUCE,
    *SCATTER,
    *SELECTION,
    *SHAPE,
    *SOFTMAX,
    *TSNE,
]
