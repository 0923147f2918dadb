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
    (r"matmul .*(64\^3|10x128|64x128x10)", "Microseconds: about 0.4 of them are the call through the tape."),
    (r"matmul", "It is the tiles' products, the packing of the operands and the writing of C."),
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
