"""Optimizers: trajectories against PyTorch and against the formulas, state saved and loaded, and what is refused."""

import copy
import warnings
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from conftest import needs_extension, use_threads

import fastscratch as fs
from fastscratch.optim import SGD, Adam, AdamW, Optimizer, RMSprop

STEPS = 6
SHAPES = ((5, 3), (7,), ())

# Every flag on its own and in company: (PyTorch's name, options).
OPTIONS: list[tuple[str, dict[str, Any]]] = [
    ("SGD", {"lr": 0.1}),
    ("SGD", {"lr": 0.1, "weight_decay": 0.1, "maximize": True}),
    ("SGD", {"lr": 0.1, "momentum": 0.9}),
    ("SGD", {"lr": 0.1, "momentum": 0.9, "dampening": 0.5, "weight_decay": 0.01}),
    ("SGD", {"lr": 0.1, "momentum": 0.9, "nesterov": True, "weight_decay": 0.01, "maximize": True}),
    ("RMSprop", {}),
    ("RMSprop", {"lr": 0.1, "alpha": 0.9, "eps": 1e-3, "weight_decay": 0.1, "maximize": True}),
    ("RMSprop", {"momentum": 0.9}),
    ("RMSprop", {"centered": True}),
    ("RMSprop", {"centered": True, "momentum": 0.5, "weight_decay": 0.01}),
    ("Adam", {}),
    ("Adam", {"lr": 0.1, "betas": (0.5, 0.9), "eps": 1e-3, "weight_decay": 0.1}),
    ("Adam", {"amsgrad": True, "maximize": True}),
    ("Adam", {"weight_decay": 0.1, "decoupled_weight_decay": True}),
    ("AdamW", {}),
    ("AdamW", {"lr": 0.1, "weight_decay": 0.3, "amsgrad": True}),
]  # fmt: skip


def _name(value: Any) -> str:
    return value if isinstance(value, str) else ",".join(f"{k}={v}" for k, v in value.items()) or "defaults"


def _start(dtype: Any = np.float64) -> tuple[list[np.ndarray], list[list[np.ndarray]]]:
    """Parameters, and gradients for each step; the last parameter has none in the first two."""
    rng = np.random.default_rng(0)
    params = [np.asarray(rng.standard_normal(s), dtype) for s in SHAPES]
    return params, [[np.asarray(rng.standard_normal(s), dtype) for s in SHAPES] for _ in range(STEPS)]


def _run(make: Callable[[Any], Any], tensor: Callable[[Any], Any], dtype: Any = np.float64) -> list[list[np.ndarray]]:
    """The parameters after each step."""
    arrays, gradients = _start(dtype)
    params = [tensor(a.copy()) for a in arrays]
    for p in params:
        p.requires_grad_(True)
    optimizer = make(params)
    path = []
    for step, grads in enumerate(gradients):
        for i, (p, g) in enumerate(zip(params, grads, strict=True)):
            p.grad = tensor(g.copy()) if step > 1 or i < 2 else None
        optimizer.step()
        path.append([np.array(p.detach().numpy()) for p in params])
    return path


def _ours(name: str, options: dict[str, Any], dtype: Any = np.float64) -> list[list[np.ndarray]]:
    return _run(lambda params: getattr(fs.optim, name)(params, **options), fs.tensor, dtype)


@pytest.mark.parametrize(("name", "options"), OPTIONS, ids=_name)
def test_trajectory_equals_pytorchs(name: str, options: dict[str, Any]) -> None:
    torch = pytest.importorskip("torch")
    for dtype, tolerance in ((np.float64, 1e-12), (np.float32, 2e-5)):
        theirs = _run(lambda params: getattr(torch.optim, name)(params, **options), torch.tensor, dtype)
        for mine, expected in zip(_ours(name, options, dtype), theirs, strict=True):
            for a, b in zip(mine, expected, strict=True):
                assert a.dtype == b.dtype
                np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance)


def _quadratic(optimizer_of: Callable[[Any], Optimizer], steps: int) -> np.ndarray:
    """The parameters on the way down (w - 1)^2 / 2 from 3 and -2, whose gradient is w - 1."""
    w = fs.tensor([3.0, -2.0], dtype=fs.float64, requires_grad=True)
    optimizer = optimizer_of([w])
    path = []
    for _ in range(steps):
        optimizer.zero_grad()
        (0.5 * (w - 1.0) * (w - 1.0)).sum().backward()
        optimizer.step()
        path.append(w.detach().numpy().copy())
    return np.array(path)


def test_sgd_formula() -> None:
    w, b, path = np.array([3.0, -2.0]), None, []
    for _ in range(5):
        g = (w - 1) + 0.01 * w
        b = g if b is None else 0.9 * b + 0.5 * g
        w = w - 0.1 * b
        path.append(w)
    got = _quadratic(lambda p: SGD(p, lr=0.1, momentum=0.9, dampening=0.5, weight_decay=0.01), 5)
    np.testing.assert_allclose(got, path, rtol=1e-13)


def test_nesterov_formula() -> None:
    w, b, path = np.array([3.0, -2.0]), np.zeros(2), []
    for _ in range(5):
        g = w - 1
        b = 0.9 * b + g
        w = w - 0.1 * (g + 0.9 * b)
        path.append(w)
    np.testing.assert_allclose(_quadratic(lambda p: SGD(p, 0.1, 0.9, nesterov=True), 5), path, rtol=1e-13)


def test_rmsprop_formula() -> None:
    w, s, m, path = np.array([3.0, -2.0]), np.zeros(2), np.zeros(2), []
    for _ in range(5):
        g = w - 1
        s, m = 0.9 * s + 0.1 * g * g, 0.9 * m + 0.1 * g
        w = w - 0.1 * g / (np.sqrt(s - m * m) + 1e-8)
        path.append(w)
    got = _quadratic(lambda p: RMSprop(p, lr=0.1, alpha=0.9, centered=True), 5)
    np.testing.assert_allclose(got, path, rtol=1e-13)


def test_adamw_formula() -> None:
    w, m, v, path = np.array([3.0, -2.0]), np.zeros(2), np.zeros(2), []
    for t in range(1, 6):
        g = w - 1
        m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g * g
        w = w * (1 - 0.1 * 0.2)
        w = w - 0.1 * (m / (1 - 0.9**t)) / (np.sqrt(v / (1 - 0.999**t)) + 1e-8)
        path.append(w)
    np.testing.assert_allclose(_quadratic(lambda p: AdamW(p, lr=0.1, weight_decay=0.2), 5), path, rtol=1e-13)


def test_centered_rmsprop_is_never_nan() -> None:
    """A gradient that stays the same leaves no variance, and rounding may not make it negative."""
    w = fs.tensor([0.1] * 64, requires_grad=True)
    optimizer = RMSprop([w], lr=1e-12, alpha=0.3, centered=True)
    for _ in range(60):
        w.grad = fs.tensor(np.linspace(0.1, 0.9, 64, dtype=np.float32))
        optimizer.step()
    assert np.isfinite(w.detach().numpy()).all()


# ---- groups ----


def test_groups_have_their_own_options() -> None:
    a, b = fs.tensor([1.0], requires_grad=True), fs.tensor([1.0], requires_grad=True)
    optimizer = SGD([{"params": [a]}, {"params": b, "lr": 0.5}], lr=0.1)
    a.grad = b.grad = fs.tensor([1.0])
    optimizer.step()
    assert (a.item(), b.item()) == (np.float32(0.9), 0.5)
    assert [g["lr"] for g in optimizer.param_groups] == [0.1, 0.5]


def test_options_may_be_changed_between_steps() -> None:
    w = fs.tensor([1.0], requires_grad=True)
    optimizer = SGD([w], lr=0.1)
    optimizer.param_groups[0]["lr"] = 0.25
    w.grad = fs.tensor([1.0])
    optimizer.step()
    assert w.item() == 0.75


def test_one_call_of_the_backend_for_a_group(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []
    kernel = fs.backend.adam_step
    monkeypatch.setattr(fs.backend, "adam_step", lambda *args: (calls.append(len(args[0])), kernel(*args)))
    params = [fs.tensor(np.ones(s, np.float32), requires_grad=True) for s in SHAPES]
    optimizer = Adam(params)
    for _ in range(3):
        for p in params:
            p.grad = fs.tensor(np.ones(p.shape, np.float32))
        optimizer.step()
    assert calls == [3, 3, 3]


def test_two_dtypes_in_one_group() -> None:
    params = [fs.tensor([1.0], dtype=dtype, requires_grad=True) for dtype in (fs.float32, fs.float64)]
    for p in params:
        p.grad = fs.tensor([1.0], dtype=p.dtype)
    Adam(params, lr=0.1).step()
    for p in params:
        np.testing.assert_allclose(p.detach().numpy(), [0.9], rtol=1e-6)


def test_a_parameter_without_gradient_is_left_alone() -> None:
    a, b = fs.tensor([1.0], requires_grad=True), fs.tensor([1.0], requires_grad=True)
    a.grad = fs.tensor([1.0])
    optimizer = Adam([a, b], lr=0.1)
    optimizer.step()
    assert b.item() == 1.0
    assert b not in optimizer.state


def test_zero_grad() -> None:
    w = fs.tensor([1.0, 2.0], requires_grad=True)
    optimizer = SGD([w])
    w.grad = held = fs.tensor([3.0, 4.0])
    optimizer.zero_grad(set_to_none=False)
    assert w.grad is held  # as in PyTorch: in place
    assert held.tolist() == [0.0, 0.0]
    w.grad = fs.from_numpy(np.broadcast_to(np.float32(1), (2,)))
    optimizer.zero_grad(set_to_none=False)
    assert w.grad.tolist() == [0.0, 0.0]
    optimizer.zero_grad()
    assert w.grad is None


def test_closure_gives_the_loss_and_records() -> None:
    w = fs.tensor([1.0, 2.0], requires_grad=True)
    optimizer = SGD([w], lr=0.1)

    def closure() -> Any:
        optimizer.zero_grad()
        loss = (w * w).sum()
        loss.backward()
        return loss

    with fs.no_grad():
        assert optimizer.step(closure).item() == 5.0
    np.testing.assert_allclose(w.detach().numpy(), [0.8, 1.6], rtol=1e-6)


def test_a_step_is_seen_by_the_tape() -> None:
    w = fs.tensor([2.0], requires_grad=True)
    loss = (w * w).sum()
    w.grad = fs.tensor([1.0])
    SGD([w], lr=0.1).step()
    with pytest.raises(RuntimeError, match="changed in place"):
        loss.backward()


# ---- layouts, threads, backends ----


@pytest.mark.parametrize("backend", fs.backend.available())
def test_any_order_of_memory(backend: str) -> None:
    """Parameter, gradient and state each in a layout of its own, holes included."""
    rng = np.random.default_rng(1)
    values, gradient = rng.standard_normal((4, 3, 2, 2)), rng.standard_normal((4, 3, 2, 2))
    expected = None
    with fs.backend.use(backend):
        for arrange in (np.ascontiguousarray, np.asfortranarray, _channels_last, _with_holes):
            for arrange_gradient in (np.ascontiguousarray, _channels_last, lambda x: np.flip(np.flip(x).copy())):
                w = fs.from_numpy(arrange(values.copy()))
                memory = w.array
                w.requires_grad = True
                optimizer = Adam([w], lr=0.1)
                for _ in range(3):
                    w.grad = fs.from_numpy(arrange_gradient(gradient))
                    optimizer.step()
                got = w.detach().numpy()
                assert got is memory
                expected = got.copy() if expected is None else expected
                np.testing.assert_array_equal(got, expected)


def _channels_last(x: np.ndarray) -> np.ndarray:
    return np.moveaxis(np.ascontiguousarray(np.moveaxis(x, 1, -1)), -1, 1)


def _with_holes(x: np.ndarray) -> np.ndarray:
    room = np.zeros([2 * s for s in x.shape], x.dtype)
    view = room[tuple(slice(None, None, 2) for _ in x.shape)]
    view[...] = x
    return view


def test_a_gradient_that_is_one_number_repeated() -> None:
    w = fs.tensor([1.0, 2.0, 3.0], requires_grad=True)
    w.grad = fs.from_numpy(np.broadcast_to(np.float32(1), (3,)))
    SGD([w], lr=0.5).step()
    assert w.tolist() == [0.5, 1.5, 2.5]


@needs_extension
@pytest.mark.parametrize("kind", [lambda p: SGD(p, 0.1, 0.9), RMSprop, AdamW])
def test_same_bits_for_any_number_of_threads(kind: Callable[[Any], Optimizer]) -> None:
    fs.backend.use("c")
    rng = np.random.default_rng(2)
    arrays = [rng.standard_normal(n).astype(np.float32) for n in (150_000, 3, 0, 40_000, 16_384)]
    results = []
    for threads in (1, 2, 3, 4):
        use_threads(threads)
        params = [fs.tensor(a.copy(), requires_grad=True) for a in arrays]
        optimizer = kind(params)
        for _ in range(2):
            for p in params:
                p.grad = fs.tensor(np.sin(p.detach().numpy()))
            optimizer.step()
        results.append(np.concatenate([p.detach().numpy() for p in params]))
        norm = fs.backend.grad_norm(arrays, 2)
        results[-1] = np.append(results[-1].astype(np.float64), norm)
    for other in results[1:]:
        np.testing.assert_array_equal(other, results[0])


# ---- state ----


def _train(w: fs.Tensor, optimizer: Optimizer, steps: int) -> None:
    for _ in range(steps):
        optimizer.zero_grad()
        (0.5 * (w - 1.0) * (w - 1.0)).sum().backward()
        optimizer.step()


@pytest.mark.parametrize(("name", "options"), OPTIONS, ids=_name)
def test_resumed_is_the_same_to_the_bit(name: str, options: dict[str, Any]) -> None:
    kind = getattr(fs.optim, name)
    whole = fs.tensor([3.0, -2.0], requires_grad=True)
    _train(whole, kind([whole], **options), 7)
    w = fs.tensor([3.0, -2.0], requires_grad=True)
    first = kind([w], **options)
    _train(w, first, 3)
    state = copy.deepcopy(first.state_dict())
    resumed = fs.tensor(w.detach().numpy().copy(), requires_grad=True)
    second = kind([resumed], lr=123.0)
    second.load_state_dict(state)
    _train(resumed, second, 4)
    np.testing.assert_array_equal(resumed.detach().numpy(), whole.detach().numpy())
    _train(w, first, 4)  # loading copies: the first goes on undisturbed
    np.testing.assert_array_equal(w.detach().numpy(), whole.detach().numpy())


def test_state_dict_has_pytorchs_structure() -> None:
    torch = pytest.importorskip("torch")
    for name, options in OPTIONS:
        arrays, gradients = _start()
        mine = [fs.tensor(a, requires_grad=True) for a in arrays]
        theirs = [torch.tensor(a, requires_grad=True) for a in arrays]
        for params, tensor in ((mine, fs.tensor), (theirs, torch.tensor)):
            for p, g in zip(params[:2], gradients[0], strict=False):
                p.grad = tensor(g)
        a, b = getattr(fs.optim, name)(mine, **options), getattr(torch.optim, name)(theirs, **options)
        a.step()
        b.step()
        got, expected = a.state_dict(), b.state_dict()
        assert got.keys() == expected.keys()
        kept = {i: {k for k, v in s.items() if v is not None} for i, s in expected["state"].items()}
        assert {i: set(s) for i, s in got["state"].items()} == {i: s for i, s in kept.items() if s}
        for group, other in zip(got["param_groups"], expected["param_groups"], strict=True):
            assert group.items() <= other.items()
        # and PyTorch's state can be loaded
        saved = {**expected, "state": {i: _as_numpy(s) for i, s in expected["state"].items()}}
        fresh = getattr(fs.optim, name)([fs.tensor(x, requires_grad=True) for x in arrays], **options)
        fresh.load_state_dict(saved)
        for i, values in got["state"].items():
            for key, value in values.items():
                again = fresh.state_dict()["state"][i][key]
                np.testing.assert_allclose(np.asarray(again), np.asarray(value), rtol=1e-12)


def _as_numpy(values: dict[str, Any]) -> dict[str, Any]:
    return {k: v.numpy() if hasattr(v, "numpy") else v for k, v in values.items()}


def test_state_of_another_optimizer_is_refused_and_nothing_is_changed() -> None:
    w = fs.tensor([1.0, 2.0], requires_grad=True)
    other = fs.tensor([1.0, 2.0, 3.0], requires_grad=True)
    saved = Adam([other], lr=0.5)
    other.grad = fs.tensor([1.0, 1.0, 1.0])
    saved.step()
    optimizer = Adam([w])
    before = copy.deepcopy(optimizer.state_dict())
    with pytest.raises(ValueError, match=r"state\[0\]\['exp_avg'\] has shape \(3,\), the parameter \(2,\)"):
        optimizer.load_state_dict(saved.state_dict())
    with pytest.raises(ValueError, match=r"groups of \[2\] parameters, this optimizer groups of \[1\]"):
        optimizer.load_state_dict(Adam([w, other]).state_dict())
    with pytest.raises(ValueError, match="keys 'state' and 'param_groups'"):
        optimizer.load_state_dict({"state": {}})
    bad = {**before, "state": {7: {}}}
    with pytest.raises(ValueError, match="parameter 7, which no group contains"):
        optimizer.load_state_dict(bad)
    assert optimizer.state_dict() == before


# ---- what is refused ----


def test_refused_parameters() -> None:
    w = fs.tensor([1.0], requires_grad=True)
    with pytest.raises(ValueError, match="params is empty"):
        SGD([], lr=0.1)
    with pytest.raises(ValueError, match=r"params\[0\] is the result of an operation"):
        SGD([w * 2.0], lr=0.1)
    with pytest.raises(ValueError, match=r"params\[1\], of shape \(1,\), is there twice"):
        SGD([w, w], lr=0.1)
    with pytest.raises(ValueError, match=r"params\[0\], of shape \(1,\), is there twice"):
        SGD([{"params": [w]}, {"params": [w]}], lr=0.1)
    with pytest.raises(TypeError, match="got one Tensor"):
        SGD(w, lr=0.1)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="a set has none"):
        SGD({w}, lr=0.1)
    with pytest.raises(TypeError, match=r"params\[0\] is of type int"):
        SGD([1], lr=0.1)
    with pytest.raises(TypeError, match="iterable of tensors or dicts, got int"):
        SGD(3, lr=0.1)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda p: SGD(p, lr=-0.1), "lr must be at least 0, got -0.1"),
        (lambda p: SGD(p, lr=float("nan")), "lr must be at least 0, got nan"),
        (lambda p: SGD(p, momentum=-1), "momentum must be at least 0"),
        (lambda p: SGD(p, nesterov=True), "nesterov needs momentum > 0"),
        (lambda p: SGD(p, differentiable=True), "differentiable=True is not supported"),
        (lambda p: RMSprop(p, alpha=-1), "alpha must be at least 0"),
        (lambda p: RMSprop(p, eps=-1), "eps must be at least 0"),
        (lambda p: Adam(p, betas=(1.0, 0.9)), r"betas must be two numbers in \[0, 1\)"),
        (lambda p: Adam(p, capturable=True), "capturable=True is not supported"),
        (lambda p: AdamW(p, weight_decay=-1), "weight_decay must be at least 0"),
    ],
)
def test_refused_options(make: Callable[[Any], Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make([fs.tensor([1.0], requires_grad=True)])


def test_pytorchs_hints_are_accepted() -> None:
    w = [fs.tensor([1.0], requires_grad=True)]
    SGD(w, foreach=True, fused=True)
    RMSprop(w, foreach=False)
    AdamW(w, foreach=True, fused=False)


@pytest.mark.parametrize("backend", fs.backend.available())
@pytest.mark.parametrize("kind", [lambda p: SGD(p, momentum=0.9), RMSprop, Adam])
def test_a_gradient_that_does_not_fit_changes_nothing(kind: Callable[[Any], Optimizer], backend: str) -> None:
    with fs.backend.use(backend):
        for gradient, error, message in (
            (np.ones(3, np.float32), ValueError, r"grads\[1\] must have shape \(2,\), got \(3,\)"),
            (np.ones(2, np.float64), TypeError, r"grads\[1\] must be float32"),
        ):
            params = [fs.tensor([1.0, 2.0], requires_grad=True) for _ in range(2)]
            optimizer = kind(params)
            params[0].grad, params[1].grad = fs.tensor([1.0, 1.0]), fs.tensor(gradient)
            with pytest.raises(error, match=message):
                optimizer.step()
            assert [p.tolist() for p in params] == [[1.0, 2.0], [1.0, 2.0]]


@pytest.mark.parametrize("backend", fs.backend.available())
def test_bad_lists_at_the_backends_door(backend: str) -> None:
    a, b = np.ones(2, np.float32), np.ones(2, np.float32)
    b.flags.writeable = False
    with fs.backend.use(backend):
        with pytest.raises(ValueError, match=r"params\[0\] is read-only"):
            fs.backend.sgd_step([b], [a], None, 0.1, 0.0, 0.0, 0.0, False, False)
        with pytest.raises(ValueError, match="grads must have 1 arrays, one for each parameter, got 2"):
            fs.backend.sgd_step([a], [a, a], None, 0.1, 0.0, 0.0, 0.0, False, False)
        with pytest.raises(TypeError, match=r"params\[1\] must be float32 or float64, got int64"):
            fs.backend.sgd_step([a, np.arange(2)], [a, a], None, 0.1, 0.0, 0.0, 0.0, False, False)
        with pytest.raises(ValueError, match="step counts from 1, got 0"):
            fs.backend.adam_step([a], [a], [a.copy()], [a.copy()], None, 0, 0.1, 0.9, 0.999, 0.0, 0.0, False, False)
        with pytest.raises(ValueError, match="ord must be 2 or inf, got 1"):
            fs.backend.grad_norm([a], 1)
        assert a.tolist() == [1.0, 1.0]
        assert fs.backend.grad_norm([], 2) == 0.0


# ---- lists that are kept from step to step ----


KINDS: list[Callable[[Any], Optimizer]] = [
    lambda p: SGD(p, 0.1, 0.9, dampening=0.5), lambda p: SGD(p, 0.1), lambda p: RMSprop(p, 0.01, centered=True),
    lambda p: Adam(p, 0.1, amsgrad=True), lambda p: AdamW(p, 0.1),
]  # fmt: skip


def _freeze(params: list[fs.Tensor], optimizer: Optimizer) -> None:
    params[1].requires_grad = False


def _replace_data(params: list[fs.Tensor], optimizer: Optimizer) -> None:
    params[0].data = fs.tensor(2 * params[0].detach().numpy())


def _convert(params: list[fs.Tensor], optimizer: Optimizer) -> None:
    params[0].data = fs.tensor(params[0].detach().numpy().astype(np.float64))
    optimizer.state.pop(params[0], None)


def _lay_apart(params: list[fs.Tensor], optimizer: Optimizer) -> None:
    params[0].array = _with_holes(params[0].array)


def _turn_in_place(params: list[fs.Tensor], optimizer: Optimizer) -> None:
    for tensor in (params[0], *optimizer.state.get(params[0], {}).values()):
        if isinstance(tensor, fs.Tensor):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", DeprecationWarning)  # of NumPy 2.5
                tensor.array.shape = tensor.array.shape[::-1]


def _load(params: list[fs.Tensor], optimizer: Optimizer) -> None:
    state = copy.deepcopy(optimizer.state_dict())
    state["param_groups"][0]["lr"] = 0.05
    optimizer.load_state_dict(state)


def _forget_state(params: list[fs.Tensor], optimizer: Optimizer) -> None:
    optimizer.state.clear()


def _swap_state(params: list[fs.Tensor], optimizer: Optimizer) -> None:
    for state in optimizer.state.values():
        for name, value in state.items():
            if name != "step":
                state[name] = fs.tensor(0.5 * value.numpy())


def _other_params(params: list[fs.Tensor], optimizer: Optimizer) -> None:
    params[2] = fs.tensor(np.float32(3), requires_grad=True)
    optimizer.param_groups[0]["params"] = list(params)


def _other_options(params: list[fs.Tensor], optimizer: Optimizer) -> None:
    group = optimizer.param_groups[0]
    group.update({k: not group[k] for k in ("amsgrad", "centered") if k in group})
    if "momentum" in group:
        group["momentum"] = 0.5 if group["momentum"] == 0 else 0


CHANGES = [
    None, _freeze, _replace_data, _convert, _lay_apart, _turn_in_place, _load, _forget_state, _swap_state, _other_params,
    _other_options,
]  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("backend", fs.backend.available())
def test_kept_lists_are_never_stale(backend: str, change: Any, kind: Any) -> None:
    """Steps with what was kept, and steps of an optimizer that forgets its lists before each: the same bits."""
    results = []
    with fs.backend.use(backend):
        for forgets in (False, True):
            rng = np.random.default_rng(0)
            params = [fs.tensor(rng.standard_normal(s).astype(np.float32), requires_grad=True) for s in SHAPES]
            optimizer = kind(params)
            for step in range(6):
                if step == 3 and change is not None:
                    change(params, optimizer)
                for p in params:
                    gradient = rng.standard_normal(p.shape).astype(p.dtype)
                    p.grad = fs.tensor(gradient) if p.requires_grad and not (step == 2 and p is params[1]) else None
                if forgets:
                    optimizer._plans.clear()
                optimizer.step()
            results.append([np.array(p.detach().numpy()) for p in params] + _kept(optimizer))
    for kept, fresh in zip(*results, strict=True):
        np.testing.assert_array_equal(kept, fresh)


def _kept(optimizer: Optimizer) -> list[np.ndarray]:
    return [v.array if isinstance(v, fs.Tensor) else v for s in optimizer.state.values() for _, v in sorted(s.items())]


def test_kept_lists_hold_no_gradient() -> None:
    """Their memory is for the next backward."""
    w = fs.tensor(np.ones(5, np.float32), requires_grad=True)
    optimizer = Adam([w])
    for _ in range(2):
        w.grad = fs.tensor(np.ones(5, np.float32))
        gone = weakref.ref(w.grad.array)
        optimizer.step()
        optimizer.zero_grad()
        assert gone() is None


def test_an_optimizer_that_stepped_can_be_copied() -> None:
    w = fs.tensor(np.ones(5, np.float32), requires_grad=True)
    optimizer = Adam([w], lr=0.1)
    w.grad = fs.tensor(np.ones(5, np.float32))
    optimizer.step()
    again = copy.deepcopy(optimizer)
    (other,) = again.param_groups[0]["params"]
    before = w.detach().numpy().copy()
    again.step()
    np.testing.assert_array_equal(w.detach().numpy(), before)
    optimizer.step()
    np.testing.assert_array_equal(w.detach().numpy(), other.detach().numpy())


def test_gradients_of_two_dtypes_are_made_zero_in_one_call_each(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []
    kernel = fs.backend.zero_arrays
    monkeypatch.setattr(fs.backend, "zero_arrays", lambda arrays: (calls.append(len(arrays)), kernel(arrays)))
    params = [fs.tensor(np.ones(3, t), requires_grad=True) for t in (np.float32, np.float64, np.float32)]
    params.append(fs.tensor(np.ones(3, np.float32), requires_grad=True))  # has no gradient
    for p in params[:3]:
        p.grad = fs.tensor(np.full(3, np.nan, p.dtype))
    SGD(params).zero_grad(set_to_none=False)
    assert calls == [2, 1]
    assert [p.grad.tolist() for p in params[:3]] == [[0.0] * 3] * 3
    assert params[3].grad is None
