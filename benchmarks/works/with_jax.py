"""The networks of the steps in JAX: pure functions, one compiled step that reuses the parameters' memory."""

from collections.abc import Callable
from typing import Any

import numpy as np

from ..library import Call

Layer = tuple[Any, ...]

MLP: list[Layer] = [("linear", 784, 128), ("tanh",), ("linear", 128, 10)]
TINY_MLP: list[Layer] = [("linear", 2, 16), ("tanh",), ("linear", 16, 16), ("tanh",), ("linear", 16, 2)]
CNN: list[Layer] = [
    *(("conv", 1, 32), ("relu",), ("pool",), ("conv", 32, 64), ("relu",), ("pool",)),
    *(("flatten",), ("linear", 1600, 128), ("relu",), ("linear", 128, 10)),
]


def _parameters(layers: list[Layer]) -> list[Any]:
    rng = np.random.default_rng(1)
    shapes = {"linear": lambda i, o: (i, o), "conv": lambda i, o: (3, 3, i, o)}
    parameters = []
    for kind, *sizes in layers:
        if kind in shapes:
            shape = shapes[kind](*sizes)
            spread = 1 / np.sqrt(np.prod(shape[:-1]))
            weight = (rng.standard_normal(shape) * spread).astype(np.float32)
            parameters.append((weight, np.zeros(shape[-1], np.float32)))
    return parameters


def _forward(layers: list[Layer], parameters: list[Any], x: Any) -> Any:
    """The logits; images are channels-last."""
    import jax
    from jax import lax

    left = iter(parameters)
    for kind, *_ in layers:
        if kind == "linear":
            w, b = next(left)
            x = x @ w + b
        elif kind == "conv":
            w, b = next(left)
            x = lax.conv_general_dilated(x, w, (1, 1), "VALID", dimension_numbers=("NHWC", "HWIO", "NHWC")) + b
        elif kind == "pool":
            x = lax.reduce_window(x, -np.inf, lax.max, (1, 2, 2, 1), (1, 2, 2, 1), "VALID")
        elif kind == "flatten":
            x = x.reshape(x.shape[0], -1)
        else:
            x = {"tanh": jax.numpy.tanh, "relu": jax.nn.relu}[kind](x)
    return x


def step(layers: list[Layer], shape: tuple[int, ...], classes: int, *, momentum: float = 0.0) -> Callable[[int], Call]:
    """One step of SGD on one batch."""

    def build(threads: int) -> Call:
        import jax

        rng = np.random.default_rng(0)
        x = jax.device_put(rng.random(shape, dtype=np.float32))
        y = jax.device_put(rng.integers(0, classes, shape[0]))

        def loss(parameters: Any, x: Any, y: Any) -> Any:
            log_p = jax.nn.log_softmax(_forward(layers, parameters, x))
            return -jax.numpy.take_along_axis(log_p, y[:, None], 1).mean()

        def update(parameters: Any, velocity: Any, x: Any, y: Any) -> Any:
            value, gradient = jax.value_and_grad(loss)(parameters, x, y)
            velocity = jax.tree.map(lambda v, g: momentum * v + g, velocity, gradient)
            return value, jax.tree.map(lambda p, v: p - 1e-3 * v, parameters, velocity), velocity

        compiled = jax.jit(update, donate_argnums=(0, 1))
        parameters = jax.device_put(_parameters(layers))
        state = [parameters, jax.tree.map(jax.numpy.zeros_like, parameters)]

        def call() -> Any:
            value, *state[:] = compiled(*state, x, y)
            return value.block_until_ready()

        return call

    return build


def predict(layers: list[Layer], shape: tuple[int, ...]) -> Callable[[int], Call]:
    """The logits of one batch."""

    def build(threads: int) -> Call:
        import jax

        x = jax.device_put(np.random.default_rng(0).random(shape, dtype=np.float32))
        parameters = jax.device_put(_parameters(layers))
        compiled = jax.jit(lambda parameters, x: _forward(layers, parameters, x))
        return lambda: compiled(parameters, x).block_until_ready()

    return build
