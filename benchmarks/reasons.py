"""Why a target was missed, for the tables that show it: our reading, profiled only where it gives a figure.

Where a work is bound by products, the report adds what they take at the peak that fs.profiler.limits() measured in the run.
"""

import re

REASONS: list[tuple[str, str]] = [  # a pattern of the work's name, and the reason
    (r"KernelRidge exact", "Half of the Gram matrix and the factor, both in float64, are nearly all of it."),
    (
        r"KernelRidge refined",
        "Half of the Gram matrix in float64, which residuals need, and the factor in float32 are nearly all of it.",
    ),
    (r"KernelRidge.predict", "Its products are nearly all of it, and scikit-learn's are OpenBLAS's."),
    (
        r"MLPClassifier",
        "Its products are most of it; each batch is gathered anew from 188 MB, of which hardly anything is in the cache.",
    ),
    (
        r"cholesky in place .*, target_share",
        "The copy of the matrix into the place of its factor is part of the time, and so are the factors of the diagonal"
        " blocks; the peak is of multiply-adds in registers alone.",
    ),
    (
        r"^Linear\(8, 8\).*, target_seconds",
        "More than an operation: the call of a layer, which looks for hooks and calls forward, and then a product with a"
        " bias, recorded with three tensors.",
    ),
    (r", target_seconds$", "What Python and the tape do around the arithmetic; it varies from run to run."),
    (
        r", target_avx2$",
        "Not profiled; AVX-512 has twice as many registers, of twice the width, and masks for what is left over.",
    ),
    (
        r"^conv.* against NumPy as installed",
        "The baseline multiplies four lanes without FMA; the twin's product is OpenBLAS's, on the widest instructions that"
        " it finds (the machine's line says which).",
    ),
    (
        r"softmax against NumPy as installed",
        "The baseline has four lanes; the twin's exponential is NumPy's own, on the widest instructions that it finds (the"
        " machine's line says which).",
    ),
    (
        r"^conv.* against NumPy held to the baseline",
        "Four lanes without FMA on both sides: the products, ours and OpenBLAS's, are much of both times.",
    ),
    (
        r"^LinearRegression",
        "Half of the symmetric products X^T X, and all of X is read once more for a step of refinement; the shares were not"
        " profiled.",
    ),
    (r"^Ridge", "Half of the symmetric products X^T X are most of its operations; the rest was not profiled."),
    (
        r"^LogisticRegression",
        "Every iteration reads all of X, more than the cache holds, for scores and gradient, as scikit-learn's does.",
    ),
    (
        r"^KMeans",
        "Every step computes the distances of all points to all centres from X, more than the cache holds, as"
        " scikit-learn's does.",
    ),
    (
        r"^TSNE",
        "Both find the nearest neighbours and then walk a tree of the points at every step; the result of one step is the"
        " start of the next.",
    ),
    (
        r"cholesky in place",
        "Nearly all of it is the product of what is left, which OpenBLAS's factor computes as well.",
    ),
    (
        r"step, MLP 784-128-10 tanh, SGD, batch 256",
        "Its products are nearly all of it.",
    ),
    (
        r"step, MLP 784-128-10 tanh, SGD, batch 64",
        "The two products of the large layer are most of it (rows matmul NT 64x128x784 and TN 128x784x64).",
    ),
    (
        r"step, MLP 784-256-128-10, Adam",
        "Its products are most of it (rows matmul of 784, 256 and 128), and Adam comes on top of them: seven streams and a"
        " division for each parameter.",
    ),
    (r"step, MLP 784-128", "Its matrix products bound it from below; the rest was not profiled in this run."),
    (
        r"step, CNN, SGD",
        "The convolutions and the first linear layer are most of its operations; the rest was not profiled in this run.",
    ),
    (
        r"step, MLP 2-16-16-2",
        "Few products, and many calls: what Python, the tape and the optimizer do between them is most of it.",
    ),
    (
        r"predict, CNN, batch 1024",
        "The two convolutions are nearly all of its products, and what each layer hands to the next is more than the cache"
        " holds.",
    ),
    (
        r"step, CNN with batch norm",
        "Near the target, and it varies from run to run: presumably with what the memory is left to do.",
    ),
    (
        r"step, 1-d CNN",
        "Near the target, and it varies from run to run: the layer of 1.25 M weights reads them from memory.",
    ),
    (r"predict, CNN, batch 64$", "Near the target, and it varies from run to run."),
    (
        r"predict, CNN, batch 1$",
        "Seven layers in tens of microseconds: what Python does between them counts, and the first linear layer reads"
        " 0.8 MB of weights for one image.",
    ),
    (
        r"conv2d 3x3 32->64 14x14",
        "Winograd's products cover 16x16 pixels of which 14x14 are wanted; the transforms and memory take the rest, and no"
        " single cause was found.",
    ),
    (
        r"conv2d .*depthwise",
        "Nine products for each number written are few to hide its loads and stores behind.",
    ),
    (r"conv2d", "No single cause found: it is the tile's products, and gathering their operands."),
    (
        r"max_pool2d",
        "No single cause found: both read the 2 MB once, and PyTorch loses less at this size than at larger ones.",
    ),
    (r"cross_entropy 64x10,", "Microseconds: the calls and the tape, more than the arithmetic."),
    (r"cross_entropy", "The check of the labels and the sum of the losses are serial."),
    (
        r"layer_norm 4096x256, backward",
        "Three streams of 4.2 MB, and between the two sweeps of each group of rows its sums have to be known.",
    ),
    (r"layer_norm", "Microseconds, of which the call and the tape are a part."),
    (r"gelu", "Near the target: an exponential and a ratio of polynomials, accurate in the negative tail too."),
    (
        r"(tanh|sigmoid|exp|log) 1 M, backward",
        "Bound by memory: 12.6 MB in three streams; PyTorch moves as much.",
    ),
    (r"(tanh|sigmoid|exp|log|relu) 1 M, ", "Bound by memory: the traffic is the same as PyTorch's."),
    (
        r"Adam, 1 M",
        "Four arrays are read and three written, as by PyTorch's fused step, and each element takes a division.",
    ),
    (r"matmul NT \w+ 1x128", "Bound by the cache: each number of B, 0.8 MB or 1.6 MB, is used once."),
    (
        r"matmul .*(64\^3|10x128|10x100|x128x10$|x100x10$)",
        "Microseconds: about 0.4 of them are the call through the tape.",
    ),
    (
        r"matmul",
        "The packing of the operands, the edges of the tiles and the writing of C are part of the time; the peak is of"
        " multiply-adds in registers alone.",
    ),
    (
        r"^PCA 50 components, MNIST",
        "Half of the products are most of it, as in scikit-learn, and the rest is mostly LAPACK's eigenvectors of the"
        " covariance, as there.",
    ),
    (r"^-?(x|y|z|\(x)|Linear\(8", "Tenths of a microsecond on both sides, and it varies from run to run."),
]


def reason(work: str) -> str:
    """The reason for the first pattern that fits."""
    return next((text for pattern, text in REASONS if re.search(pattern, work)), "No reason found yet.")
