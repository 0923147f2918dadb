"""Networks that nobody chose: layers in random order and with random options, fused, layer by layer, and on NumPy."""

import copy
from typing import Any

import numpy as np
import pytest
from conftest import needs_extension

import fastscratch as fs
from fastscratch import nn

Layer = tuple[str, tuple[Any, ...], dict[str, Any]]  # the name of a module, and its arguments
SEEDS = range(48)


class Drawing:
    """A network as it grows: its layers, and the shape (channels, ...) of what comes out of them, without the batch."""

    def __init__(self, seed: int, batch_norm: bool) -> None:
        self.rng = np.random.default_rng(seed)
        self.axes = int(self.rng.integers(1, 3))
        self.batch_norm = batch_norm
        sizes = self.rng.integers(5, 12, self.axes)
        self.shape: tuple[int, ...] = (2 * int(self.rng.integers(1, 3)), *map(int, sizes))
        self.input = (int(self.rng.integers(2, 5)), *self.shape)
        self.layers: list[Layer] = []

    def one_of(self, *choices: Any) -> Any:
        return choices[self.rng.integers(len(choices))]

    def add(self, name: str, *args: Any, **options: Any) -> None:
        self.layers.append((name, args, options))

    def convolution(self) -> None:
        c, sizes = self.shape[0], self.shape[1:]
        kernel, pad, step = self.one_of(1, 2, 3, 3), self.one_of(0, 1, 2), self.one_of(1, 1, 2)
        spread, groups, k = self.one_of(1, 1, 2), self.one_of(1, 1, 2, c), c * self.one_of(1, 2)
        reach = spread * (kernel - 1)
        if min(sizes) + 2 * pad - reach < 1 or c % groups:
            return
        options = {
            "stride": step,
            "padding": pad,
            "dilation": spread,
            "groups": groups,
            "bias": self.one_of(True, False),
        }
        self.add(f"Conv{self.axes}d", c, k, kernel, **options)
        self.shape = (k, *((s + 2 * pad - reach - 1) // step + 1 for s in sizes))

    def pool(self) -> None:
        kernel, step, pad = self.one_of(2, 2, 3), self.one_of(None, None, 1), self.one_of(0, 0, 1)
        kind, kernel = self.one_of(("Max", kernel), ("Max", kernel), ("Avg", 2))  # a mean without rounding
        if min(self.shape[1:]) < kernel:
            return
        self.add(f"{kind}Pool{self.axes}d", kernel, stride=step, padding=pad)
        self.shape = (self.shape[0], *((s + 2 * pad - kernel) // (step or kernel) + 1 for s in self.shape[1:]))

    def activation(self) -> None:
        fresh = self.layers and self.layers[-1][0].startswith(("Conv", "BatchNorm"))
        self.add("ReLU", inplace=bool(fresh and self.one_of(True, False)))

    def normalization(self) -> None:
        if self.batch_norm:
            options = {"affine": self.one_of(True, False), "track_running_stats": self.one_of(True, True, False)}
            self.add(f"BatchNorm{self.axes}d", self.shape[0], momentum=self.one_of(0.1, None), **options)

    def drop(self) -> None:
        self.add("Dropout", 0.5)

    def head(self) -> None:
        self.add("Flatten")
        features = int(np.prod(self.shape))
        for _ in range(self.rng.integers(1, 3)):
            width = int(self.rng.integers(1, 9))
            self.add("Linear", features, width, bias=self.one_of(True, False))
            self.add(*self.one_of(("ReLU",), ("ReLU",), ("Dropout", 0.5)))
            features = width
        self.add("Linear", features, 3)


def drawn(seed: int, batch_norm: bool = True) -> tuple[list[Layer], tuple[int, ...]]:
    """The layers of a network and the shape of its input."""
    d = Drawing(seed, batch_norm)
    for _ in range(d.rng.integers(1, 4)):
        for step in (d.convolution, d.normalization, d.activation, d.pool, d.drop):
            if d.rng.random() < 0.7:
                step()
    d.head()
    return d.layers, d.input


def whole_numbers(seed: int, shape: Any, dtype: Any) -> np.ndarray:
    """Small ones: their sums and products are exact, in whatever order."""
    return np.random.default_rng(seed).integers(-2, 3, shape).astype(dtype)


def made(layers: list[Layer], library: Any = nn) -> Any:
    return library.Sequential(*(getattr(library, name)(*args, **options) for name, args, options in layers))


def filled(layers: list[Layer], dtype: Any) -> nn.Sequential:
    net = made(layers).to(dtype)
    for i, parameter in enumerate(net.parameters()):
        parameter.data = fs.from_numpy(whole_numbers(i, parameter.shape, dtype))
    return net


def everything(net: nn.Sequential, shape: tuple[int, ...], dtype: Any, fused: bool) -> dict[str, np.ndarray]:
    """Results, gradients and state of a copy after two steps of training, the second on other numbers, and a prediction."""
    net, found = copy.deepcopy(net), {}
    with nn.fusion(fused):
        for step in range(2):
            fs.manual_seed(step)
            net.zero_grad()
            x = fs.Tensor(whole_numbers(50 + step, shape, dtype), requires_grad=True)
            y = net.train()(x)
            y.backward(fs.Tensor(whole_numbers(99, y.shape, dtype)))
            found |= {f"y {step}": y.detach().numpy(), f"dx {step}": x.grad.numpy()}
            found |= {f"d {name} {step}": p.grad.numpy() for name, p in net.named_parameters()}
        x = fs.Tensor(whole_numbers(52, shape, dtype), requires_grad=True)
        y = net.eval()(x)
        y.sum().backward()
        found |= {"prediction": y.detach().numpy(), "dx": x.grad.numpy()}
    return found | {name: value.numpy() for name, value in net.state_dict().items()}


def expect_same(got: dict[str, np.ndarray], wanted: dict[str, np.ndarray], gradients: float = 0) -> None:
    """Equal; but for gradients, whose errors may be so large a part of the largest number in any of them: that of a bias
    before a batch norm is 0, the difference of numbers as large as the others.
    """
    assert got.keys() == wanted.keys()
    largest = max(np.abs(value).max(initial=0) for name, value in wanted.items() if name.startswith("d"))
    for name, value in wanted.items():
        limit = gradients * largest if name.startswith("d") else 0
        assert got[name].dtype == value.dtype
        np.testing.assert_allclose(got[name], value, rtol=0, atol=limit, err_msg=name)


@pytest.mark.parametrize("seed", SEEDS)
def test_fused_is_layer_by_layer(seed: int) -> None:
    """On the twins, to the bit, running statistics included; only gradients behind a batch norm are sums of rounded
    numbers, in another order where a pool is joined to its convolution."""
    layers, shape = drawn(seed)
    net = filled(layers, np.float64)
    fs.backend.use("numpy")
    wanted = everything(net, shape, np.float64, False)
    expect_same(everything(net, shape, np.float64, True), wanted, gradients=1e-12)


@needs_extension
@pytest.mark.parametrize("seed", SEEDS)
def test_kernels_agree_with_numpy(seed: int) -> None:
    """Without batch norm every number is whole, so that all have to give the same, whatever the order of their sums."""
    layers, shape = drawn(seed, batch_norm=False)
    net = filled(layers, np.float64)
    fs.backend.use("numpy")
    wanted = everything(net, shape, np.float64, False)
    fs.backend.use("c", isa=fs.backend.isas()[seed % len(fs.backend.isas())])
    expect_same(everything(net, shape, np.float64, True), wanted)
    expect_same(everything(net, shape, np.float64, False), wanted)


@needs_extension
@pytest.mark.parametrize("seed", SEEDS)
def test_kernels_are_within_their_bounds(seed: int) -> None:
    layers, shape = drawn(seed)
    fs.backend.use("check", isa=fs.backend.isas()[seed % len(fs.backend.isas())])
    for dtype in (np.float32, np.float64):
        everything(filled(layers, dtype), shape, dtype, True)
