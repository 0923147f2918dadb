# cython: language_level=3, boundscheck=False, cdivision=True, embedsignature=True, freethreading_compatible=True
"""The binding: what of csrc/ Python can call, one file of c/ for each family.

Each kernel here has a twin of the same name and signature in _numpy/. A wrapper checks what could make C read or write
out of bounds, takes its output from the allocator, releases the GIL and makes one call; it computes nothing itself.
"""

include "c/common.pxi"
include "c/config.pxi"
include "c/memory.pxi"
include "c/activation.pxi"
include "c/arithmetic.pxi"
include "c/augment.pxi"
include "c/cholesky.pxi"
include "c/conv.pxi"
include "c/distances.pxi"
include "c/dropout.pxi"
include "c/embedding.pxi"
include "c/gram.pxi"
include "c/kmeans.pxi"
include "c/layout.pxi"
include "c/loss.pxi"
include "c/logistic.pxi"
include "c/matmul.pxi"
include "c/norm.pxi"
include "c/optim.pxi"
include "c/pool.pxi"
include "c/roofline.pxi"
include "c/scatter.pxi"
include "c/softmax.pxi"
include "c/tsne.pxi"
include "c/tape.pxi"
include "c/parameters.pxi"
