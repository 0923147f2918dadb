"""The explicit door: its gradients are the tape's and those of finite differences, nothing is kept, bad input is named."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import fastscratch as fs
from fastscratch.nn import explicit
from fastscratch.nn import functional as F
from fastscratch.nn.explicit import (
    BCE,
    SGD,
    AutoEncodeur,
    AvgPool1D,
    AvgPool2D,
    Concatenated,
    Conv1D,
    Conv2D,
    CrossEntropyLoss,
    Flatten,
    Linear,
    LogSoftmax,
    Loss,
    MaxPool1D,
    MaxPool2D,
    Module,
    MSELoss,
    NLLLoss,
    Optim,
    ReLU,
    Reshape,
    Sequential,
    Sequentiel,
    Sigmoid,
    Softmax,
    TanH,
    TiedLinear,
    Transpose,
)

Array = np.ndarray[Any, Any]
F64, F32 = np.float64, np.float32


@pytest.fixture(autouse=True)
def _seeded() -> None:
    fs.manual_seed(0)


def parameters_of(net: Module) -> list[tuple[Array, Array]]:
    """All parameters with their gradients."""
    return [(value, m.gradients[name]) for m in net.modules() for name, value in m.parameters.items()]


# What each layer is on the tape, given its input and its parameters; and a shape of input.
Twin = Callable[..., fs.Tensor]


def lengthwise(operation: Callable[..., Any], *rest: Any) -> Twin:
    """An operation on (batch, channels, length) as one on (batch, length, channels), filters turned likewise."""

    def twin(x: Any, *w: Any) -> Any:
        turned = [one.transpose(1, 2) if one.ndim == 3 else one for one in w]
        return operation(x.transpose(1, 2), *turned, *rest).transpose(1, 2)

    return twin


def imagewise(operation: Callable[..., Any], *rest: Any) -> Twin:
    def twin(x: Any, *w: Any) -> Any:
        turned = [one.permute(0, 3, 1, 2) if one.ndim == 4 else one for one in w]
        return operation(x.permute(0, 3, 1, 2), *turned, *rest).permute(0, 2, 3, 1)

    return twin


CASES: dict[str, tuple[Callable[[Any], Module], tuple[int, ...], Twin]] = {
    "linear": (lambda t: Linear(4, 3, dtype=t), (5, 4), F.linear),
    "linear without bias": (lambda t: Linear(4, 3, bias=False, dtype=t), (5, 4), F.linear),
    "linear of a stack": (lambda t: Linear(4, 3, dtype=t), (2, 5, 4), F.linear),
    "tanh": (lambda t: TanH(), (5, 4), fs.tanh),
    "sigmoid": (lambda t: Sigmoid(), (5, 4), fs.sigmoid),
    "relu": (lambda t: ReLU(), (5, 4), fs.relu),
    "softmax": (lambda t: Softmax(), (5, 4), lambda x: F.softmax(x, -1)),
    "softmax of a stack": (lambda t: Softmax(), (2, 5, 4), lambda x: F.softmax(x, -1)),
    "log softmax": (lambda t: LogSoftmax(), (5, 4), lambda x: F.log_softmax(x, -1)),
    "conv1d": (lambda t: Conv1D(3, 2, 4, dtype=t), (5, 11, 2), lengthwise(F.conv1d)),
    "conv1d with stride": (lambda t: Conv1D(4, 3, 2, 3, dtype=t), (2, 15, 3), lengthwise(F.conv1d, 3)),
    "conv1d without bias": (lambda t: Conv1D(1, 1, 1, bias=False, dtype=t), (1, 1, 1), lengthwise(F.conv1d)),
    "conv2d": (lambda t: Conv2D(3, 2, 4, dtype=t), (3, 7, 6, 2), imagewise(F.conv2d)),
    "conv2d with stride": (
        lambda t: Conv2D((2, 3), 1, 3, (2, 1), dtype=t),
        (2, 7, 6, 1),
        imagewise(F.conv2d, (2, 1)),
    ),
    "max pool 1d": (lambda t: MaxPool1D(2, 2), (3, 9, 4), lengthwise(F.max_pool1d, 2, 2)),
    "max pool 1d overlapping": (lambda t: MaxPool1D(3, 1), (3, 9, 4), lengthwise(F.max_pool1d, 3, 1)),
    "avg pool 1d": (lambda t: AvgPool1D(3, 2), (3, 9, 4), lengthwise(F.avg_pool1d, 3, 2)),
    "max pool 2d": (lambda t: MaxPool2D(2), (2, 7, 6, 3), imagewise(F.max_pool2d, 2)),
    "max pool 2d overlapping": (
        lambda t: MaxPool2D((3, 2), (1, 2)),
        (2, 7, 6, 3),
        imagewise(F.max_pool2d, (3, 2), (1, 2)),
    ),
    "avg pool 2d": (lambda t: AvgPool2D(3, 2), (2, 7, 6, 3), imagewise(F.avg_pool2d, 3, 2)),
    "flatten": (lambda t: Flatten(), (3, 4, 2), lambda x: x.flatten(1)),
    "reshape": (lambda t: Reshape(2, -1), (3, 4, 2), lambda x: x.reshape(3, 2, 4)),
    "transpose": (lambda t: Transpose(), (3, 4, 2), lambda x: x.transpose(1, 2)),
    "concatenated": (
        lambda t: Concatenated(TanH(), Linear(4, 2, dtype=t)),
        (3, 4),
        lambda x, w, b: fs.cat([fs.tanh(x), F.linear(x, w, b)], 1),
    ),
    "sequentiel": (
        lambda t: Sequentiel(Linear(4, 5, dtype=t), TanH(), Linear(5, 3, dtype=t), LogSoftmax()),
        (6, 4),
        lambda x, w, b, v, c: F.log_softmax(F.linear(fs.tanh(F.linear(x, w, b)), v, c), -1),
    ),
    "auto-encoder": (
        lambda t: AutoEncodeur((4, 3, 2), dtype=t),
        (6, 4),
        lambda x, a, b, c, d, e, f, g, h: fs.sigmoid(
            F.linear(fs.tanh(F.linear(fs.tanh(F.linear(fs.tanh(F.linear(x, a, b)), c, d)), e, f)), g, h)
        ),
    ),
    "tied auto-encoder": (
        lambda t: AutoEncodeur((4, 3), tied=True, dtype=t),
        (6, 4),
        lambda x, a, b, c: fs.sigmoid(F.linear(fs.tanh(F.linear(x, a, b)), a.t(), c)),
    ),
}


def case(name: str, dtype: Any) -> tuple[Module, Array, Array]:
    """The layer, an input and a delta."""
    make, shape, _ = CASES[name]
    rng = np.random.default_rng(1)
    layer = make(dtype)
    x = rng.normal(size=shape).astype(dtype)
    return layer, x, rng.normal(size=layer.forward(x).shape).astype(dtype)


def is_close(got: Array, expected: Array, dtype: Any) -> bool:
    """Equal to 1e-12 of the largest in float64, and to 1e-5 in float32."""
    assert got.dtype == expected.dtype == dtype and got.shape == expected.shape
    limit = 1e-12 if dtype is F64 else 1e-5
    return bool(np.abs(got - expected).max(initial=0) <= limit * max(1.0, np.abs(expected).max(initial=0)))


@pytest.mark.parametrize("dtype", [F32, F64])
@pytest.mark.parametrize("name", CASES)
def test_is_what_the_tape_says(name: str, dtype: Any) -> None:
    layer, x, delta = case(name, dtype)
    leaves = [fs.tensor(value, requires_grad=True) for value in (x, *(value for value, _ in parameters_of(layer)))]
    y = CASES[name][2](*leaves)
    y.backward(fs.tensor(delta))
    layer.backward_update_gradient(x, delta)
    assert is_close(layer.forward(x), y.array, dtype)
    assert is_close(layer.backward_delta(x, delta), leaves[0].grad.array, dtype)
    for (_, gradient), leaf in zip(parameters_of(layer), leaves[1:], strict=True):
        assert is_close(gradient, leaf.grad.array, dtype)


def slopes(function: Callable[[], float], array: Array, step: float = 1e-6) -> Array:
    """The derivative of a function of an array's elements, by central differences."""
    result = np.empty_like(array)
    for i in np.ndindex(array.shape):
        kept = array[i]
        array[i] = kept + step
        above = function()
        array[i] = kept - step
        result[i] = (above - function()) / (2 * step)
        array[i] = kept
    return result


@pytest.mark.parametrize("name", CASES)
def test_is_what_finite_differences_say(name: str) -> None:
    layer, x, delta = case(name, F64)
    layer.backward_update_gradient(x, delta)

    def value() -> float:
        return float((layer.forward(x) * delta).sum())

    pairs = [(layer.backward_delta(x, delta), x)] + [(gradient, w) for w, gradient in parameters_of(layer)]
    for gradient, array in pairs:
        np.testing.assert_allclose(gradient, slopes(value, array), rtol=1e-6, atol=1e-6)


def test_finite_differences_see_a_wrong_gradient() -> None:
    x = np.array([[0.3, -0.2]])
    assert np.abs(slopes(lambda: float(np.tanh(x).sum()), x) - (1 - np.tanh(x))).max() > 1e-2


@pytest.mark.parametrize("name", CASES)
def test_nothing_is_kept_that_a_second_use_corrupts(name: str) -> None:
    layer, x, delta = case(name, F64)
    expected = layer.backward_delta(x, delta)
    state = set(vars(layer))
    layer.forward(x)
    layer.forward(x[::-1] * 3)  # another batch in between
    layer.backward_delta(x[::-1] * 3, delta)
    np.testing.assert_array_equal(layer.backward_delta(x, delta), expected)
    assert set(vars(layer)) == state


def test_a_layer_used_twice() -> None:
    layer = Linear(3, 3, dtype=F64)
    net = Sequentiel(layer, TanH(), layer)
    x, y = np.random.default_rng(0).normal(size=(2, 5, 3))
    w, b = (fs.tensor(layer.parameters[name], requires_grad=True) for name in ("weight", "bias"))
    out = F.linear(fs.tanh(F.linear(fs.tensor(x), w, b)), w, b)
    (((out - fs.tensor(y)) ** 2).sum() / 5).backward()
    Optim(net, MSELoss(), eps=0.5).step(x, y)
    for name, leaf in (("weight", w), ("bias", b)):
        np.testing.assert_allclose(layer.gradients[name], leaf.grad.array, rtol=1e-12)
        expected = leaf.array - 0.5 * leaf.grad.array  # one step, not two
        np.testing.assert_allclose(layer.parameters[name], expected, rtol=1e-12)


def test_gradients_add_up_until_they_are_made_zero() -> None:
    net = Sequentiel(Linear(2, 2, dtype=F64), ReLU())
    x, delta = np.ones((3, 2)), np.ones((3, 2))
    net.backward_update_gradient(x, delta)
    once = net.layers[0].gradients["weight"].copy()
    net.backward_update_gradient(x, delta)
    np.testing.assert_array_equal(net.layers[0].gradients["weight"], 2 * once)
    net.zero_grad()
    assert not net.layers[0].gradients["weight"].any()


def test_update_is_a_step_down_the_gradient() -> None:
    layer = Linear(2, 1, dtype=F64)
    layer.gradients["weight"][:] = [[1.0, -2.0]]
    before = layer.parameters["weight"].copy()
    layer.update_parameters(gradient_step=0.5)
    np.testing.assert_allclose(layer.parameters["weight"], before - [[0.5, -1.0]], rtol=1e-15)
    TanH().update_parameters(1.0)  # nothing to do


@pytest.mark.parametrize("layer", [Softmax(), LogSoftmax()])
def test_softmax_jacobians_hold_under_any_delta(layer: Module) -> None:
    x = np.random.default_rng(0).normal(size=(1, 5))
    rows = [layer.backward_delta(x, np.eye(5)[i : i + 1])[0] for i in range(5)]
    y = Softmax().forward(x)[0]
    jacobian = np.diag(y) - np.outer(y, y) if isinstance(layer, Softmax) else np.eye(5) - y
    np.testing.assert_allclose(rows, jacobian, atol=1e-15)


# ---- losses ----

SCORES = np.random.default_rng(2).normal(size=(5, 4))
LABELS = np.array([0, 3, 1, 1, 2])
ONE_HOT = np.eye(4)[LABELS]
PROBABILITIES = 1 / (1 + np.exp(-SCORES))

LOSSES: dict[str, tuple[Loss, Any, Array, Callable[[Any], Any]]] = {
    "mse": (MSELoss(), PROBABILITIES, SCORES, lambda x: ((x - fs.tensor(PROBABILITIES)) ** 2).sum(1)),
    "mse of labels": (MSELoss(), LABELS, SCORES, lambda x: ((x - fs.tensor(ONE_HOT)) ** 2).sum(1)),
    "cross entropy": (
        CrossEntropyLoss(),
        LABELS,
        SCORES,
        lambda x: F.cross_entropy(x, fs.tensor(LABELS), reduction="none"),
    ),
    "cross entropy, one-hot": (
        CrossEntropyLoss(),
        ONE_HOT,
        SCORES,
        lambda x: F.cross_entropy(x, fs.tensor(LABELS), reduction="none"),
    ),
    "nll": (NLLLoss(), LABELS, SCORES, lambda x: F.nll_loss(x, fs.tensor(LABELS), reduction="none")),
    "nll, one-hot": (NLLLoss(), ONE_HOT, SCORES, lambda x: F.nll_loss(x, fs.tensor(LABELS), reduction="none")),
    "bce": (
        BCE(),
        ONE_HOT,
        PROBABILITIES,
        lambda x: F.binary_cross_entropy(x, fs.tensor(ONE_HOT), reduction="none").sum(1),
    ),
    "bce of labels": (
        BCE(),
        LABELS,
        PROBABILITIES,
        lambda x: F.binary_cross_entropy(x, fs.tensor(ONE_HOT), reduction="none").sum(1),
    ),
}


@pytest.mark.parametrize("name", LOSSES)
def test_losses_are_what_the_tape_says(name: str) -> None:
    loss, y, yhat, twin = LOSSES[name]
    leaf = fs.tensor(yhat, requires_grad=True)
    each = twin(leaf)
    each.mean().backward()
    assert loss.forward(y, yhat).shape == (5,)
    np.testing.assert_allclose(loss.forward(y, yhat), each.array, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(loss.backward(y, yhat), leaf.grad.array, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("name", LOSSES)
def test_losses_are_what_finite_differences_say(name: str) -> None:
    loss, y, kept, _ = LOSSES[name]
    yhat = kept.copy()
    by_differences = slopes(lambda: float(loss.forward(y, yhat).mean()), yhat)
    np.testing.assert_allclose(loss.backward(y, yhat), by_differences, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("name", LOSSES)
def test_losses_keep_float32(name: str) -> None:
    loss, y, yhat, _ = LOSSES[name]
    assert loss.forward(y, yhat.astype(F32)).dtype == loss.backward(y, yhat.astype(F32)).dtype == F32


def test_bce_takes_certainty() -> None:
    assert BCE().forward([1, 0], np.array([[0.0], [0.0]])).tolist() == [100, 0]
    assert np.isfinite(BCE().backward([1, 0], np.array([[0.0], [0.0]]))).all()


@pytest.mark.parametrize("target", [np.array([0.5, 1.5, 2.5]), np.array([[0.5], [1.5], [2.5]])])
def test_a_vector_of_targets_is_no_matrix(target: Array) -> None:
    # Broadcasting (3,) with (3, 1) to (3, 3) is the commonest silent mistake there is.
    assert MSELoss().backward(target, np.zeros((3, 1))).shape == (3, 1)
    np.testing.assert_array_equal(MSELoss().forward(target, np.zeros((3, 1))), [0.25, 2.25, 6.25])


@pytest.mark.parametrize(
    ("last", "loss"), [(Sigmoid, BCE()), (Softmax, MSELoss()), (LogSoftmax, NLLLoss()), (TanH, CrossEntropyLoss())]
)
def test_every_last_layer_under_every_loss(last: Callable[[], Module], loss: Loss) -> None:
    net = Sequentiel(Linear(4, 3, dtype=F64), last())
    x, y = SCORES, np.array([0, 2, 1, 1, 0])
    net.backward_update_gradient(x, loss.backward(y, net.forward(x)))
    for value, gradient in parameters_of(net):
        by_differences = slopes(lambda: float(loss.forward(y, net.forward(x)).mean()), value)
        np.testing.assert_allclose(gradient, by_differences, rtol=1e-6, atol=1e-6)


# ---- training ----


def test_a_step_is_the_tapes_step() -> None:
    net = Sequentiel(Linear(4, 8), ReLU(), Linear(8, 4))
    fs.manual_seed(0)
    model = fs.nn.Sequential(fs.nn.Linear(4, 8), fs.nn.ReLU(), fs.nn.Linear(8, 4))
    for (value, _), leaf in zip(parameters_of(net), model.parameters(), strict=True):
        np.testing.assert_allclose(value, leaf.array, rtol=1e-6)  # one seed, one start
    optim, other = Optim(net, CrossEntropyLoss(), eps=0.1), fs.optim.SGD(model.parameters(), lr=0.1)
    x = SCORES.astype(F32)
    for _ in range(5):
        loss = F.cross_entropy(model(fs.tensor(x)), fs.tensor(LABELS))
        other.zero_grad()
        loss.backward()
        other.step()
        assert optim.step(x, LABELS) == pytest.approx(loss.item(), rel=1e-5)
    for (value, _), leaf in zip(parameters_of(net), model.parameters(), strict=True):
        np.testing.assert_allclose(value, leaf.array, rtol=1e-4, atol=1e-6)


def test_sgd_is_repeatable_and_learns() -> None:
    x, y = fs.data.make_moons(200, noise=0.1, random_state=0)

    def trained() -> tuple[list[float], Module]:
        fs.manual_seed(3)
        net = Sequentiel(Linear(2, 16, dtype=F64), TanH(), Linear(16, 2, dtype=F64))
        return SGD(net, CrossEntropyLoss(), x.astype(F64), y, batch_size=20, epochs=60, eps=0.5), net

    losses, net = trained()
    assert losses == trained()[0] and len(losses) == 60
    assert (net.forward(x.astype(F64)).argmax(1) == y).mean() >= 0.97


def test_sgd_without_shuffling_meets_the_samples_in_order() -> None:
    met: list[Any] = []

    class Watching(MSELoss):
        def forward(self, y: Any, yhat: Any) -> Array:
            met.append(np.asarray(y)[:, 0].tolist())
            return super().forward(y, yhat)

    SGD(Linear(1, 1), Watching(), np.zeros((5, 1), F32), np.arange(5.0)[:, None], 2, 1, shuffle=False)
    assert met == [[0, 1], [2, 3], [4]]


def test_sgd_says_where_it_diverged() -> None:
    x = np.ones((4, 1))
    with (
        np.errstate(all="ignore"),
        pytest.raises(FloatingPointError, match=r"the loss is (inf|nan) in epoch \d+; a smaller eps may help"),
    ):
        SGD(Linear(1, 1, dtype=F64), MSELoss(), x, x, epochs=1000, eps=1e3)


def test_tied_weights_halve_the_numbers_and_move_together() -> None:
    net = AutoEncodeur((4, 2), tied=True, dtype=F64)
    down, up = net.layers[0], net.layers[2]
    assert isinstance(up, TiedLinear) and up.weight.base is down.parameters["weight"]
    x = np.random.default_rng(0).random((8, 4))
    Optim(net, BCE(), eps=0.1).step(x, x)
    np.testing.assert_array_equal(up.weight, down.weight.T)
    assert sum(value.size for value, _ in parameters_of(net)) == 4 * 2 + 2 + 4


def test_auto_encoder_learns_to_give_back() -> None:
    rng = np.random.default_rng(0)
    x = np.repeat(np.eye(4), 4, axis=1)[rng.integers(4, size=100)]  # four patterns of 16 pixels
    for tied in (False, True):
        net = AutoEncodeur((16, 8, 4), tied=tied, dtype=F64)
        losses = SGD(net, BCE(), x, x, batch_size=10, epochs=150, eps=0.2)
        assert losses[-1] < 0.05 * losses[0]
        np.testing.assert_allclose(net.decode(net.encode(x)), net.forward(x))


def test_the_network_of_one_dimension_has_4064_features() -> None:
    net = Sequentiel(Conv1D(3, 1, 32), MaxPool1D(2, 2), Flatten(), Linear(4064, 100), ReLU(), Linear(100, 10))
    shapes = [value.shape for value in net.activations(np.zeros((2, 256, 1), F32))]
    # 256 - 3 + 1 = 254 windows, (254 - 2) / 2 + 1 = 127 pools, 127 * 32 = 4064
    assert shapes == [(2, 256, 1), (2, 254, 32), (2, 127, 32), (2, 4064), (2, 100), (2, 100), (2, 10)]


def test_both_backends_agree() -> None:
    def gradients() -> list[Array]:
        fs.manual_seed(0)
        net = Sequentiel(Conv1D(3, 1, 4), TanH(), MaxPool1D(2), Flatten(), Linear(12, 3))
        x = np.random.default_rng(0).normal(size=(5, 8, 1)).astype(F32)
        net.backward_update_gradient(x, CrossEntropyLoss().backward([0, 1, 2, 0, 1], net.forward(x)))
        return [gradient for _, gradient in parameters_of(net)]

    results = []
    for name in fs.backend.available():
        with fs.backend.use(name):
            results.append(gradients())
    for other in results[1:]:
        for a, b in zip(results[0], other, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)


def test_names() -> None:
    assert Sequential is Sequentiel and fs.nn.explicit is explicit
    assert sorted(explicit.__all__) == sorted(set(explicit.__all__))
    assert repr(Sequentiel(Conv1D(3, 1, 32), MaxPool2D((2, 3)), Flatten())) == (
        "Sequentiel(Conv1D(3, 1, 32, 1), MaxPool2D((2, 3), (2, 3)), Flatten())"
    )


# ---- arrays of all kinds ----


@pytest.mark.parametrize("name", CASES)
def test_an_empty_batch_is_no_error(name: str) -> None:
    layer, x, delta = case(name, F64)
    assert layer.forward(x[:0]).shape == delta[:0].shape
    assert layer.backward_delta(x[:0], delta[:0]).shape == x[:0].shape
    layer.backward_update_gradient(x[:0], delta[:0])
    assert not any(gradient.any() for _, gradient in parameters_of(layer))


@pytest.mark.parametrize("name", CASES)
def test_layout_and_byte_order_do_not_matter(name: str) -> None:
    layer, x, delta = case(name, F64)
    expected = layer.forward(x), layer.backward_delta(x, delta)
    spread = np.repeat(x, 2, axis=-1)[..., ::2]
    for other in (np.asfortranarray(x), spread, x.astype(">f8")):
        np.testing.assert_allclose(layer.forward(other), expected[0], rtol=1e-14, atol=1e-14)
        np.testing.assert_allclose(layer.backward_delta(other, np.asfortranarray(delta)), expected[1], atol=1e-14)


def test_lists_integers_and_booleans_are_numbers() -> None:
    layer = Linear(2, 1)
    for x in ([[1, 0]], np.array([[True, False]]), np.array([[1, 0]], np.uint8), fs.tensor([[1.0, 0.0]])):
        assert layer.forward(x).dtype == F32
    assert ReLU().forward([[1, -1]]).dtype == fs.get_default_dtype()


@pytest.mark.parametrize("layer", [TanH(), Softmax(), LogSoftmax(), MaxPool1D(2), AvgPool1D(2)])
def test_nan_is_handed_on(layer: Module) -> None:
    x = np.full((1, 2, 1), np.nan)
    assert np.isnan(layer.forward(x)).all()


# ---- bad input ----

X = np.zeros((2, 4))
SIGNAL = np.zeros((2, 9, 3))

WRONG: list[tuple[Callable[[], Any], type[Exception], str]] = [
    (lambda: Linear(4, 3, dtype=F64).forward(np.zeros((2, 5))), ValueError, r"shape \(batch, 4\), got \(2, 5\)"),
    (lambda: Linear(4, 3, dtype=F64).forward(np.zeros(4)), ValueError, r"Linear\(4, 3\): expected an input of shape"),
    (
        lambda: Linear(4, 3).forward(X),
        TypeError,
        r"the parameters are float32 and the input is float64; convert it, or",
    ),
    (lambda: Linear(4, 3).forward(X.astype(np.float16)), TypeError, "float32 or float64, got float16"),
    (lambda: Linear(4, 3).forward([["a"]]), TypeError, "expected numbers of float32 or float64, got <U1"),
    (
        lambda: Linear(4, 3, dtype=F64).backward_delta(X, X),
        ValueError,
        r"delta must have the shape of the output, \(2, 3\), got \(2, 4\)",
    ),
    (
        lambda: Linear(4, 3, dtype=F64).backward_update_gradient(X, X),
        ValueError,
        r"delta must have the shape of the output, \(2, 3\), got \(2, 4\)",
    ),
    (lambda: Linear(0, 3), ValueError, "Linear: input must be at least 1, got 0"),
    (lambda: Linear(4, 2.5), TypeError, "Linear: output must be an int, got 2.5"),  # type: ignore[arg-type]
    (lambda: Linear(4, 3, dtype=np.int32), TypeError, "Linear: dtype must be float32 or float64, got int32"),
    (lambda: TanH().forward(3.0), ValueError, "TanH.*first axis is the batch, got a single number"),
    (lambda: TanH().forward([[1j]]), TypeError, "TanH.*got complex128"),
    (lambda: Softmax().backward_delta(X, X[:1]), ValueError, r"Softmax.*\(2, 4\), got \(1, 4\)"),
    (lambda: Conv1D(3, 2, 4, dtype=F64).forward(SIGNAL), ValueError, r"expected 2 channels on the last axis, got an"),
    (lambda: Conv1D(3, 3, 4, dtype=F64).forward(X), ValueError, r"shape \(batch, length, channels\), got \(2, 4\)"),
    (
        lambda: Conv1D(10, 3, 4, dtype=F64).forward(SIGNAL),
        ValueError,
        r"Conv1D\(10, 3, 4, 1\): no window fits into an input of shape \(2, 9, 3\)",
    ),
    (
        lambda: Conv1D(3, 3, 4, 2, dtype=F64).backward_delta(SIGNAL, SIGNAL),
        ValueError,
        r"delta must have the shape of the output, \(2, 4, 4\), got \(2, 9, 3\)",
    ),
    (lambda: Conv1D(3, 1, 2, 0), ValueError, "Conv1D: stride must be at least 1, got 0"),
    (lambda: Conv1D((3, 3), 1, 2), TypeError, r"Conv1D: k_size must be an int, got \(3, 3\)"),
    (lambda: Conv2D((3, 3, 3), 1, 2), ValueError, r"Conv2D: k_size must be an int or two of them, got \(3, 3, 3\)"),
    (lambda: Conv2D(3, 3, 4, dtype=F64).forward(SIGNAL), ValueError, r"\(batch, height, width, channels\), got"),
    (lambda: MaxPool1D(0), ValueError, "MaxPool1D: k_size must be at least 1, got 0"),
    (lambda: MaxPool2D(2).forward(SIGNAL), ValueError, r"MaxPool2D\(2, 2\): expected an input of shape"),
    (lambda: MaxPool1D(10).forward(SIGNAL), ValueError, "no window fits"),
    (lambda: AvgPool1D(2).forward(np.zeros((2, 4, 0))), ValueError, "no window fits"),
    (
        lambda: Reshape(5).forward(SIGNAL),
        ValueError,
        r"Reshape\(5\): cannot arrange samples of shape \(9, 3\) as \(5,\)",
    ),
    (lambda: Transpose().forward(X), ValueError, r"\(batch, height, width, \.\.\.\), got \(2, 4\)"),
    (lambda: Sequentiel(TanH(), np.tanh), TypeError, "Sequentiel: expected modules of fastscratch.nn.explicit"),  # type: ignore[arg-type]
    (lambda: Sequentiel(fs.nn.ReLU()), TypeError, "Sequentiel: expected modules of fastscratch.nn.explicit"),  # type: ignore[arg-type]
    (Concatenated, ValueError, "Concatenated: expected at least one module"),
    (
        lambda: Concatenated(TanH(), Flatten()).forward(SIGNAL),
        ValueError,
        r"outputs of shapes \(2, 9, 3\), \(2, 27\) cannot be joined",
    ),
    (lambda: AutoEncodeur((4,)), ValueError, r"AutoEncodeur: expected the sizes .* at least, got \(4,\)"),
    (lambda: Module().forward(X), NotImplementedError, "Module must define forward"),
    (lambda: Module().backward_delta(X, X), NotImplementedError, "Module must define backward_delta"),
    (lambda: Loss().forward(X, X), NotImplementedError, "Loss must define forward"),
    (lambda: Loss().backward(X, X), NotImplementedError, "Loss must define backward"),
    (lambda: MSELoss().forward(np.zeros((2, 3)), X), ValueError, r"MSELoss.*shape of yhat, \(2, 4\), .*\(2, 3\)"),
    (lambda: MSELoss().forward([0.5, 0.5], X), ValueError, "or be class indices, got float64 of shape"),
    (lambda: MSELoss().forward([0, 4], X), IndexError, "MSELoss.*class 4 is out of range for 4 classes"),
    (lambda: MSELoss().forward(X[:0], X[:0]), ValueError, "the mean over an empty batch has no value"),
    (lambda: CrossEntropyLoss().forward([0, 4], X), IndexError, "CrossEntropyLoss.*class 4 is out of range for 4"),
    (lambda: CrossEntropyLoss().backward([0, -1], X), IndexError, "class -1 is out of range"),
    (lambda: NLLLoss().forward([0, -1], X), IndexError, "NLLLoss.*class -1 is out of range"),
    (
        lambda: CrossEntropyLoss().forward([0.0, 1.0], X),
        ValueError,
        r"y must be 2 class indices or one-hot rows of shape",
    ),
    (lambda: CrossEntropyLoss().forward(X + 0.25, X), ValueError, "the rows of y must be one-hot"),
    (lambda: CrossEntropyLoss().forward([0, 1], SIGNAL), ValueError, r"yhat must have shape \(batch, classes\), got"),
    (lambda: BCE().forward([[1]], [[1.5]]), ValueError, r"BCE.*yhat must lie in \[0, 1\], got 1.5"),
    (lambda: BCE().backward([[2]], [[0.5]]), ValueError, r"BCE.*y must lie in \[0, 1\], got 2"),
    (lambda: Optim(np.tanh, MSELoss()), TypeError, "Optim: net must be a Module of fastscratch.nn.explicit"),  # type: ignore[arg-type]
    (lambda: Optim(TanH(), F.mse_loss), TypeError, "Optim: loss must be a Loss of fastscratch.nn.explicit"),  # type: ignore[arg-type]
    (lambda: Optim(TanH(), MSELoss(), -1), ValueError, "Optim: eps must not be negative, got -1"),
    (lambda: SGD(TanH(), MSELoss(), X, X[:1]), ValueError, r"one row for each sample, got shapes \(2, 4\), \(1, 4\)"),
    (lambda: SGD(TanH(), MSELoss(), X[:0], X[:0]), ValueError, "one row for each sample"),
    (lambda: SGD(TanH(), MSELoss(), X, X, batch_size=0), ValueError, "SGD: batch_size must be at least 1, got 0"),
    (lambda: SGD(TanH(), MSELoss(), X, X, epochs=0), ValueError, "SGD: epochs must be at least 1, got 0"),
]


@pytest.mark.parametrize(("call", "error", "message"), WRONG, ids=[message for _, _, message in WRONG])
def test_bad_input_is_named(call: Callable[[], Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        call()
