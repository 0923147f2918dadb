"""Views and reshapes."""

import fastscratch as fs

from .case import Case, normal

CASES = [
    Case("reshape", lambda x: fs.reshape(x, 6, -1), (normal(3, 4, 2),)),
    Case("permute", lambda x: fs.permute(x, 2, 0, 1), (normal(3, 4, 2),)),
    Case("transpose", lambda x: fs.transpose(x, 0, -1), (normal(3, 4, 2),)),
]
