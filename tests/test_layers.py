"""Every layer and every loss: gradients by differences, and the same as PyTorch where it is installed."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

import fastscratch as fs
from fastscratch import nn

Shape = tuple[int, ...]


@dataclass(frozen=True)
class Layer:
    """make(lib.nn) builds it in either library; inputs are normal numbers, or labels below `labels`."""

    make: Callable[[Any], Any]
    shapes: tuple[Shape, ...]
    labels: int = 0

    def inputs(self) -> list[np.ndarray]:
        rng = np.random.default_rng(0)
        if self.labels:
            return [rng.integers(0, self.labels, shape) for shape in self.shapes]
        return [rng.standard_normal(shape) for shape in self.shapes]


LAYERS = {
    "linear": Layer(lambda n: n.Linear(4, 3), ((5, 4), (4,), (2, 3, 4), (0, 4))),
    "linear without bias": Layer(lambda n: n.Linear(4, 3, bias=False), ((5, 4),)),
    "identity": Layer(lambda n: n.Identity(), ((5, 4),)),
    "flatten": Layer(lambda n: n.Flatten(), ((2, 3, 4, 5), (2, 3))),
    "flatten some": Layer(lambda n: n.Flatten(0, -2), ((2, 3, 4, 5),)),
    "unflatten": Layer(lambda n: n.Unflatten(1, (2, -1)), ((3, 8), (3, 8, 2))),
    "conv1d": Layer(lambda n: n.Conv1d(3, 4, 3), ((2, 3, 7), (3, 7))),
    "conv1d all": Layer(
        lambda n: n.Conv1d(4, 6, 3, stride=2, padding=2, dilation=2, groups=2, bias=False), ((2, 4, 9),)
    ),
    "conv2d": Layer(lambda n: n.Conv2d(3, 4, 3), ((2, 3, 6, 5), (3, 6, 5))),
    "conv2d all": Layer(lambda n: n.Conv2d(4, 6, (3, 2), (2, 1), (1, 0), (1, 2), 2, False), ((2, 4, 7, 6),)),
    "conv2d same": Layer(lambda n: n.Conv2d(2, 3, (3, 4), padding="same", dilation=(1, 2)), ((2, 2, 5, 6),)),
    "conv2d valid": Layer(lambda n: n.Conv2d(2, 3, 3, padding="valid"), ((1, 2, 5, 6),)),
    "conv2d depthwise": Layer(lambda n: n.Conv2d(3, 3, 3, padding=1, groups=3), ((2, 3, 4, 4),)),
    "conv2d reflect": Layer(lambda n: n.Conv2d(2, 3, 3, padding=(2, 1), padding_mode="reflect"), ((1, 2, 5, 4),)),
    "conv2d circular": Layer(
        lambda n: n.Conv2d(2, 3, (2, 3), padding="same", padding_mode="circular"), ((1, 2, 5, 4),)
    ),
    "conv1d replicate": Layer(lambda n: n.Conv1d(2, 3, 3, padding=2, padding_mode="replicate"), ((1, 2, 5),)),
    "max pool 1d": Layer(lambda n: n.MaxPool1d(2), ((2, 3, 7),)),
    "max pool 2d": Layer(lambda n: n.MaxPool2d(2), ((2, 3, 6, 5),)),
    "max pool 2d all": Layer(lambda n: n.MaxPool2d((3, 2), (2, 1), (1, 0), (1, 2), False, True), ((2, 3, 6, 5),)),
    "avg pool 1d": Layer(lambda n: n.AvgPool1d(3, 2, 1), ((2, 3, 7),)),
    "avg pool 2d": Layer(lambda n: n.AvgPool2d(2), ((2, 3, 6, 5),)),
    "avg pool 2d all": Layer(lambda n: n.AvgPool2d((3, 2), (2, 1), (1, 0), True, False), ((2, 3, 6, 5),)),
    "avg pool 2d divisor": Layer(lambda n: n.AvgPool2d(2, divisor_override=3), ((2, 3, 6, 5),)),
    "adaptive 1d": Layer(lambda n: n.AdaptiveAvgPool1d(3), ((2, 3, 7),)),
    "adaptive 2d": Layer(lambda n: n.AdaptiveAvgPool2d((2, None)), ((2, 3, 7, 5),)),
    "adaptive 2d to one": Layer(lambda n: n.AdaptiveAvgPool2d(1), ((2, 3, 7, 5),)),
    "batch norm 1d": Layer(lambda n: n.BatchNorm1d(3), ((5, 3), (4, 3, 2))),
    "batch norm 2d": Layer(lambda n: n.BatchNorm2d(3), ((4, 3, 2, 5),)),
    "batch norm cumulative": Layer(lambda n: n.BatchNorm1d(3, 1e-3, None), ((5, 3), (5, 3))),
    "batch norm plain": Layer(lambda n: n.BatchNorm2d(3, affine=False), ((4, 3, 2, 5),)),
    "batch norm stateless": Layer(lambda n: n.BatchNorm1d(3, track_running_stats=False), ((5, 3),)),
    "batch norm without bias": Layer(lambda n: n.BatchNorm1d(3, bias=False), ((5, 3),)),
    "layer norm": Layer(lambda n: n.LayerNorm(4), ((5, 4), (2, 3, 4))),
    "layer norm of two axes": Layer(lambda n: n.LayerNorm((3, 4), bias=False), ((2, 3, 4),)),
    "layer norm plain": Layer(lambda n: n.LayerNorm([4], elementwise_affine=False), ((5, 4),)),
    "group norm": Layer(lambda n: n.GroupNorm(2, 4), ((3, 4, 2), (2, 4, 3, 2))),
    "group norm plain": Layer(lambda n: n.GroupNorm(4, 4, affine=False), ((2, 4, 3),)),
    "group norm without bias": Layer(lambda n: n.GroupNorm(1, 4, bias=False), ((3, 4, 2),)),
    "dropout of none": Layer(lambda n: n.Dropout(0.0), ((5, 4),)),
    "embedding": Layer(lambda n: n.Embedding(6, 3), ((5,), (2, 4), ()), labels=6),
    "embedding with padding": Layer(lambda n: n.Embedding(4, 3, padding_idx=-1), ((9,),), labels=4),
    "sequential": Layer(
        lambda n: n.Sequential(
            n.Conv2d(1, 3, 3), n.BatchNorm2d(3), n.ReLU(), n.MaxPool2d(2), n.Flatten(), n.Linear(12, 2), n.LogSoftmax(1)
        ),
        ((3, 1, 6, 6),),
    ),
    "relu": Layer(lambda n: n.ReLU(), ((5, 4),)),
    "leaky relu": Layer(lambda n: n.LeakyReLU(0.2), ((5, 4),)),
    "prelu": Layer(lambda n: n.PReLU(), ((5, 4),)),
    "prelu per channel": Layer(lambda n: n.PReLU(4, init=0.1), ((5, 4), (2, 4, 3))),
    "elu": Layer(lambda n: n.ELU(0.7), ((5, 4),)),
    "celu": Layer(lambda n: n.CELU(0.7), ((5, 4),)),
    "selu": Layer(lambda n: n.SELU(), ((5, 4),)),
    "gelu": Layer(lambda n: n.GELU(), ((5, 4),)),
    "gelu tanh": Layer(lambda n: n.GELU("tanh"), ((5, 4),)),
    "silu": Layer(lambda n: n.SiLU(), ((5, 4),)),
    "mish": Layer(lambda n: n.Mish(), ((5, 4),)),
    "sigmoid": Layer(lambda n: n.Sigmoid(), ((5, 4),)),
    "log sigmoid": Layer(lambda n: n.LogSigmoid(), ((5, 4),)),
    "tanh": Layer(lambda n: n.Tanh(), ((5, 4),)),
    "tanhshrink": Layer(lambda n: n.Tanhshrink(), ((5, 4),)),
    "softsign": Layer(lambda n: n.Softsign(), ((5, 4),)),
    "softplus": Layer(lambda n: n.Softplus(2.0, 1.0), ((5, 4),)),
    "hardtanh": Layer(lambda n: n.Hardtanh(-0.5, 1.5), ((5, 4),)),
    "relu6": Layer(lambda n: n.ReLU6(), ((5, 4),)),
    "hardsigmoid": Layer(lambda n: n.Hardsigmoid(), ((5, 4),)),
    "hardswish": Layer(lambda n: n.Hardswish(), ((5, 4),)),
    "softmax": Layer(lambda n: n.Softmax(1), ((5, 4), (2, 3, 4))),
    "softmin": Layer(lambda n: n.Softmin(dim=-1), ((5, 4),)),
    "log softmax": Layer(lambda n: n.LogSoftmax(dim=0), ((5, 4),)),
}

PROBABILITIES = np.random.default_rng(5).dirichlet(np.ones(4), 6)
LABELS = np.array([0, 3, 1, -100, 2, 2])
WEIGHT = [0.5, 1.0, 2.0, 1.5]


@dataclass(frozen=True)
class Loss:
    """make(lib.nn, tensor) builds it; input and target are arrays."""

    make: Callable[[Any, Any], Any]
    input: np.ndarray
    target: np.ndarray


def normal(*shape: int, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape)


LOSSES = {
    "mse": Loss(lambda n, t: n.MSELoss(), normal(6, 4), normal(6, 4, seed=2)),
    "mse sum": Loss(lambda n, t: n.MSELoss(reduction="sum"), normal(6, 4), normal(6, 4, seed=2)),
    "l1": Loss(lambda n, t: n.L1Loss(reduction="none"), normal(6, 4), normal(6, 4, seed=2)),
    "smooth l1": Loss(lambda n, t: n.SmoothL1Loss(beta=0.5), normal(6, 4), normal(6, 4, seed=2)),
    "huber": Loss(lambda n, t: n.HuberLoss(delta=0.7), normal(6, 4), normal(6, 4, seed=2)),
    "cross entropy": Loss(lambda n, t: n.CrossEntropyLoss(), normal(6, 4), LABELS),
    "cross entropy all": Loss(
        lambda n, t: n.CrossEntropyLoss(t(WEIGHT), label_smoothing=0.1, ignore_index=2), normal(6, 4), abs(LABELS) % 4
    ),
    "cross entropy of probabilities": Loss(
        lambda n, t: n.CrossEntropyLoss(t(WEIGHT), reduction="sum"), normal(6, 4), PROBABILITIES
    ),
    "cross entropy of pixels": Loss(
        lambda n, t: n.CrossEntropyLoss(reduction="none"), normal(2, 4, 3), np.array([[0, 1, 3], [2, 2, 0]])
    ),
    "nll": Loss(lambda n, t: n.NLLLoss(t(WEIGHT)), np.log(PROBABILITIES), LABELS),
    "nll sum": Loss(lambda n, t: n.NLLLoss(ignore_index=3, reduction="sum"), np.log(PROBABILITIES), abs(LABELS) % 4),
    "bce": Loss(lambda n, t: n.BCELoss(), PROBABILITIES, np.round(PROBABILITIES)),
    "bce weighted": Loss(lambda n, t: n.BCELoss(t(WEIGHT), reduction="sum"), PROBABILITIES, PROBABILITIES[::-1].copy()),
    "bce with logits": Loss(lambda n, t: n.BCEWithLogitsLoss(), normal(6, 4), np.round(PROBABILITIES)),
    "bce with logits weighted": Loss(
        lambda n, t: n.BCEWithLogitsLoss(t(WEIGHT), pos_weight=t(WEIGHT[::-1])), normal(6, 4), PROBABILITIES
    ),
    "kl": Loss(lambda n, t: n.KLDivLoss(reduction="batchmean"), normal(6, 4), PROBABILITIES),
    "kl log": Loss(lambda n, t: n.KLDivLoss(reduction="sum", log_target=True), normal(6, 4), np.log(PROBABILITIES)),
}


def theirs_of(torch: Any, case: Layer, ours: nn.Module) -> Any:
    """PyTorch's layer with our layer's values."""
    theirs = case.make(torch.nn).double()
    assert list(theirs.state_dict()) == list(ours.state_dict())
    theirs.load_state_dict({k: torch.from_numpy(np.array(v.numpy())) for k, v in ours.state_dict().items()})
    return theirs


# PyTorch computes these with constants rounded to float32.
COARSE = {"celu": 1e-7, "hardsigmoid": 1e-7}
# Their gradient is not the derivative: the row of the padding gets none.
NO_DERIVATIVE = {"embedding with padding"}


def pass_through(lib: Any, layer: Any, array: np.ndarray) -> list[np.ndarray]:
    """The output, the gradients of input and parameters, and the buffers afterwards."""
    x = lib.tensor(array)
    if array.dtype.kind == "f":
        x.requires_grad = True
    layer.zero_grad()
    y = layer(x)
    found = [y.detach().numpy()]
    if y.requires_grad:
        y.backward(lib.tensor(np.random.default_rng(1).standard_normal(tuple(y.shape))))
        found += [t.grad.numpy() for t in (x, *layer.parameters()) if t.grad is not None]
    return found + [b.numpy().copy() for b in layer.buffers()]


@pytest.mark.parametrize("name", LAYERS)
def test_layer_as_torch(name: str) -> None:
    torch = pytest.importorskip("torch")
    case = LAYERS[name]
    assert repr(case.make(nn)) == repr(case.make(torch.nn))
    ours = case.make(nn).double()
    theirs = theirs_of(torch, case, ours)
    for training in (True, False):
        ours.train(training)
        theirs.train(training)
        for array in case.inputs():
            got, wanted = pass_through(fs, ours, array), pass_through(torch, theirs, array)
            assert len(got) == len(wanted)
            for a, b in zip(got, wanted, strict=True):
                np.testing.assert_allclose(a, b, rtol=COARSE.get(name, 1e-9), atol=1e-11)


@pytest.mark.parametrize("name", [name for name in LAYERS if name not in NO_DERIVATIVE])
def test_layer_gradient(name: str) -> None:
    layer = LAYERS[name].make(nn).double()
    for array in LAYERS[name].inputs():
        x = fs.tensor(array)
        x.requires_grad = x.is_floating_point()
        if x.requires_grad or list(layer.parameters()):
            assert fs.autograd.gradcheck(lambda x, *_: layer(x), [x, *layer.parameters()])


@pytest.mark.parametrize("name", LOSSES)
def test_loss_as_torch(name: str) -> None:
    torch = pytest.importorskip("torch")
    case = LOSSES[name]
    results = []
    for lib in (fs, torch):
        module = case.make(lib.nn, lambda v, lib=lib: lib.tensor(v, dtype=lib.float64))
        assert repr(module) == f"{type(module).__name__}()"
        x = lib.tensor(case.input, requires_grad=True)
        y = module(x, lib.tensor(case.target))
        y.backward(lib.tensor(np.random.default_rng(1).standard_normal(tuple(y.shape))))
        results.append((y.detach().numpy(), x.grad.numpy(), list(module.state_dict())))
    np.testing.assert_allclose(results[0][0], results[1][0], rtol=1e-10)
    np.testing.assert_allclose(results[0][1], results[1][1], rtol=1e-9, atol=1e-12)
    assert results[0][2] == results[1][2]


@pytest.mark.parametrize("name", LOSSES)
def test_loss_gradient(name: str) -> None:
    case = LOSSES[name]
    module = case.make(nn, lambda v: fs.tensor(v, dtype=fs.float64))
    target = fs.tensor(case.target)
    x = fs.tensor(case.input, requires_grad=True)
    assert fs.autograd.gradcheck(lambda x: module(x, target), x)


def test_every_layer_is_tested() -> None:
    made = {type(m) for case in LAYERS.values() for m in case.make(nn).modules()}
    made |= {type(case.make(nn, fs.tensor)) for case in LOSSES.values()}
    elsewhere = {
        nn.Module, nn.Elementwise, nn.ModuleDict, nn.ModuleList, nn.ParameterList, nn.Dropout1d, nn.Dropout2d,
    }  # fmt: skip
    public = {v for v in vars(nn).values() if isinstance(v, type) and issubclass(v, nn.Module)}
    assert public - elsewhere == made


# ---- what a table does not say ----


@pytest.mark.parametrize(("kind", "shape", "whole"), [
    (nn.Dropout, (50, 40), False), (nn.Dropout1d, (30, 20, 5), True), (nn.Dropout2d, (20, 30, 3, 2), True),
])  # fmt: skip
def test_dropout(kind, shape, whole) -> None:
    layer = kind(0.25)
    assert repr(layer) == f"{kind.__name__}(p=0.25, inplace=False)"
    x = fs.ones(*shape)
    fs.manual_seed(1)
    y = layer(x).numpy()
    assert set(np.unique(y)) == {np.float32(0), np.float32(1 / 0.75)}
    assert (y == 0).mean() == pytest.approx(0.25, abs=0.05)
    if whole:
        channels = y.reshape(*shape[:2], -1)
        assert (channels == channels[:, :, :1]).all()
    assert layer.eval()(x) is x
    with pytest.raises(ValueError, match=r"p must be in \[0, 1\], got 1.5"):
        kind(1.5)


def test_inplace_activations_change_their_input() -> None:
    for make in (nn.ReLU, nn.LeakyReLU, nn.ELU, nn.SELU, nn.CELU, nn.SiLU, nn.Mish, nn.Hardtanh, nn.ReLU6):
        layer = make(inplace=True)
        assert "inplace=True" in repr(layer)
        x = fs.tensor([-1.0, 2.0])
        wanted = make()(x).numpy().copy()
        assert layer(x) is x
        np.testing.assert_array_equal(x.numpy(), wanted)


def test_default_values() -> None:
    fs.manual_seed(0)
    for layer, fan_in in (
        (nn.Linear(400, 50), 400),
        (nn.Conv2d(16, 30, 5), 400),
        (nn.Conv1d(20, 40, 10, groups=2), 100),
    ):
        bound = 1 / np.sqrt(fan_in)
        for p in layer.parameters():
            values = p.detach().numpy()
            assert abs(values).max() <= bound and abs(values).max() > 0.9 * bound
            assert values.std() == pytest.approx(bound / np.sqrt(3), rel=0.25)
    assert nn.Linear(3, 2, dtype=fs.float64).weight.dtype == fs.float64
    table = nn.Embedding(1000, 8, padding_idx=2).weight.detach().numpy()
    assert table.std() == pytest.approx(1, rel=0.05) and (table[2] == 0).all()


def test_embedding_from_pretrained() -> None:
    table = fs.tensor([[1.0, 2.0], [3.0, 4.0]])
    layer = nn.Embedding.from_pretrained(table)
    assert layer.weight.array is table.array and not layer.weight.requires_grad
    assert layer(fs.tensor([1])).tolist() == [[3.0, 4.0]]
    assert nn.Embedding.from_pretrained(table, freeze=False).weight.requires_grad


def test_max_pool_indices() -> None:
    x = fs.tensor(np.arange(16.0).reshape(1, 1, 4, 4))
    values, indices = nn.MaxPool2d(2, return_indices=True)(x)
    assert values.tolist() == [[[[5.0, 7.0], [13.0, 15.0]]]]
    assert indices.tolist() == [[[[5, 7], [13, 15]]]] and indices.dtype == fs.int64


def test_batch_norm_frozen_in_training_and_guard() -> None:
    layer = nn.BatchNorm1d(2, momentum=1.0)
    layer(fs.tensor([[0.0, 0.0], [2.0, 4.0]]))
    assert layer.running_mean.tolist() == [1.0, 2.0] and layer.running_var.tolist() == [2.0, 8.0]
    assert layer.num_batches_tracked.item() == 1
    layer.eval()
    layer(fs.ones(3, 2))
    assert layer.num_batches_tracked.item() == 1 and layer.running_mean.tolist() == [1.0, 2.0]
    layer.reset_running_stats()
    assert layer.running_var.tolist() == [1.0, 1.0] and layer.num_batches_tracked.item() == 0


@pytest.mark.parametrize(
    ("act", "error", "message"),
    [
        (lambda: nn.Conv2d(3, 4, 3, groups=2), ValueError, "in_channels must be divisible by groups=2, got 3"),
        (lambda: nn.Conv2d(4, 3, 3, groups=2), ValueError, "out_channels must be divisible by groups=2, got 3"),
        (lambda: nn.Conv2d(4, 4, 3, groups=0), ValueError, "groups must be positive, got 0"),
        (lambda: nn.Conv2d(4, 4, 3, padding="some"), ValueError, "got 'some'"),
        (lambda: nn.Conv2d(4, 4, 3, 2, padding="same"), ValueError, "needs stride 1, got 2"),
        (lambda: nn.Conv2d(4, 4, (3, 3, 3)), ValueError, "kernel_size must be an int or 2 of them"),
        (lambda: nn.Conv1d(4, 4, 3, padding_mode="x"), ValueError, "padding_mode must be one of .* got 'x'"),
        (lambda: nn.Embedding(3, 2, padding_idx=3), ValueError, "padding_idx 3 is not one of the 3 rows"),
        (lambda: nn.Embedding(3, 2, max_norm=1.0), NotImplementedError, "max_norm"),
        (lambda: nn.Embedding.from_pretrained(fs.ones(3)), ValueError, "expected a table with 2 axes"),
        (lambda: nn.Embedding(3, 2)(fs.tensor([3])), IndexError, "3"),
        (lambda: nn.BatchNorm2d(3)(fs.ones(2, 3)), ValueError, r"BatchNorm2d: expected an input with 4 axes, got shape"),
        (lambda: nn.BatchNorm1d(3)(fs.ones(1, 3)), ValueError, "more than 1 value per channel"),
        (lambda: nn.GroupNorm(4, 6), ValueError, "num_channels=6 must be divisible by num_groups=4"),
        (lambda: nn.Hardtanh(1.0, 1.0), ValueError, "expected min_val < max_val"),
        (lambda: nn.MSELoss(reduction="median"), ValueError, "MSELoss: reduction must be .* got 'median'"),
        (lambda: nn.Unflatten("a", (2,)), TypeError, "dim must be an int, got str"),
        (lambda: nn.Unflatten(1, (2.5,)), TypeError, "must be a sequence of ints"),
        (lambda: nn.Flatten(2, 1)(fs.ones(2, 3, 4)), RuntimeError, "start_dim"),
        (lambda: nn.Linear(3, 2)(fs.ones(4, 5)), RuntimeError, r"linear: .*\(4, 5\)"),
        (lambda: nn.Linear(3, 2, device="cuda"), RuntimeError, "only device here is the cpu"),
    ],
)  # fmt: skip
def test_errors(act, error, message) -> None:
    with pytest.raises(error, match=message):
        act()


def test_older_names_of_reductions() -> None:
    assert nn.MSELoss(reduce=False).reduction == "none"
    assert nn.MSELoss(size_average=False).reduction == "sum"
    assert nn.KLDivLoss(reduction="batchmean").reduction == "batchmean"


def test_training_as_torch() -> None:
    """Ten steps of a small network with batch norm: the same losses, parameters and running statistics."""
    torch = pytest.importorskip("torch")
    ours = LAYERS["sequential"].make(nn).double()
    theirs = theirs_of(torch, LAYERS["sequential"], ours)
    x, labels = normal(8, 1, 6, 6), np.arange(8) % 2
    for lib, net in ((fs, ours), (torch, theirs)):
        optimizer, criterion = lib.optim.SGD(net.parameters(), lr=0.1, momentum=0.9), lib.nn.CrossEntropyLoss()
        for _ in range(10):
            optimizer.zero_grad()
            loss = criterion(net(lib.tensor(x)), lib.tensor(labels))
            loss.backward()
            optimizer.step()
        net.loss = loss.item()
    assert ours.loss == pytest.approx(theirs.loss, rel=1e-9) and ours.loss < 0.3
    for name, value in theirs.state_dict().items():
        np.testing.assert_allclose(ours.state_dict()[name].numpy(), value.numpy(), rtol=1e-8, atol=1e-11)
