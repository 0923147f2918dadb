"""Convolutions as operations: results and errors as PyTorch, shapes at random, work large enough to be cut."""

import functools
import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from conftest import needs_extension, use_threads
from hypothesis import given, settings
from hypothesis import strategies as st

import fastscratch as fs
from fastscratch.backend._numpy import winograd as rule
from fastscratch.ops.conv import conv2d_relu, conv2d_relu_max_pool2d


def _leaf(rng: np.random.Generator, *shape: int, dtype: Any = np.float64) -> fs.Tensor:
    return fs.Tensor(rng.standard_normal(shape).astype(dtype), requires_grad=True)


def test_values_by_hand() -> None:
    x = fs.tensor([[[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]]])
    w = fs.tensor([[[[1.0, 10.0]]]])
    assert fs.conv2d(x, w).tolist() == [[[[21.0, 32.0], [54.0, 65.0]]]]
    assert fs.conv2d(x, w, fs.tensor([0.5]), stride=(2, 1), padding=(0, 1)).tolist() == [[[[10.5, 21.5, 32.5, 3.5]]]]


def test_result_is_channels_last_in_memory_and_nowhere_else() -> None:
    y = fs.conv2d(fs.ones(2, 3, 5, 5), fs.ones(4, 3, 3, 3))
    assert y.shape == (2, 4, 3, 3)
    assert y.stride() == (36, 1, 12, 4)
    assert fs.reshape(y, 2, -1).tolist() == [[27.0] * 36] * 2
    assert fs.conv2d(fs.ones(2, 3, 5, 5), fs.ones(3, 1, 3, 3), groups=3).stride() == (27, 1, 9, 3)


def test_empty_batch_gives_zero_gradients() -> None:
    rng = np.random.default_rng(0)
    w, b = _leaf(rng, 3, 2, 2, 2), _leaf(rng, 3)
    y = fs.conv2d(fs.Tensor(np.zeros((0, 2, 4, 4))), w, b)
    assert y.shape == (0, 3, 3, 3)
    y.sum().backward()
    np.testing.assert_array_equal(w.grad.numpy(), np.zeros((3, 2, 2, 2)))
    np.testing.assert_array_equal(b.grad.numpy(), np.zeros(3))


def test_infinite_filter_touches_only_what_it_saw() -> None:
    """The gradient in x must not multiply an infinite weight by padding: 0 times infinity is NaN."""
    x = fs.Tensor(np.ones((1, 8, 3, 3)), requires_grad=True)
    w = np.zeros((8, 8, 2, 2))
    w[0, 0, 0, 0] = np.inf
    fs.conv2d(x, fs.Tensor(w)).sum().backward()
    expected = np.zeros((1, 8, 3, 3))
    expected[0, 0, :2, :2] = np.inf
    np.testing.assert_array_equal(x.grad.numpy(), expected)


@pytest.fixture
def auto() -> Iterator[None]:
    """Whatever a test asks for, the next one starts from "auto"."""
    yield
    fs.backend.set_conv_algorithm("auto")


def _all_results(x: np.ndarray, w: np.ndarray, padding: int, groups: int = 1, dilation: int = 1) -> list[np.ndarray]:
    """y, dx, dw, db of one convolution, by the backend in force."""
    geometry: Any = ((1, 1), (padding, padding), (dilation, dilation), groups)
    y = fs.backend.conv2d_forward(x, w, None, *geometry, False)
    dy = np.random.default_rng(5).standard_normal(y.shape).astype(x.dtype)
    return [y, *fs.backend.conv2d_backward(dy, x, w, *geometry, True, True, True)]


def _images(rng: np.random.Generator, *shape: int) -> np.ndarray:
    return rng.standard_normal(shape).astype(np.float32)


def test_algorithm_is_remembered_and_checked(auto: None) -> None:
    assert fs.backend.get_conv_algorithm() == "auto"
    for name in ("direct", "winograd", "im2col", "auto"):
        fs.backend.set_conv_algorithm(name)
        assert fs.backend.get_conv_algorithm() == name
    with pytest.raises(ValueError, match="must be one of auto, direct, winograd, im2col, got 'fft'"):
        fs.backend.set_conv_algorithm("fft")
    assert fs.backend.get_conv_algorithm() == "auto"


@pytest.mark.parametrize("algorithm", ["auto", "direct", "winograd", "im2col"])
@pytest.mark.parametrize("padding", [0, 1, 2])
@pytest.mark.parametrize(("c", "k"), [(5, 7), (16, 64), (33, 7), (8, 16)])
@needs_extension
def test_every_algorithm_is_within_its_bound(auto: None, algorithm: str, padding: int, c: int, k: int) -> None:
    rng = np.random.default_rng(c + k)
    fs.backend.set_conv_algorithm(algorithm)
    with fs.backend.use("check"):
        for height, width in ((3, 3), (7, 10), (13, 5)):
            _all_results(_images(rng, 2, c, height, width), _images(rng, k, c, 3, 3), padding)
            _all_results(_images(rng, 2, 3 * c, height, width), _images(rng, 3 * k, c, 3, 3), padding, 3)
            for dilation in (2, 3):  # both may be larger than the image
                _all_results(
                    _images(rng, 2, c, height, width), _images(rng, k, c, 3, 3), dilation + padding, 1, dilation
                )
        _all_results(_images(rng, 1, c, 6, 6).astype(np.float64), rng.standard_normal((k, c, 3, 3)), padding)


def test_algorithm_changes_nothing_in_numpy(auto: None) -> None:
    rng = np.random.default_rng(0)
    x, w = _images(rng, 2, 8, 5, 5), _images(rng, 8, 8, 3, 3)
    with fs.backend.use("numpy"):
        expected = _all_results(x, w, 1)
        for name in ("direct", "winograd", "im2col"):
            fs.backend.set_conv_algorithm(name)
            for got, wanted in zip(_all_results(x, w, 1), expected, strict=True):
                np.testing.assert_array_equal(got, wanted)


def _by(algorithm: str, x: np.ndarray, w: np.ndarray, *geometry: int) -> list[bytes]:
    fs.backend.set_conv_algorithm(algorithm)
    return [part.tobytes() for part in _all_results(x, w, *geometry)]


@needs_extension
def test_rule_of_the_kernels_is_that_of_their_bounds(auto: None) -> None:
    """What "auto" computes has the bits of Winograd's algorithm where the bounds say so, else the direct ones."""
    rng = np.random.default_rng(0)
    eps = float(np.finfo(np.float32).eps) / 2
    seen = set()
    with fs.backend.use("c"):
        shapes = [
            (groups, 1, *shape)
            for groups in (1, 3)
            for shape in itertools.product((1, 4, 7, 8, 9, 16), (1, 7, 8, 24), (1, 2, 3, 4, 6, 7, 9, 14), (0, 1, 2))
        ]
        shapes += itertools.product((1,), (2, 3), (15, 16), (16, 17), (2, 3, 6, 8, 9, 13), (0, 1, 2, 3, 4, 5, 6, 7))
        for groups, dilation, c, k, size, padding in shapes:
            if size + 2 * padding <= 2 * dilation or (groups > 1 and size not in (1, 4, 9)):
                continue
            x, w = _images(rng, 1, groups * c, size, size), _images(rng, groups * k, c, 3, 3)
            auto_, winograd, direct = (
                _by(name, x, w, padding, groups, dilation) for name in ("auto", "winograd", "direct")
            )
            fs.backend.set_conv_algorithm("auto")
            out, turned_padding = size + 2 * padding - 2 * dilation, 2 * dilation - padding
            plain: Any = ((3, 3), (1, 1), (padding, padding), (dilation, dilation))
            turned: Any = ((3, 3), (1, 1), (turned_padding, turned_padding), (dilation, dilation))
            forward = rule.applies(eps, c, k, (out, out), *plain)
            back = rule.applies(eps, k, c, (size, size), *turned)
            used = (forward, back, forward)
            seen.add(used)
            for i, by_tiles in enumerate(used):
                assert auto_[i] == (winograd if by_tiles else direct)[i], (groups, dilation, c, k, size, padding, i)
    assert {(True, True, True), (False, False, False)} <= seen


@needs_extension
@pytest.mark.parametrize("place", ["x", "w", "dy"])
@pytest.mark.parametrize("bad", [np.nan, np.inf, 3e38])
@pytest.mark.parametrize(("groups", "dilation"), [(1, 1), (2, 1), (1, 2)])
def test_input_that_is_not_finite_goes_to_the_direct_kernel(
    auto: None, place: str, bad: float, groups: int, dilation: int
) -> None:
    """An infinity, or what overflows on the way, spoils what it touches and not the tile."""
    rng = np.random.default_rng(3)
    geometry: Any = ((1, 1), (dilation, dilation), (dilation, dilation), groups)
    c, k = 16 * groups, 8 * groups
    arrays = {"x": _images(rng, 2, c, 9, 9), "w": _images(rng, k, 16, 3, 3), "dy": _images(rng, 2, k, 9, 9)}
    arrays[place][(0,) * 4] = bad
    x, w, dy = arrays["x"], arrays["w"], arrays["dy"]
    results = {}
    with fs.backend.use("c"):
        for name in ("winograd", "direct"):
            fs.backend.set_conv_algorithm(name)
            y = fs.backend.conv2d_forward(x, w, None, *geometry, False)
            results[name] = {
                "y": y,
                **dict(
                    zip(("dx", "dw"), fs.backend.conv2d_backward(dy, x, w, *geometry, True, True, False), strict=False)
                ),
            }
    for name in {"x": ("y", "dw"), "w": ("y", "dx"), "dy": ("dx", "dw")}[place]:
        np.testing.assert_array_equal(results["winograd"][name], results["direct"][name])


def test_winograd_in_numpy_is_the_convolution() -> None:
    """The formula whose sizes are the error bound, with its own matrices."""
    rng = np.random.default_rng(1)
    for shape, k, padding, dilation in (
        ((2, 3, 7, 9), 4, (1, 2), (1, 1)),
        ((1, 2, 3, 3), 2, (0, 0), (1, 1)),
        ((2, 2, 3, 4), 3, (2, 2), (1, 1)),
        ((2, 2, 9, 14), 3, (1, 3), (2, 3)),
        ((2, 2, 1, 5), 3, (6, 4), (3, 2)),
    ):
        x, w = rng.standard_normal(shape), rng.standard_normal((k, shape[1], 3, 3))
        geometry: Any = ((1, 1), padding, dilation, 1)
        y = fs.backend._numpy.conv2d_forward(x, w, None, *geometry, False)
        dy = rng.standard_normal(y.shape)
        dw = fs.backend._numpy.conv2d_backward(dy, x, w, *geometry, False, True, False)[1]
        np.testing.assert_allclose(rule.convolve(x, w, padding, dilation, rule.MATRICES), y, rtol=0, atol=1e-12)
        by_tiles = rule.filter_gradient(dy, x, padding, dilation, rule.MATRICES)
        np.testing.assert_allclose(by_tiles, dw, rtol=0, atol=1e-12)


X, W = (2, 3, 4, 5), (4, 3, 3, 3)


@pytest.mark.parametrize(
    ("x", "w", "b", "parameters", "message"),
    [
        ((4, 5), W, None, {}, r"conv2d: expected a 4-d \(batched\) or 3-d input, got shape \(4, 5\)"),
        (X, (4, 3, 3), None, {}, r"conv2d: expected a weight of 4 axes, got shape \(4, 3, 3\)"),
        (
            X,
            (4, 2, 3, 3),
            None,
            {},
            r"weight \(4, 2, 3, 3\) in groups=1 expects an input of 2 channels, got 3 in shape",
        ),
        (X, W, (3,), {}, r"weight \(4, 3, 3, 3\) expects a bias of shape \(4,\), got \(3,\)"),
        (X, W, None, {"groups": 3}, r"axis 0 must be a positive multiple of groups=3, got shape \(4, 3, 3, 3\)"),
        (X, (0, 3, 3, 3), None, {}, r"axis 0 must be a positive multiple of groups=1"),
        (X, W, None, {"groups": 0}, "groups must be positive, got 0"),
        (X, W, None, {"stride": 0}, "stride must be positive, got 0"),
        (X, W, None, {"stride": (1, 0)}, r"stride must be positive, got \(1, 0\)"),
        (X, W, None, {"dilation": 0}, "dilation must be positive, got 0"),
        (X, W, None, {"padding": -1}, "padding must be non-negative, got -1"),
        (X, W, None, {"stride": (1, 2, 3)}, r"stride must be an int or 2 of them, got \(1, 2, 3\)"),
        (X, W, None, {"padding": "sane"}, "padding must be 'valid', 'same' or numbers, got 'sane'"),
        (X, W, None, {"padding": "same", "stride": 2}, r"padding='same' needs stride 1, got \(2, 2\)"),
        (X, (4, 3, 5, 3), None, {}, r"filter of size \(5, 3\) \(with dilation\) does not fit .* of size \(4, 5\)"),
        (X, W, None, {"dilation": 3}, r"filter of size \(7, 7\)"),
        ((2, 3, 0, 5), W, None, {"padding": 3}, "does not fit into the padded input"),
        (X, W, None, {"padding": 2**63 - 1}, "padding must be below 2"),
        (X, W, None, {"stride": (1, 2**31)}, "stride must be below 2"),
        (X, W, None, {"padding": 2**63, "dilation": 2**62}, "dilation must be below 2"),
    ],
)
def test_bad_arguments_are_named(x: Any, w: Any, b: Any, parameters: Any, message: str) -> None:
    bias = None if b is None else fs.ones(*b)
    with pytest.raises(RuntimeError, match=message):
        fs.conv2d(fs.ones(*x), fs.ones(*w), bias, **parameters)


def test_bad_types_are_named() -> None:
    x, w = fs.ones(*X), fs.ones(*W)
    with pytest.raises(RuntimeError, match="one dtype, got input float32, weight float64"):
        fs.conv2d(x, fs.ones(*W, dtype=fs.float64))
    with pytest.raises(RuntimeError, match="expected a floating dtype, got int64"):
        fs.conv2d(fs.ones(*X, dtype=fs.int64), w)
    with pytest.raises(TypeError, match="conv2d: expected a Tensor, got ndarray"):
        fs.conv2d(np.ones(X), w)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"padding must be an int or 2 of them, got 1\.5"):
        fs.conv2d(x, w, padding=1.5)
    with pytest.raises(TypeError, match=r"groups must be an int, got 1\.0"):
        fs.conv2d(x, w, groups=1.0)  # type: ignore[arg-type]
    with pytest.raises(RuntimeError, match=r"conv1d: a filter of size \(5,\) .* of size \(4,\)"):
        fs.conv1d(fs.ones(1, 2, 4), fs.ones(1, 2, 5))


@needs_extension
def test_binding_refuses_what_c_could_not_survive() -> None:
    x, w = np.ones(X, np.float32), np.ones(W, np.float32)
    geometry: Any = ((1, 1), (0, 0), (1, 1), 1)
    with fs.backend.use("c"):
        for bad in (np.ones((2, 3, 2, 5), np.float32), np.ones((2, 2, 4, 5), np.float32), np.ones(5, np.float32)):
            with pytest.raises(ValueError, match="x"):
                fs.backend.conv2d_forward(bad, w, None, *geometry, False)
        with pytest.raises(ValueError, match="b must have shape"):
            fs.backend.conv2d_forward(x, w, np.ones(3, np.float32), *geometry, False)
        with pytest.raises(TypeError, match="w must be float32"):
            fs.backend.conv2d_forward(x, w.astype(np.float64), None, *geometry, False)
        with pytest.raises(ValueError, match=r"dy must have shape \(2, 4, 2, 3\)"):
            fs.backend.conv2d_backward(np.ones((2, 4, 2, 2), np.float32), x, w, *geometry, True, True, True)
        with pytest.raises(ValueError, match="must be positive"):
            fs.backend.conv2d_forward(x, w, None, (0, 1), (0, 0), (1, 1), 1, False)
        for padding, dilation in (((2**63 - 1, 0), (1, 1)), ((1, 1), (1, 2**62)), ((0, 2**31), (1, 1))):
            with pytest.raises(ValueError, match="must be below 2"):
                fs.backend.conv2d_forward(
                    x, np.ones((4, 3, 3, 5), np.float32), None, (1, 1), padding, dilation, 1, False
                )


LARGE = [
    ((9, 17, 19, 21), (35, 17, 3, 3), {"padding": 1}),
    ((5, 3, 37, 41), (33, 3, 5, 5), {"stride": 2, "padding": 2}),
    ((3, 24, 18, 18), (20, 12, 3, 3), {"groups": 2, "padding": 1, "dilation": 2}),
    ((1, 6, 90, 80), (8, 6, 3, 3), {}),
    ((40, 1, 28, 28), (16, 1, 3, 3), {}),
    ((40, 1, 28, 28), (6, 1, 5, 5), {"padding": 2}),
    ((1, 32, 13, 13), (70, 32, 3, 3), {}),
]


def _large(x: Any, w: Any, parameters: Any) -> list[np.ndarray]:
    rng = np.random.default_rng(5)
    leaves = [_leaf(rng, *shape, dtype=np.float32) for shape in (x, w, (w[0],))]
    y = fs.conv2d(*leaves, **parameters)
    y.backward(rng.standard_normal(y.shape).astype(np.float32))
    return [y.detach().numpy(), *(leaf.grad.numpy() for leaf in leaves)]


@needs_extension
@pytest.mark.parametrize(("x", "w", "parameters"), LARGE)
def test_work_that_is_cut_is_right_and_the_same_for_any_number_of_threads(x: Any, w: Any, parameters: Any) -> None:
    with fs.backend.use("check"):
        _large(x, w, parameters)
    fs.backend.use("c")
    use_threads(1)
    expected = _large(x, w, parameters)
    for threads in (2, 3):
        use_threads(threads)
        for got, wanted in zip(_large(x, w, parameters), expected, strict=True):
            np.testing.assert_array_equal(got, wanted)


def _step(layer: Any, w: np.ndarray) -> None:
    layer.weight.grad = fs.Tensor(w)
    fs.optim.SGD([layer.weight], lr=0.1).step()


PLAIN: dict[str, Any] = {
    "input": (2, 4, 7, 6),
    "weight": (6, 4, 3, 2),
    "bias": (6,),
    "stride": (1, 1),
    "padding": (0, 0),
    "dilation": (1, 1),
    "groups": 1,
    "pool_kernel": 2,
    "pool_stride": None,
    "pool_padding": 0,
}
# What else may stand in the place of one of them: right or wrong, odd or at an edge.
OTHERS: dict[str, list[Any]] = {
    "input": [(4, 7, 6), (0, 4, 7, 6), (2, 3, 7, 6), (2, 8, 7, 6), (2, 4, 3, 2), (2, 4, 2, 2), (2, 4, 0, 6), (2, 4)],
    "weight": [(6, 2, 3, 2), (7, 2, 3, 2), (6, 4, 3, 0), (6, 4, 8, 6), (6, 4, 7, 6), (0, 4, 3, 2), (6, 4, 3)],
    "bias": [None, (5,), (6, 1), (1,)],
    "stride": [(2, 3), 2, [1, 1], (True, 1), (0, 1), (1, 2**31), (1, 2**64), (1.0, 1), (1,), (1, 1, 1), None],
    "padding": [(1, 2), "same", "valid", (-1, 0), (0, 2**31), (np.int64(1), 1), (False, 0), (0,)],
    "dilation": [(2, 3), (3, 6), (1, 0), (2**31 - 1, 1), [2, 1]],
    "groups": [2, 4, 0, -1, True, 2.0, 2**64, np.int64(2), (1,)],
    "pool_kernel": [1, 5, 6, 300, 0, -1, (2, 1), True, np.int64(2), 2.0],
    "pool_stride": [2, 1, (2, 2)],
    "pool_padding": [1, (0, 0), False],
}


def _outcome(operation: Any, arguments: dict[str, Any], dtypes: tuple[Any, ...]) -> Any:
    """The result and the gradients, or the error."""
    rng = np.random.default_rng(4)
    leaves = [
        None if arguments[name] is None else _leaf(rng, *arguments[name], dtype=dtype)
        for name, dtype in zip(("input", "weight", "bias"), dtypes, strict=True)
    ]
    try:
        y = operation(*leaves, **dict(itertools.islice(arguments.items(), 3, None)))
        y.sum().backward()
    except Exception as error:
        return type(error), str(error)
    return [y.detach().numpy().tolist(), *(None if leaf is None else leaf.grad.numpy().tolist() for leaf in leaves)]


@pytest.mark.parametrize("name", OTHERS)
@pytest.mark.parametrize("operation", [fs.conv2d, conv2d_relu, conv2d_relu_max_pool2d])
def test_the_short_way_leads_where_the_long_one_does(
    operation: Any, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Plain arguments go to the kernel at once; what that takes is what the checks would have let through."""
    plain = {k: v for k, v in PLAIN.items() if operation is conv2d_relu_max_pool2d or not k.startswith("pool")}
    f4, f8 = np.float32, np.float64
    for value in OTHERS[name] if name in plain else []:
        for groups, dtypes in ((1, (f4, f4, f4)), (2, (f8, f8, f8)), (1, (f4, f8, f4)), (1, (f4, f4, f8))):
            arguments = {**plain, "groups": groups, name: value}
            short = _outcome(operation, arguments, dtypes)
            with monkeypatch.context() as patch:
                patch.setattr("fastscratch.ops.conv.convolvable", lambda *_: False)
                assert short == _outcome(operation, arguments, dtypes), (name, value, groups)


def test_the_short_way_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    leaves = [fs.ones(*PLAIN[name]) for name in ("input", "weight", "bias")]
    monkeypatch.delattr("fastscratch.ops.conv._operands")
    for more in ({}, {"stride": (2, 2), "padding": (1, 0), "dilation": (2, 1)}):
        parameters: Any = {"stride": (1, 1), "padding": (0, 0), "dilation": (1, 1), "groups": 1, **more}
        for operation in (fs.conv2d, conv2d_relu, conv2d_relu_max_pool2d):
            operation(*leaves, **parameters)


# Every way to change a weight between two predictions: those the library is told of, and those nobody is.
CHANGES: dict[str, Any] = {
    "array element": lambda layer, w: layer.weight.array.__setitem__((3, 2, 1, 0), w[3, 2, 1, 0]),
    "array": lambda layer, w: np.copyto(layer.weight.array, w),
    "numpy view": lambda layer, w: np.copyto(layer.weight.detach().numpy()[:5], w[:5]),
    "in place": lambda layer, w: layer.weight.detach().copy_(fs.Tensor(w)),
    "data": lambda layer, w: setattr(layer.weight, "data", fs.Tensor(w)),
    "parameter": lambda layer, w: setattr(layer, "weight", fs.nn.Parameter(fs.Tensor(w))),
    "load_state_dict": lambda layer, w: layer.load_state_dict({"weight": fs.Tensor(w), "bias": layer.bias}),
    "optimizer": _step,
}


@needs_extension
@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("change", CHANGES)
def test_filters_kept_for_the_next_image_are_never_stale(change: str, threads: int) -> None:
    """To the bit: the filters of one small image are kept transformed, and a batch's are not."""
    fs.backend.use("c")
    use_threads(threads)
    rng = np.random.default_rng(6)
    layer = fs.nn.Conv2d(16, 40, 3)
    x = fs.Tensor(np.repeat(_images(rng, 1, 16, 11, 11), 3, axis=0))
    with fs.no_grad():
        for _ in range(3):
            before = layer(x[:1]).numpy()
            CHANGES[change](layer, _images(rng, 40, 16, 3, 3))
            after, anew = layer(x[:1]).numpy(), layer(x).numpy()[:1]
            assert not np.array_equal(before, after)
            np.testing.assert_array_equal(after, anew)


@needs_extension
def test_kept_filters_are_those_of_the_instruction_set() -> None:
    rng = np.random.default_rng(7)
    x, w = _images(rng, 1, 32, 8, 8), _images(rng, 32, 32, 3, 3)
    geometry: Any = ((1, 1), (1, 1), (1, 1), 1)
    for isa in fs.backend.isas() * 2:
        fs.backend.use("c", isa=isa)
        alone = fs.backend.conv2d_forward(x, w, None, *geometry, False)
        batch = fs.backend.conv2d_forward(np.repeat(x, 4, axis=0), w, None, *geometry, False)
        np.testing.assert_array_equal(alone[0], batch[0])


@needs_extension
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    ("n", "geometry"), [(1, {}), (3, {"stride": 2, "padding": 3}), (7, {"dilation": 2, "padding": 1})]
)
def test_rows_of_few_images_are_cut_and_the_same_for_any_number_of_threads(n: int, geometry: Any, dtype: Any) -> None:
    rng = np.random.default_rng(8)
    x, w, b = (fs.Tensor(rng.standard_normal(shape).astype(dtype)) for shape in ((n, 3, 61, 43), (37, 3, 5, 5), (37,)))
    for pool in (2, 3, 5):
        call = functools.partial(conv2d_relu_max_pool2d, x, w, b, pool_kernel=pool, **geometry)
        with fs.backend.use("check"):
            call()
        fs.backend.use("c")
        use_threads(1)
        expected = call().numpy()
        for threads in (2, 3, 8):
            use_threads(threads)
            np.testing.assert_array_equal(call().numpy(), expected)


@st.composite
def geometries(draw: Any) -> Any:
    """An input, filters that fit it, and every parameter."""
    number = lambda low, high: draw(st.integers(low, high))  # noqa: E731
    groups = number(1, 3)
    size, spread, pad = ([number(1, 3), number(1, 3)], [number(1, 2), number(1, 3)], [number(0, 2), number(0, 2)])
    reach = [d * (f - 1) + 1 for d, f in zip(spread, size, strict=True)]
    image = [max(1, r - 2 * p) + number(0, 4) for r, p in zip(reach, pad, strict=True)]
    channels = groups * number(1, 9)
    x = (number(0, 2), channels, *image)
    w = (groups * number(1, 4), channels // groups, *size)
    parameters = {"stride": (number(1, 3), number(1, 3)), "padding": tuple(pad), "dilation": tuple(spread)}
    return x, w, {**parameters, "groups": groups}


@needs_extension
@settings(max_examples=60, deadline=None, derandomize=True)
@given(geometries(), st.sampled_from(["baseline", "best"]))
def test_any_geometry_equals_the_twin(geometry: Any, isa: str) -> None:
    x, w, parameters = geometry
    with fs.backend.use("check", isa=None if isa == "best" else fs.backend.isas()[0]):
        _large(x, w, parameters)


@pytest.mark.filterwarnings("ignore:Using padding='same'")
def test_equals_torch() -> None:
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(2)
    for stride in (1, (2, 1), 3):
        for padding in (0, (1, 2), "same"):
            for dilation in (1, (1, 2)):
                for groups, channels in ((1, 3), (2, 4), (1, 17)):
                    if padding == "same" and stride != 1:
                        continue
                    leaves = [_leaf(rng, 2, channels, 8, 7), _leaf(rng, 6, channels // groups, 3, 2), _leaf(rng, 6)]
                    theirs = [torch.tensor(leaf.detach().numpy(), requires_grad=True) for leaf in leaves]
                    args = (stride, padding, dilation, groups)
                    y, expected = fs.conv2d(*leaves, *args), torch.nn.functional.conv2d(*theirs, *args)
                    direction = rng.standard_normal(y.shape)
                    y.backward(direction)
                    expected.backward(torch.tensor(direction))
                    np.testing.assert_allclose(y.detach().numpy(), expected.detach().numpy(), rtol=1e-12, atol=1e-12)
                    for ours, other in zip(leaves, theirs, strict=True):
                        np.testing.assert_allclose(ours.grad.numpy(), other.grad.numpy(), rtol=1e-12, atol=1e-12)


@pytest.mark.filterwarnings("ignore:Using padding='same'")
def test_conv1d_equals_torch() -> None:
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(3)
    for args in ((1, 0, 1, 1), (2, 1, 1, 2), ((3,), (2,), (2,), 1), (1, "same", 3, 1)):
        for shape in ((2, 4, 11), (4, 11)):
            leaves = [_leaf(rng, *shape), _leaf(rng, 6, 4 // args[3], 4), _leaf(rng, 6)]
            theirs = [torch.tensor(leaf.detach().numpy(), requires_grad=True) for leaf in leaves]
            y, expected = fs.conv1d(*leaves, *args), torch.nn.functional.conv1d(*theirs, *args)
            direction = rng.standard_normal(y.shape)
            y.backward(direction)
            expected.backward(torch.tensor(direction))
            np.testing.assert_allclose(y.detach().numpy(), expected.detach().numpy(), rtol=1e-12, atol=1e-12)
            for ours, other in zip(leaves, theirs, strict=True):
                np.testing.assert_allclose(ours.grad.numpy(), other.grad.numpy(), rtol=1e-12, atol=1e-12)


def _both(joined: Any, apart: Any, *arrays: np.ndarray) -> list[list[np.ndarray]]:
    """Result and gradients of each."""
    results = []
    for call in (joined, apart):
        tensors = [fs.tensor(a, requires_grad=True) for a in arrays]
        y = call(*tensors)
        y.backward(fs.tensor(np.arange(y.numel(), dtype=np.float32).reshape(y.shape) % 7 - 3))
        results.append([y.detach().numpy(), *(t.grad.numpy() for t in tensors)])
    return results


@pytest.mark.parametrize("special", [None, np.nan, np.inf])
@pytest.mark.parametrize("pool", [{}, {"pool_kernel": (3, 2)}, {"pool_kernel": 3, "pool_stride": 2, "pool_padding": 1}])
def test_convolution_relu_and_pool_joined_are_what_they_are_apart(special: float | None, pool: dict[str, Any]) -> None:
    rng = np.random.default_rng(1)
    x, w, b = (rng.standard_normal(s).astype(np.float32) for s in ((2, 3, 9, 8), (4, 3, 3, 3), (4,)))
    if special is not None:
        x[1, 2, 4, 4] = special
    kernel = pool.get("pool_kernel", 2)
    for got, expected in zip(*_both(
        lambda x, w, b: conv2d_relu_max_pool2d(x, w, b, padding=1, **pool),
        lambda x, w, b: fs.max_pool2d(fs.conv2d(x, w, b, padding=1).relu(), kernel, pool.get("pool_stride"),
                                      pool.get("pool_padding", 0)),
        x, w, b,
    ), strict=True):  # fmt: skip
        np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-4)


def test_joined_pool_takes_the_first_of_equals_and_nothing_where_relu_is_zero() -> None:
    x, w = np.ones((1, 1, 4, 4), np.float32), np.zeros((2, 1, 1, 1), np.float32)
    b = np.array([1, -1], np.float32)  # all equal and alive; all equal and dead
    joined, apart = _both(conv2d_relu_max_pool2d, lambda x, w, b: fs.max_pool2d(fs.conv2d(x, w, b).relu(), 2), x, w, b)
    for got, expected in zip(joined, apart, strict=True):
        np.testing.assert_array_equal(got, expected)
    assert joined[3][1] == 0


def test_joined_relu_refuses_a_result_changed_in_place() -> None:
    x = fs.ones(1, 1, 4, 4).requires_grad_()
    y = conv2d_relu(x, fs.ones(2, 1, 3, 3))
    y.mul_(2)
    with pytest.raises(RuntimeError, match="changed in"):
        y.sum().backward()


@pytest.mark.parametrize("algorithm", ["auto", "direct", "winograd", "im2col"])
@pytest.mark.parametrize(("n", "c", "k"), [(0, 3, 4), (2, 0, 4), (2, 3, 0), (2, 0, 0)])
def test_no_images_or_no_channels(algorithm: str, n: int, c: int, k: int) -> None:
    b, options = fs.backend, ((1, 1), (0, 0), (1, 1), 1)
    x, w, bias = (np.ones(shape, np.float32) for shape in ((n, c, 6, 6), (k, c, 3, 3), (k,)))
    y, pooled = np.ones((n, k, 4, 4), np.float32), np.ones((n, k, 2, 2), np.float32)
    before = b.get_conv_algorithm()
    b.set_conv_algorithm(algorithm)
    try:
        np.testing.assert_array_equal(b.conv2d_forward(x, w, bias, *options, False), np.full(y.shape, 1 + 9 * c))
        value, code = b.conv2d_pool_forward(x, w, bias, *options, (2, 2), True)
        np.testing.assert_array_equal(value, np.full(pooled.shape, 1 + 9 * c))
        for dx, dw, db in (
            b.conv2d_backward(y, x, w, *options, True, True, True),
            b.conv2d_relu_backward(y, y, x, w, *options, True, True, True),
        ):
            assert (dx.shape, dw.shape) == (x.shape, w.shape)
            assert k or not dx.any()
            np.testing.assert_array_equal(db, np.full(k, 16 * n))
        dx, dw, db = b.conv2d_pool_backward(pooled, code, x, w, *options, (2, 2), True, True, True)
        assert (dx.shape, dw.shape) == (x.shape, w.shape)
        assert k or not dx.any()
        np.testing.assert_array_equal(db, np.full(k, 4 * n))
    finally:
        b.set_conv_algorithm(before)
