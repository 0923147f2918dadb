"""Convolutions: the algorithms of the forward pass and both of the gradient in the input, and every odd parameter."""

from typing import Any

import fastscratch as fs
from fastscratch.ops.conv import conv1d_relu, conv1d_relu_max_pool1d, conv2d_relu, conv2d_relu_max_pool2d

from .case import Case, Draw, normal


def _conv(name: str, image: tuple[int, ...], filters: tuple[int, ...], bench: tuple[Draw, ...] = (), **parameters: Any):
    """A row with bias."""
    conv = fs.conv2d if len(filters) == 4 else fs.conv1d
    call = lambda x, w, b: conv(x, w, b, **parameters)  # noqa: E731
    return Case(name, call, (normal(*image), normal(*filters), normal(filters[0])), bench=bench)


def _joined(
    name: str, call: Any, image: tuple[int, ...], filters: tuple[int, ...], bench: tuple[Draw, ...] = (), **p: Any
):
    """A row for the convolution with what follows it."""
    return Case(
        name, lambda x, w, b: call(x, w, b, **p), (normal(*image), normal(*filters), normal(filters[0])), bench=bench
    )


def _winograd(name: str, image: tuple[int, ...], filters: tuple[int, ...], **parameters: Any) -> Case:
    """A row that float32 computes by Winograd's algorithm; differences, in float64, would only repeat the other rows."""
    call = lambda x, w, b: fs.conv2d(x, w, b, **parameters)  # noqa: E731
    return Case(name, call, (normal(*image), normal(*filters), normal(filters[0])), differences=False)


CASES = [
    # few channels
    _conv("conv2d", (2, 3, 6, 5), (4, 3, 3, 3), (normal(64, 1, 28, 28), normal(32, 1, 3, 3), normal(32))),
    _conv("conv2d_one_channel", (3, 1, 5, 6), (4, 1, 3, 2)),
    _conv("conv2d_padded", (2, 3, 4, 5), (2, 3, 3, 2), padding=(2, 1)),
    _conv("conv2d_stride", (2, 2, 7, 6), (3, 2, 3, 3), stride=(2, 3), padding=1),
    _conv("conv2d_dilation", (1, 2, 7, 7), (3, 2, 3, 2), dilation=(2, 3), padding=(1, 2)),
    _conv("conv2d_padding_beyond_filter", (1, 2, 3, 3), (2, 2, 2, 2), padding=3),
    _conv("conv2d_stride_beyond_filter", (2, 1, 7, 7), (2, 1, 1, 2), stride=3),
    _conv("conv2d_filter_is_input", (2, 3, 4, 3), (5, 3, 4, 3)),
    _conv("conv2d_same", (1, 2, 4, 5), (3, 2, 2, 4), padding="same"),
    _conv("conv2d_unbatched", (2, 4, 4), (3, 2, 2, 2)),
    _conv("conv2d_few_filters_one_channel", (2, 1, 6, 19), (6, 1, 3, 5), padding=2),
    _conv("conv2d_few_filters_planes", (1, 3, 5, 35), (2, 3, 3, 2), dilation=(1, 2), stride=(2, 1)),
    # more of them
    _conv("conv2d_rows", (2, 8, 4, 5), (3, 8, 3, 2), (normal(64, 32, 13, 13), normal(64, 32, 3, 3), normal(64))),
    _conv("conv2d_rows_padded", (1, 7, 3, 3), (5, 7, 3, 3), padding=(1, 2)),
    _conv("conv2d_rows_stride", (2, 9, 5, 6), (3, 9, 2, 2), stride=(2, 2), padding=(0, 1)),
    _conv("conv2d_rows_dilated", (1, 9, 4, 5), (2, 9, 2, 2), dilation=2),
    # tiles: whole and cut off, whole registers of channels and tails
    _winograd("conv2d_winograd", (2, 8, 6, 6), (8, 8, 3, 3)),
    _winograd("conv2d_winograd_padded", (3, 16, 7, 9), (64, 16, 3, 3), padding=1),
    _winograd("conv2d_winograd_wide_padding", (1, 33, 3, 4), (9, 33, 3, 3), padding=(2, 0)),
    _winograd("conv2d_winograd_full", (2, 13, 5, 2), (33, 13, 3, 3), padding=2),
    _winograd("conv2d_winograd_batch", (40, 8, 11, 14), (8, 8, 3, 3), padding=(0, 1)),
    _winograd("conv2d_winograd_groups", (2, 48, 6, 7), (24, 16, 3, 3), padding=1, groups=3),
    _winograd("conv2d_winograd_groups_odd", (3, 18, 5, 9), (66, 9, 3, 3), groups=2),
    _winograd("conv2d_winograd_dilated", (2, 17, 11, 14), (19, 17, 3, 3), padding=2, dilation=2),
    _winograd("conv2d_winograd_dilated_full", (2, 16, 10, 8), (33, 16, 3, 3), padding=(6, 1), dilation=(3, 1)),
    _winograd("conv2d_winograd_dilated_groups", (1, 32, 13, 19), (34, 16, 3, 3), groups=2, padding=(1, 4),
              dilation=(2, 3)),
    # the image is the matrix
    _conv("conv2d_1x1", (2, 5, 3, 3), (4, 5, 1, 1)),
    _conv("conv2d_1x1_groups", (2, 4, 3, 2), (6, 2, 1, 1), groups=2),
    _conv("conv2d_groups", (2, 4, 5, 4), (6, 2, 3, 3), groups=2, padding=1),
    _conv("conv2d_groups_wide", (1, 16, 3, 4), (4, 8, 2, 2), groups=2, stride=(1, 2)),
    _conv("conv2d_depthwise_stride", (2, 19, 6, 7), (19, 1, 3, 2), groups=19, padding=1, stride=(2, 1)),
    _conv("conv2d_few_filters", (2, 11, 5, 6), (3, 11, 3, 3), padding=(1, 0)),
    _conv("conv2d_depthwise", (2, 5, 4, 5), (5, 1, 3, 3), groups=5, padding=1),
    _conv("conv1d", (2, 3, 7), (4, 3, 3), (normal(64, 1, 784), normal(32, 1, 3), normal(32))),
    _conv("conv1d_geometry", (2, 4, 9), (4, 2, 2), stride=2, padding=1, dilation=3, groups=2),
    _conv("conv1d_unbatched", (1, 6), (2, 1, 3), padding="same"),
    _joined("conv2d_relu", conv2d_relu, (2, 3, 6, 5), (4, 3, 3, 3), padding=1),
    _joined("conv2d_relu_stride", conv2d_relu, (2, 9, 6, 7), (5, 9, 2, 3), stride=2, padding=(0, 1)),
    _joined("conv2d_relu_one_channel", conv2d_relu, (2, 1, 6, 7), (19, 1, 3, 3)),
    _joined("conv1d_relu", conv1d_relu, (3, 2, 8), (4, 2, 3)),
    _joined("conv2d_relu_max_pool2d", conv2d_relu_max_pool2d, (2, 1, 8, 7), (19, 1, 3, 3),
            (normal(64, 1, 28, 28), normal(32, 1, 3, 3), normal(32))),
    _joined("conv2d_relu_max_pool2d_rest", conv2d_relu_max_pool2d, (2, 6, 7, 8), (5, 6, 3, 2), padding=(0, 1)),
    _joined("conv2d_relu_max_pool2d_wide", conv2d_relu_max_pool2d, (3, 2, 9, 11), (3, 2, 2, 3), pool_kernel=(3, 2)),
    _joined("conv2d_relu_max_pool2d_groups", conv2d_relu_max_pool2d, (1, 4, 6, 6), (6, 2, 2, 2), groups=2, stride=2),
    _joined("conv2d_relu_max_pool2d_overlap", conv2d_relu_max_pool2d, (2, 2, 7, 7), (3, 2, 2, 2), pool_kernel=3,
            pool_stride=2),
    _joined("conv2d_relu_max_pool2d_winograd", conv2d_relu_max_pool2d, (3, 8, 9, 10), (9, 8, 3, 3), padding=1),
    _joined("conv2d_relu_max_pool2d_grouped", conv2d_relu_max_pool2d, (3, 16, 9, 10), (18, 8, 3, 3), padding=1, groups=2),
    _joined("conv2d_relu_max_pool2d_few_tiles", conv2d_relu_max_pool2d, (1, 9, 11, 10), (37, 9, 3, 3)),
    _joined("conv2d_relu_max_pool2d_dilated", conv2d_relu_max_pool2d, (2, 16, 7, 8), (16, 16, 3, 3), padding=2,
            dilation=2),
    _joined("conv2d_relu_winograd", conv2d_relu, (2, 9, 6, 7), (8, 9, 3, 3)),
    _joined("conv2d_max_pool2d", conv2d_relu_max_pool2d, (2, 1, 7, 6), (5, 1, 3, 3), relu=False),
    _joined("conv2d_relu_max_pool2d_unbatched", conv2d_relu_max_pool2d, (2, 5, 5), (3, 2, 2, 2)),
    _joined("conv1d_relu_max_pool1d", conv1d_relu_max_pool1d, (3, 1, 20), (7, 1, 3)),
    _joined("conv1d_max_pool1d", conv1d_relu_max_pool1d, (2, 3, 11), (4, 3, 2), padding="same", relu=False),
    Case("conv2d_no_bias", fs.conv2d, (normal(2, 2, 4, 4), normal(3, 2, 2, 2))),
    Case("conv2d_empty_batch", fs.conv2d, (normal(0, 2, 4, 4), normal(3, 2, 2, 2), normal(3)), specials=False),
]  # fmt: skip
