"""The Gaussian kernel."""

import fastscratch as fs

from .case import Case, normal

CASES = [
    Case("rbf", lambda x, z: fs.rbf_kernel(x, z, 0.3), (normal(7, 4), normal(5, 4)),
         bench=(normal(1000, 64), normal(1000, 64))),
    Case("rbf_symmetric", lambda x: fs.rbf_kernel(x, gamma=0.3), (normal(6, 3),)),
    Case("rbf_far", lambda x, z: fs.rbf_kernel(x + 30.0, z + 30.0, 0.5), (normal(5, 3), normal(4, 3)), specials=False),
    Case("rbf_tiles", lambda x, z: fs.rbf_kernel(x, z, 0.01), (normal(130, 5), normal(141, 5)), differences=False),
    Case("rbf_symmetric_tiles", lambda x: fs.rbf_kernel(x, gamma=0.05), (normal(133, 7),), differences=False),
    Case("rbf_one", fs.rbf_kernel, (normal(1, 1),)),
    Case("rbf_no_features", fs.rbf_kernel, (normal(3, 0), normal(2, 0)), specials=False),
    Case("rbf_empty", fs.rbf_kernel, (normal(3, 2), normal(0, 2)), specials=False),
    Case("rbf_of_none", fs.rbf_kernel, (normal(0, 2),), specials=False),
]  # fmt: skip
