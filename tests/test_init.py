"""Initial values: their distributions, seeds and errors."""

import math

import numpy as np
import pytest

import fastscratch as fs
from fastscratch.nn import init


def draws(function, *args, shape=(300, 200), **kwargs) -> np.ndarray:
    tensor = fs.zeros(*shape, requires_grad=True)
    version = tensor._changed[0]
    assert function(tensor, *args, generator=fs.Generator().manual_seed(3), **kwargs) is tensor
    assert tensor.is_leaf and tensor.requires_grad and tensor._changed[0] > version
    return tensor.detach().numpy()


def assert_uniform(x: np.ndarray, bound: float) -> None:
    assert abs(x).max() <= bound and abs(x).max() > 0.999 * bound
    assert x.std() == pytest.approx(bound / math.sqrt(3), rel=0.02)
    assert abs(x.mean()) < 0.02 * bound


def assert_normal(x: np.ndarray, std: float) -> None:
    assert x.std() == pytest.approx(std, rel=0.02)
    assert abs(x.mean()) < 0.02 * std
    assert (abs(x) > 2 * std).mean() == pytest.approx(0.0455, rel=0.1)


def test_distributions() -> None:
    fan_in, fan_out = 200, 300
    assert_uniform(draws(init.uniform_, -2.0, 2.0), 2.0)
    assert_normal(draws(init.normal_, 0.0, 3.0), 3.0)
    assert_uniform(draws(init.xavier_uniform_, 2.0), 2 * math.sqrt(6 / (fan_in + fan_out)))
    assert_normal(draws(init.xavier_normal_), math.sqrt(2 / (fan_in + fan_out)))
    assert_uniform(draws(init.kaiming_uniform_, nonlinearity="relu"), math.sqrt(6 / fan_in))
    assert_uniform(draws(init.kaiming_uniform_, math.sqrt(5)), 1 / math.sqrt(fan_in))
    assert_normal(draws(init.kaiming_normal_, mode="fan_out", nonlinearity="relu"), math.sqrt(2 / fan_out))
    assert_normal(draws(init.kaiming_normal_, mode="FAN_IN", nonlinearity="tanh"), 5 / 3 / math.sqrt(fan_in))
    assert_uniform(draws(init.kaiming_uniform_, shape=(50, 40, 3, 3)), math.sqrt(6 / 360))


def test_truncated_normal() -> None:
    x = draws(init.trunc_normal_, std=0.02)
    assert_normal(x, 0.02)
    middle = draws(init.trunc_normal_)
    assert abs(middle).max() <= 2 and middle.std() == pytest.approx(0.8796, rel=0.01)
    tail = draws(init.trunc_normal_, a=6.0, b=100.0)
    assert tail.min() >= 6 and tail.mean() == pytest.approx(6.1584, rel=2e-3)  # phi(6) / Q(6)
    lopsided = draws(init.trunc_normal_, mean=1.0, a=-10.0, b=1.0)
    assert lopsided.max() <= 1 and lopsided.mean() == pytest.approx(1 - math.sqrt(2 / math.pi), rel=0.02)


def test_orthogonal() -> None:
    for shape in ((5, 3), (3, 5), (4, 2, 3, 1)):
        tensor = fs.zeros(*shape, dtype=fs.float64)
        init.orthogonal_(tensor, gain=2.0, generator=fs.Generator().manual_seed(1))
        q = tensor.numpy().reshape(shape[0], -1)
        gram = q.T @ q if q.shape[0] > q.shape[1] else q @ q.T
        np.testing.assert_allclose(gram, 4 * np.eye(len(gram)), atol=1e-12)
    signs = [np.sign(np.diag(draws(init.orthogonal_, shape=(40, 40)))).mean()]
    assert abs(signs[0]) < 0.6  # without the correction of the signs they would lean to one side


def test_constants() -> None:
    for function, wanted in ((init.ones_, 1), (init.zeros_, 0)):
        x = fs.tensor([3, 4])
        assert function(x) is x and (x.numpy() == wanted).all()
    assert (init.constant_(fs.zeros(3), 0.5).numpy() == 0.5).all()
    np.testing.assert_array_equal(init.eye_(fs.ones(2, 3)).numpy(), np.eye(2, 3))


@pytest.mark.parametrize(("shape", "groups"), [((4, 3, 3), 1), ((4, 2, 3, 2), 2), ((2, 4, 1, 2, 3), 1)])
def test_dirac_as_torch(shape, groups) -> None:
    torch = pytest.importorskip("torch")
    wanted = torch.nn.init.dirac_(torch.empty(shape), groups).numpy()
    np.testing.assert_array_equal(init.dirac_(fs.ones(*shape), groups).numpy(), wanted)


def test_gain_and_fan_as_torch() -> None:
    torch = pytest.importorskip("torch")
    for name in ("linear", "conv2d", "conv_transpose1d", "sigmoid", "tanh", "relu", "selu", "leaky_relu"):
        assert init.calculate_gain(name) == torch.nn.init.calculate_gain(name)
    assert init.calculate_gain("leaky_relu", 0.3) == torch.nn.init.calculate_gain("leaky_relu", 0.3)
    for shape in ((2, 3), (2, 3, 4), (5, 4, 3, 2)):
        wanted = torch.nn.init._calculate_fan_in_and_fan_out(torch.empty(shape))
        assert init._calculate_fan_in_and_fan_out(fs.zeros(*shape)) == wanted


def test_seeds() -> None:
    def first() -> float:
        return init.normal_(fs.zeros(3)).numpy()[0]

    fs.manual_seed(5)
    a = first()
    fs.manual_seed(5)
    assert first() == a != first()
    np.testing.assert_array_equal(draws(init.uniform_), draws(init.uniform_))
    fs.manual_seed(5)
    weight = fs.nn.Linear(3, 2).weight.detach().numpy().copy()
    fs.manual_seed(5)
    np.testing.assert_array_equal(fs.nn.Linear(3, 2).weight.detach().numpy(), weight)


@pytest.mark.parametrize(
    ("act", "error", "message"),
    [
        (lambda: init.xavier_uniform_(fs.zeros(3)), ValueError, r"at least 2 axes, got shape \(3,\)"),
        (lambda: init.kaiming_uniform_(fs.zeros(3, 2), mode="fan"), ValueError, "mode must be .* got 'fan'"),
        (lambda: init.kaiming_normal_(fs.zeros(3, 2), nonlinearity="x"), ValueError, "nonlinearity 'x' is not one of"),
        (lambda: init.calculate_gain("leaky_relu", True), ValueError, "must be a number, got True"),
        (lambda: init.orthogonal_(fs.zeros(3)), ValueError, "at least 2 axes"),
        (lambda: init.eye_(fs.zeros(3)), ValueError, "2 axes"),
        (lambda: init.dirac_(fs.zeros(3, 3)), ValueError, "3, 4 or 5 axes"),
        (lambda: init.dirac_(fs.zeros(3, 3, 3), 2), ValueError, "groups=2 does not divide"),
        (lambda: init.trunc_normal_(fs.zeros(3), a=2.0, b=1.0), ValueError, "a=2.0, b=1.0"),
        (lambda: init.uniform_(fs.zeros(3), 1.0, 0.0), RuntimeError, "expected a <= b"),
        (lambda: init.normal_(fs.zeros(3), 0.0, -1.0), RuntimeError, "std >= 0, got -1.0"),
        (lambda: init.normal_(fs.tensor([1, 2])), RuntimeError, "floating tensor, got int64"),
    ],
)
def test_errors(act, error, message) -> None:
    with pytest.raises(error, match=message):
        act()


def test_empty_tensors_warn() -> None:
    for function in (init.kaiming_uniform_, init.kaiming_normal_):
        with pytest.warns(UserWarning, match="without elements"):
            function(fs.zeros(0, 3))
