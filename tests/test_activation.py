"""Activations as a user meets them: values, names, in-place forms, dtypes, errors; and PyTorch beside them."""

import math

import numpy as np
import pytest

import fastscratch as fs

X = [-3.0, -0.5, 0.0, 0.5, 3.0]
VALUES = {  # to 7 digits, from the definitions in 30-digit arithmetic
    "relu": [0, 0, 0, 0.5, 3],
    "relu6": [0, 0, 0, 0.5, 3],
    "leaky_relu": [-0.03, -0.005, 0, 0.5, 3],
    "elu": [-0.9502129, -0.3934693, 0, 0.5, 3],
    "selu": [-1.670569, -0.6917582, 0, 0.5253505, 3.152103],
    "gelu": [-0.004049694, -0.1542688, 0, 0.3457312, 2.995950],
    "silu": [-0.1422776, -0.1887703, 0, 0.3112297, 2.857722],
    "softplus": [0.04858735, 0.4740770, 0.6931472, 0.9740770, 3.048587],
    "tanh": [-0.9950548, -0.4621172, 0, 0.4621172, 0.9950548],
    "sigmoid": [0.04742587, 0.3775407, 0.5, 0.6224593, 0.9525741],
    "exp": [0.04978707, 0.6065307, 1, 1.648721, 20.08554],
    "expm1": [-0.9502129, -0.3934693, 0, 0.6487213, 19.08554],
    "erf": [-0.9999779, -0.5204999, 0, 0.5204999, 0.9999779],
    "erfc": [1.999978, 1.520500, 1, 0.4795001, 2.209050e-05],
    "logsigmoid": [-3.048587, -0.9740770, -0.6931472, -0.4740770, -0.04858735],
    "hardtanh": [-1, -0.5, 0, 0.5, 1],
    "hardsigmoid": [0, 0.4166667, 0.5, 0.5833333, 1],
    "hardswish": [0, -0.2083333, 0, 0.2916667, 3],
    "mish": [-0.1456475, -0.2207438, 0, 0.3752452, 2.986535],
    "softsign": [-0.75, -0.3333333, 0, 0.3333333, 0.75],
    "tanhshrink": [-2.004945, -0.03788284, 0, 0.03788284, 2.004945],
}


@pytest.mark.parametrize("name", VALUES)
def test_values(name: str) -> None:
    np.testing.assert_allclose(getattr(fs, name)(fs.tensor(X)).numpy(), VALUES[name], rtol=3e-7, atol=6e-8)


@pytest.mark.parametrize("name", ["exp", "expm1", "sigmoid", "sqrt", "tanh"])
def test_half_precision_is_single_precision_rounded(name: str) -> None:
    """On every backend the same, there and back."""
    half = fs.tensor([0.25, 1.0, 2.5], dtype=fs.float16, requires_grad=True)
    single = half.detach().float().requires_grad_()
    got, expected = getattr(fs, name)(half), getattr(fs, name)(single)
    got.sum().backward()
    expected.sum().backward()
    assert got.dtype == half.grad.dtype == fs.float16
    np.testing.assert_array_equal(got.detach().numpy(), expected.detach().half().numpy())
    np.testing.assert_array_equal(half.grad.numpy(), single.grad.half().numpy())


def test_gelu_forms() -> None:
    x = fs.tensor([1.0], dtype=fs.float64)
    for form, value in {"none": 0.8413447460685429, "tanh": 0.8411919906082768, "sigmoid": 0.8457957659328212}.items():
        assert math.isclose(fs.gelu(x, approximate=form).item(), value, rel_tol=1e-15), form
    with pytest.raises(RuntimeError, match=r'gelu: approximate must be "none", "tanh" or "sigmoid", got \'erf\''):
        fs.gelu(x, approximate="erf")


def test_logarithms() -> None:
    np.testing.assert_allclose(fs.log(fs.tensor([1.0, math.e, 10.0])).numpy(), [0, 1, 2.302585], rtol=1e-6)
    assert fs.log1p(fs.tensor(1e-10, dtype=fs.float64)).item() == 1e-10 - 5e-21
    assert fs.log(fs.tensor(0.0)).item() == -math.inf
    assert math.isnan(fs.log(fs.tensor(-1.0)).item())


def test_relu_lets_nan_through_and_stops_the_gradient_at_zero() -> None:
    x = fs.tensor([math.nan, 0.0, -1.0, 2.0], requires_grad=True)
    y = fs.relu(x)
    np.testing.assert_array_equal(y.detach().numpy(), [math.nan, 0, 0, 2])
    y.backward(fs.tensor([1.0, 1.0, 1.0, 1.0]))
    np.testing.assert_array_equal(x.grad.numpy(), [1, 0, 0, 1])


def test_softplus_is_linear_above_the_threshold() -> None:
    x = fs.tensor([1.9, 2.1], dtype=fs.float64)
    y = fs.softplus(x, beta=2, threshold=4).numpy()
    np.testing.assert_allclose(y, [math.log1p(math.exp(3.8)) / 2, 2.1], rtol=1e-15)
    assert fs.softplus(fs.tensor(1000.0)).item() == 1000.0


def test_prelu() -> None:
    x = fs.tensor([[-2.0, -2.0], [4.0, -1.0]])
    w = fs.tensor([0.5, 0.25], requires_grad=True)
    y = fs.prelu(x, w)
    np.testing.assert_array_equal(y.detach().numpy(), [[-1, -0.5], [4, -0.25]])
    y.sum().backward()
    np.testing.assert_array_equal(w.grad.numpy(), [-2, -3])
    with pytest.raises(RuntimeError, match=r"prelu: weight must have 1 or 2 elements on one axis, got shape \(3,\)"):
        fs.prelu(x, fs.ones(3))
    with pytest.raises(RuntimeError, match="prelu: input is float32, weight is float64"):
        fs.prelu(x, fs.ones(2, dtype=fs.float64))


def test_methods_are_the_functions() -> None:
    x = fs.tensor([0.3, 0.7])
    for name in ("relu", "sigmoid", "tanh", "exp", "log", "erf", "erfc", "expm1", "log1p"):
        np.testing.assert_array_equal(getattr(x, name)().numpy(), getattr(fs, name)(x).numpy())


def test_in_place_changes_the_tensor_and_keeps_the_gradient() -> None:
    x = fs.tensor([-1.0, 2.0], requires_grad=True)
    y = x * 1
    assert y.relu_() is y
    assert y.tolist() == [0, 2]
    fs.elu(y, inplace=True).exp_().backward(fs.tensor([1.0, 1.0]))
    np.testing.assert_allclose(x.grad.numpy(), [0, math.exp(2)], rtol=1e-6)


@pytest.mark.parametrize(
    "name", ["elu", "leaky_relu", "silu", "celu", "selu", "mish", "hardswish", "hardtanh", "relu6"]
)
def test_inplace_option_gives_the_same_gradient(name: str) -> None:
    function = getattr(fs, name)
    gradients = []
    for inplace in (False, True):
        x = fs.tensor([-1.5, 0.3, 2.0], requires_grad=True)
        y = x * 2
        z = function(y, inplace=inplace)
        assert (z is y) == inplace
        z.backward(fs.tensor([1.0, 2.0, 3.0]))
        gradients.append(x.grad.numpy())
    np.testing.assert_array_equal(*gradients)


@pytest.mark.parametrize("name", ["erf", "erfc", "exp", "expm1", "log", "log1p", "relu", "sigmoid", "tanh"])
def test_in_place_methods_give_the_same_gradient(name: str) -> None:
    x, again = (fs.tensor([0.3, 2.0], requires_grad=True) for _ in range(2))
    getattr(x, name)().sum().backward()
    getattr(again * 1, f"{name}_")().sum().backward()
    np.testing.assert_array_equal(x.grad.numpy(), again.grad.numpy())


def test_in_place_on_a_leaf_that_needs_a_gradient_is_refused() -> None:
    x = fs.tensor([1.0], requires_grad=True)
    with pytest.raises(RuntimeError, match="leaf tensor"):
        x.tanh_()


def test_a_changed_argument_is_noticed() -> None:
    x = fs.tensor([1.0], requires_grad=True) * 1
    y = fs.silu(x)
    x.add_(1)
    with pytest.raises(RuntimeError, match="gradient of silu needs was changed in place"):
        y.backward()


def test_integers_become_floats_except_under_relu() -> None:
    x = fs.tensor([-1, 2])
    assert fs.exp(x).dtype == fs.float32
    assert fs.relu(x).dtype == fs.int64
    assert fs.relu(x).tolist() == [0, 2]
    with pytest.raises(RuntimeError, match="cannot be stored in a tensor of int64"):
        x.exp_()


@pytest.mark.parametrize("name", ["relu", "gelu", "hardtanh", "prelu", "tanhshrink"])
def test_only_tensors(name: str) -> None:
    with pytest.raises(TypeError, match=f"{name}: expected a Tensor, got list"):
        getattr(fs, name)([1.0], *([fs.ones(1)] if name == "prelu" else []))


def test_channels_last_memory_stays_as_it_is() -> None:
    image = np.moveaxis(np.random.default_rng(0).standard_normal((2, 4, 5, 3)), -1, 1)
    x = fs.from_numpy(image).requires_grad_()
    y = fs.gelu(x)
    assert y.array.strides == image.strides
    y.backward(fs.from_numpy(np.ones_like(image)))
    assert x.grad.array.strides == image.strides


def test_scalars_stay_scalars() -> None:
    x = fs.tensor(0.5, requires_grad=True)
    y = fs.tanh(fs.sigmoid(x))
    y.backward()
    assert y.shape == () and x.grad.shape == ()


TORCH = [
    ("relu", {}), ("relu6", {}), ("leaky_relu", {"negative_slope": 0.2}), ("elu", {"alpha": 0.7}), ("celu", {"alpha": 0.7}),
    ("selu", {}), ("gelu", {}), ("gelu", {"approximate": "tanh"}), ("silu", {}), ("softplus", {"beta": 2, "threshold": 3}),
    ("hardtanh", {"min_val": -2, "max_val": 1}), ("hardsigmoid", {}), ("hardswish", {}), ("mish", {}), ("softsign", {}),
    ("logsigmoid", {}), ("tanhshrink", {}), ("tanh", {}), ("sigmoid", {}), ("exp", {}), ("expm1", {}), ("log", {}),
    ("log1p", {}), ("erf", {}), ("erfc", {}),
]  # fmt: skip


@pytest.mark.parametrize(("name", "options"), TORCH)
def test_as_in_pytorch(name: str, options: dict[str, object]) -> None:
    torch = pytest.importorskip("torch")
    place = torch.nn.functional if hasattr(torch.nn.functional, name) else torch
    data = np.concatenate(
        [np.random.default_rng(0).normal(0, 3, 999), [0.0, 1.0, -2.0, 6.0, -3.0, 3.0, -np.inf, np.inf]]
    )
    expected = torch.tensor(data, requires_grad=True)
    x = fs.tensor(data, requires_grad=True)
    theirs, ours = getattr(place, name)(expected, **options), getattr(fs, name)(x, **options)
    np.testing.assert_allclose(ours.detach().numpy(), theirs.detach().numpy(), rtol=1e-13, atol=1e-15)
    finite = np.isfinite(theirs.detach().numpy())
    theirs.backward(torch.ones_like(theirs))
    ours.backward(fs.ones(len(data), dtype=fs.float64))
    # PyTorch keeps two of its constants in float32, in float64 too.
    tolerance = 3e-7 if name in ("celu", "hardsigmoid") else 1e-12
    np.testing.assert_allclose(x.grad.numpy()[finite], expected.grad.numpy()[finite], rtol=tolerance, atol=1e-13)
