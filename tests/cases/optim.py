"""Optimizer steps and gradient clipping: what is compared is what a call leaves in its arrays."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

import fastscratch as fs
from fastscratch import backend

from .case import Case, Draw, normal, positive

# Two parameters, one of them a filter whose gradient may lie channels-last, with tails for every register.
SHAPES = ((7, 5), (3, 2, 3, 3))
LARGE = ((300, 401), (5,))
BENCH = ((784, 256), (256,))


def _both(draw: Callable[..., Draw], shapes: Any = SHAPES) -> tuple[Draw, ...]:
    return tuple(draw(*shape) for shape in shapes)


def _step(name: str, kernel: str, lists: int, *options: Any, left_out: tuple[int, ...] = (), **row: Any) -> Case:
    """A row for a kernel over `lists` lists of two arrays each (parameters, gradients, state), None where left out."""

    def call(*tensors: Any) -> Any:
        pairs = iter([[tensors[i].array, tensors[i + 1].array] for i in range(0, len(tensors), 2)])
        arguments = [None if i in left_out else next(pairs) for i in range(lists)]
        getattr(backend, kernel)(*arguments, *options)
        return tensors

    return Case(name, call, gradient=False, inplace=True, **row)


def _sgd(name: str, momentum: float, *options: Any, shapes: Any = SHAPES, **row: Any) -> Case:
    """options: dampening, weight_decay, nesterov, maximize."""
    inputs = _both(normal, shapes) * (3 if momentum else 2)
    left_out = () if momentum else (2,)
    return _step(name, "sgd_step", 3, 0.1, momentum, *options, left_out=left_out, inputs=inputs, **row)


def _rmsprop(name: str, *options: Any, left_out: tuple[int, ...] = (), shapes: Any = SHAPES) -> Case:
    """options: weight_decay, momentum, maximize."""
    small = _both(lambda *shape: normal(*shape, scale=0.1), shapes)
    inputs = _both(normal, shapes) * 2 + _both(positive, shapes) + small * (2 - len(left_out))
    return _step(name, "rmsprop_step", 5, 0.01, 0.9, 1e-8, *options, left_out=left_out, inputs=inputs)


def _adam(name: str, step: int, *options: Any, amsgrad: bool = False, shapes: Any = SHAPES, **row: Any) -> Case:
    """options: weight_decay, decoupled, maximize."""
    left_out = () if amsgrad else (4,)
    inputs = _both(normal, shapes) * 3 + _both(positive, shapes) * (2 if amsgrad else 1)
    hyper = (step, 1e-2, 0.9, 0.999, 1e-8)
    return _step(name, "adam_step", 5, *hyper, *options, left_out=left_out, inputs=inputs, **row)


def _norm(ord: float) -> Callable[..., Any]:
    return lambda *grads: fs.tensor(np.asarray(backend.grad_norm([g.array for g in grads], ord)))


def _changed(kernel: str, *values: Any) -> Callable[..., Any]:
    def call(*tensors: Any) -> Any:
        getattr(backend, kernel)([t.array for t in tensors], *values)
        return tensors

    return call


CASES = [
    _sgd("sgd", 0, 0, 0, False, False, bench=_both(normal, BENCH) * 2),
    _sgd("sgd_weight_decay_maximize", 0, 0, 0.1, False, True),
    _sgd("sgd_momentum", 0.9, 0.5, 0.01, False, False),
    _sgd("sgd_nesterov", 0.9, 0, 0.01, True, False),
    _sgd("sgd_large", 0.9, 0, 0, True, False, shapes=LARGE),
    _rmsprop("rmsprop", 0, 0, False, left_out=(3, 4)),
    _rmsprop("rmsprop_weight_decay_maximize", 0.1, 0, True, left_out=(3, 4)),
    _rmsprop("rmsprop_momentum", 0, 0.9, False, left_out=(3,)),
    _rmsprop("rmsprop_centered", 0, 0, False, left_out=(4,)),
    _rmsprop("rmsprop_centered_momentum", 0.1, 0.9, False),
    _rmsprop("rmsprop_large", 0.1, 0.9, False, shapes=LARGE),
    _adam("adam_first", 1, 0, False, False, bench=_both(normal, BENCH) * 3 + _both(positive, BENCH)),
    _adam("adam_weight_decay_maximize", 10, 0.1, False, True),
    _adam("adam_decoupled", 3, 0.1, True, False),
    _adam("adam_amsgrad", 3, 0.1, False, False, amsgrad=True),
    _adam("adam_large", 3, 0, False, False, shapes=LARGE),
    Case("grad_norm", _norm(2), _both(normal), gradient=False),
    Case("grad_norm_large", _norm(2), _both(normal, LARGE), gradient=False),
    Case("grad_norm_inf", _norm(math.inf), _both(normal), gradient=False),
    Case("grad_norm_inf_large", _norm(math.inf), _both(normal, LARGE), gradient=False),
    Case("grad_norm_empty", _norm(2), (normal(0, 3),), gradient=False, specials=False),
    Case("scale_arrays", _changed("scale_arrays", 0.3), _both(normal), gradient=False, inplace=True),
    Case("clamp_arrays", _changed("clamp_arrays", 0.3), _both(normal), gradient=False, inplace=True),
    Case("clip_norm", _changed("clip_norm", 0.3, 2, False), _both(normal), gradient=False, inplace=True),
    Case("clip_norm_inf", _changed("clip_norm", 0.3, math.inf, False), _both(normal), gradient=False, inplace=True),
    Case("clip_norm_large", _changed("clip_norm", 2, 2, False), _both(normal, LARGE), gradient=False, inplace=True),
    Case("clip_norm_finite", _changed("clip_norm", 0.3, 2, True), _both(normal), gradient=False, inplace=True),
    Case("zero_arrays", _changed("zero_arrays"), _both(normal), gradient=False, inplace=True),
]  # fmt: skip
