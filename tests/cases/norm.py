"""Batch norm and layer norm."""

from collections.abc import Callable
from typing import Any

import numpy as np

import fastscratch as fs
from fastscratch.ops.norm import batch_norm, batch_norm_relu, group_norm, instance_norm, layer_norm

from .case import Case, normal, positive


def _training(x: fs.Tensor, weight: Any = None, bias: Any = None) -> fs.Tensor:
    return batch_norm(x, None, None, weight, bias, training=True)


def _training_relu(x: fs.Tensor, weight: Any = None, bias: Any = None) -> fs.Tensor:
    return batch_norm_relu(x, None, None, weight, bias, training=True)


def _tracked(operation: Callable[..., Any]) -> Callable[..., Any]:
    """What is compared is the result, and what it leaves in the running statistics."""

    def call(x: fs.Tensor, mean: fs.Tensor, var: fs.Tensor, *affine: fs.Tensor) -> Any:
        return operation(x, mean, var, *affine, training=True, momentum=0.3), mean, var

    return call


def _inference_relu(x: fs.Tensor, weight: Any = None, bias: Any = None) -> fs.Tensor:
    statistics = [fs.tensor(np.linspace(low, 1.5, x.shape[1]), dtype=x.dtype) for low in (-1.0, 0.5)]
    return batch_norm_relu(x, *statistics, weight, bias)


def _inference(x: fs.Tensor, weight: Any = None, bias: Any = None) -> fs.Tensor:
    statistics = [fs.tensor(np.linspace(low, 1.5, x.shape[1]), dtype=x.dtype) for low in (-1.0, 0.5)]
    return batch_norm(x, *statistics, weight, bias)


def _layer(*shape: int) -> Callable[..., Any]:
    return lambda x, weight=None, bias=None: layer_norm(x, shape, weight, bias)


CASES = [
    Case("batch_norm", _training, (normal(6, 5), normal(5), normal(5))),
    Case("batch_norm_plain", _training, (normal(7, 3),)),
    Case("batch_norm_images", _training, (normal(2, 3, 4, 5), normal(3), normal(3)),
         bench=(normal(64, 32, 26, 26), normal(32), normal(32))),
    Case("batch_norm_signals", _training, (normal(3, 2, 7), normal(2), normal(2))),
    Case("batch_norm_tails", _training, (normal(131, 77), normal(77), normal(77)), differences=False),
    Case("batch_norm_threads", _training, (normal(40, 17, 15, 13), normal(17), normal(17)), differences=False),
    Case("batch_norm_off_centre", lambda x: _training(x + 100.0), (normal(5, 4, 3),), specials=False),
    Case("batch_norm_inference", _inference, (normal(3, 4, 2, 5), normal(4), normal(4))),
    Case("batch_norm_inference_plain", _inference, (normal(6, 19),)),
    Case("batch_norm_relu", _training_relu, (normal(6, 5), normal(5), normal(5))),
    Case("batch_norm_relu_plain", _training_relu, (normal(7, 3),)),
    Case("batch_norm_relu_images", _training_relu, (normal(2, 3, 4, 5), normal(3), normal(3)),
         bench=(normal(64, 32, 26, 26), normal(32), normal(32))),
    Case("batch_norm_relu_threads", _training_relu, (normal(40, 17, 15, 13), normal(17), normal(17)), differences=False),
    Case("batch_norm_relu_tails", _training_relu, (normal(131, 77), normal(77), normal(77)), differences=False),
    Case("batch_norm_relu_inference", _inference_relu, (normal(3, 4, 2, 5), normal(4), normal(4))),
    Case("batch_norm_running", _tracked(batch_norm), (normal(6, 5), normal(5), positive(5), normal(5), normal(5)),
         gradient=False, inplace=True),
    Case("batch_norm_running_threads", _tracked(batch_norm), (normal(40, 17, 15, 13), normal(17), positive(17)),
         gradient=False, inplace=True),
    Case("batch_norm_relu_running", _tracked(batch_norm_relu),
         (normal(2, 3, 4, 5), normal(3), positive(3), normal(3), normal(3)), gradient=False, inplace=True),
    Case("layer_norm", lambda x, w, b: layer_norm(x, w.shape, w, b), (normal(6, 5), normal(5), normal(5)),
         bench=(normal(64, 128, 256), normal(256), normal(256))),
    Case("layer_norm_plain", _layer(2, 3), (normal(4, 2, 3),)),
    Case("layer_norm_axes", _layer(4, 7), (normal(2, 3, 4, 7), normal(4, 7), normal(4, 7))),
    Case("layer_norm_tails", _layer(301), (normal(35, 301), normal(301), normal(301)), differences=False),
    Case("layer_norm_threads", _layer(530), (normal(200, 530), normal(530), normal(530)), differences=False),
    Case("layer_norm_one_vector", _layer(9), (normal(9), normal(9), normal(9))),
    Case("layer_norm_empty", _layer(3), (normal(0, 3), normal(3), normal(3)), specials=False),
    Case("group_norm", lambda x, w, b: group_norm(x, 2, w, b), (normal(2, 4, 3, 2), normal(4), normal(4)), specials=False),
    Case("instance_norm", instance_norm, (normal(2, 3, 5),), specials=False),
]  # fmt: skip
