"""Sequential computes runs of layers as one operation: the same function, and never past anybody who looks between them."""

import copy
import pickle
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from harness import kernels_replaced

import fastscratch as fs
from fastscratch import nn

NETS: dict[str, tuple[Callable[[], nn.Sequential], tuple[int, ...], list[str]]] = {
    "linear_relu": (lambda: nn.Sequential(nn.Linear(5, 7), nn.ReLU()), (4, 5), ["linear_forward"]),
    "linear_tanh": (lambda: nn.Sequential(nn.Linear(5, 7), nn.Tanh()), (4, 5), ["linear_forward"]),
    "linear_sigmoid": (lambda: nn.Sequential(nn.Linear(5, 7), nn.Sigmoid()), (4, 5), ["linear_forward"]),
    "linear_inplace": (lambda: nn.Sequential(nn.Linear(5, 7), nn.ReLU(inplace=True)), (4, 5), ["linear_forward"]),
    "linear_no_bias": (lambda: nn.Sequential(nn.Linear(5, 7, bias=False), nn.Tanh()), (4, 5), ["linear_forward"]),
    "linear_vector": (lambda: nn.Sequential(nn.Linear(5, 7), nn.Tanh()), (5,), ["linear_forward"]),
    "linear_more_axes": (lambda: nn.Sequential(nn.Linear(5, 7), nn.Tanh()), (2, 3, 5), ["linear_forward"]),
    "mlp": (
        lambda: nn.Sequential(nn.Linear(5, 7), nn.ReLU(), nn.Linear(7, 6), nn.Tanh(), nn.Linear(6, 2)),
        (4, 5),
        ["linear_forward"] * 3,
    ),
    "nested": (
        lambda: nn.Sequential(nn.Sequential(nn.Linear(5, 7), nn.ReLU()), nn.Sequential(nn.Linear(7, 2), nn.Tanh())),
        (4, 5),
        ["linear_forward"] * 2,
    ),
}


@pytest.fixture(autouse=True)
def fused() -> Iterator[None]:
    with nn.fusion(True):
        yield


def made(make: Callable[[], nn.Module], dtype: Any = np.float32) -> nn.Module:
    fs.manual_seed(0)
    return make().to(dtype)


def drawn(shape: tuple[int, ...], dtype: Any = np.float32) -> fs.Tensor:
    return fs.from_numpy(np.random.default_rng(1).standard_normal(shape).astype(dtype))


def kernels_called(call: Callable[[], Any]) -> list[str]:
    """The names of the kernels that a call goes through, in order."""
    names: list[str] = []

    def spy(name: str, kernel: Any) -> Any:
        def spied(*args: Any, **kwargs: Any) -> Any:
            names.append(name)
            return kernel(*args, **kwargs)

        return spied

    with kernels_replaced(spy):
        call()
    return names


def everything(net: nn.Module, x: fs.Tensor, seed: int = 2) -> dict[str, np.ndarray]:
    """The result, all gradients, and what the net holds afterwards."""
    net.zero_grad()
    x = x.clone().requires_grad_()
    y = net(x)
    dy = np.random.default_rng(seed).standard_normal(y.shape).astype(y.dtype)
    y.backward(fs.from_numpy(dy))
    found = {"y": y.detach().numpy(), "dx": x.grad.numpy()}
    found |= {f"d {name}": p.grad.numpy() for name, p in net.named_parameters() if p.grad is not None}
    return found | {name: value.numpy() for name, value in net.state_dict().items()}


def expect_same(got: dict[str, np.ndarray], wanted: dict[str, np.ndarray]) -> None:
    assert got.keys() == wanted.keys()
    for name, value in wanted.items():
        assert got[name].dtype == value.dtype
        np.testing.assert_array_equal(got[name], value, err_msg=name)


def apart(net: nn.Module, x: fs.Tensor) -> dict[str, np.ndarray]:
    """What a copy of the net gives if each layer is computed by itself."""
    with nn.fusion(False):
        return everything(copy.deepcopy(net), x)


# ---- it happens, and changes nothing ----


@pytest.mark.parametrize("name", NETS)
def test_runs_are_one_operation(name: str) -> None:
    make, shape, kernels = NETS[name]
    net, x = made(make), drawn(shape)
    assert kernels_called(lambda: net(x)) == kernels
    assert len(kernels_called(lambda: everything(net, x))) == 2 * len(kernels)


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", NETS)
def test_the_function_is_the_same(name: str, dtype: Any, training: bool) -> None:
    make, shape, _ = NETS[name]
    net, x = made(make, dtype).train(training), drawn(shape, dtype)
    wanted = apart(net, x)
    expect_same(everything(net, x), wanted)
    with fs.no_grad():
        np.testing.assert_array_equal(net(x).numpy(), wanted["y"])


def test_switch() -> None:
    net, x = made(NETS["linear_relu"][0]), drawn((4, 5))
    apart_kernels = ["linear_forward", "relu_forward"]
    with nn.fusion(False):
        assert kernels_called(lambda: net(x)) == apart_kernels
        with nn.fusion(True):
            assert kernels_called(lambda: net(x)) == ["linear_forward"]
        assert kernels_called(lambda: net(x)) == apart_kernels
    assert kernels_called(lambda: net(x)) == ["linear_forward"]
    nn.fusion(False)
    assert kernels_called(lambda: net(x)) == apart_kernels


def test_only_what_needs_a_gradient_gets_one() -> None:
    net, x = made(NETS["linear_tanh"][0]), drawn((4, 5))
    net[0].weight.requires_grad_(False)
    net(x).sum().backward()
    assert net[0].weight.grad is None and net[0].bias.grad is not None and x.grad is None
    assert not net.requires_grad_(False)(x).requires_grad


def test_result_changed_in_place_is_noticed() -> None:
    net, x = made(NETS["linear_tanh"][0]), drawn((4, 5))
    y = net(x)
    y.add_(1)
    with pytest.raises(RuntimeError, match="changed in place"):
        y.sum().backward()


# ---- whoever looks between the layers sees them ----


class Double(nn.ReLU):
    """A ReLU with another function."""

    def forward(self, input: fs.Tensor) -> fs.Tensor:
        return super().forward(input) * 2


class Called(nn.ReLU):
    """A ReLU with the same function, called in another way."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return super().__call__(*args, **kwargs) * 2


def pair() -> nn.Sequential:
    net = made(NETS["linear_relu"][0])
    assert isinstance(net, nn.Sequential)
    return net


HOOKS: dict[str, Callable[[nn.Module, list[Any]], Any]] = {
    "forward": lambda m, seen: m.register_forward_hook(lambda m, args, out: seen.append((m, out.shape))),
    "forward_pre": lambda m, seen: m.register_forward_pre_hook(lambda m, args: seen.append((m, args[0].shape))),
    "backward": lambda m, seen: m.register_full_backward_hook(lambda m, dx, dy: seen.append((m, dy[0].shape))),
    "backward_pre": lambda m, seen: m.register_full_backward_pre_hook(lambda m, dy: seen.append((m, dy[0].shape))),
}


@pytest.mark.parametrize("at", [0, 1])
@pytest.mark.parametrize("hook", HOOKS)
def test_hooks_see_their_module(hook: str, at: int) -> None:
    net, x, seen = pair(), drawn((4, 5)), []
    net(x)  # the run was found before the hook came
    wanted = apart(net, x)
    handle = HOOKS[hook](net[at], seen)
    expect_same(everything(net, x), wanted)
    assert seen == [(net[at], (4, 5) if hook == "forward_pre" and at == 0 else (4, 7))]
    handle.remove()
    assert kernels_called(lambda: net(x)) == ["linear_forward"]
    assert len(seen) == 1


def test_hook_changes_what_passes() -> None:
    net, x = pair(), drawn((4, 5))
    net[0].register_forward_hook(lambda m, args, out: out * 0 - 1)
    assert net(x).sum().item() == 0


def test_hooks_of_the_sequential_itself_do_not_hinder() -> None:
    net, x, seen = pair(), drawn((4, 5)), []
    net.register_forward_hook(lambda m, args, out: seen.append(out.shape))
    assert kernels_called(lambda: net(x)) == ["linear_forward"]
    assert seen == [(4, 7)]


@pytest.mark.parametrize("kind", [Double, Called])
def test_subclasses_are_called(kind: type[nn.ReLU]) -> None:
    net, x = pair(), drawn((4, 5))
    wanted = 2 * net(x).detach().numpy()
    net[1] = kind()
    np.testing.assert_array_equal(net(x).detach().numpy(), wanted)
    net = pair()
    net(x)
    net[1].__class__ = kind
    np.testing.assert_array_equal(net(x).detach().numpy(), wanted)


@pytest.mark.parametrize("at", [0, 1])
def test_forward_replaced_on_the_module(at: int) -> None:
    net, x = pair(), drawn((4, 5))
    net(x)
    forward = net[at].forward
    net[at].forward = lambda input: forward(input) * 0 + 3
    assert (net(x) == 3).all()
    del net[at].forward
    assert kernels_called(lambda: net(x)) == ["linear_forward"]


@pytest.mark.parametrize("kind", [nn.Linear, nn.ReLU])
def test_forward_replaced_on_the_class(kind: type[nn.Module], monkeypatch: pytest.MonkeyPatch) -> None:
    net, x = pair(), drawn((4, 5))
    net(x)
    forward: Any = kind.forward
    monkeypatch.setattr(kind, "forward", lambda self, input: forward(self, input) * 0 + 3)
    assert (net(x) == 3).all()


def test_call_replaced_on_the_base(monkeypatch: pytest.MonkeyPatch) -> None:
    net, x, seen = pair(), drawn((4, 5)), []
    net(x)
    call: Any = nn.Module.__call__

    def traced(self: nn.Module, *args: Any, **kwargs: Any) -> Any:
        seen.append(self)
        return call(self, *args, **kwargs)

    monkeypatch.setattr(nn.Module, "__call__", traced)
    net(x)
    assert seen == [net, net[0], net[1]]


@pytest.mark.parametrize("name", NETS)
def test_summary_sees_every_layer(name: str) -> None:
    make, shape, kernels = NETS[name]
    net = made(make)
    net(drawn(shape))
    with nn.fusion(False):
        wanted = str(fs.summary(net, shape))
    assert str(fs.summary(net, shape)) == wanted
    assert kernels_called(lambda: net(drawn(shape))) == kernels


# ---- the net changes ----


def test_modules_come_and_go() -> None:
    net, x = pair(), drawn((4, 5))
    net(x)
    for change in (
        lambda: net.append(nn.Linear(7, 3)),
        lambda: net.append(nn.Sigmoid()),
        lambda: net.insert(0, nn.Tanh()),
        lambda: net.__setitem__(1, made(lambda: nn.Linear(5, 7))),
        lambda: net.__setitem__(2, nn.Tanh()),
        lambda: net.__delitem__(0),
        lambda: net.pop(3),
        lambda: setattr(net, "1", nn.Identity()),
        lambda: net.__delitem__(slice(1, 3)),
    ):
        change()
        wanted = apart(net, x)
        expect_same(everything(net, x), wanted)
    assert kernels_called(lambda: net(x)) == ["linear_forward"]


@pytest.mark.parametrize("duplicate", [copy.deepcopy, copy.copy, lambda net: pickle.loads(pickle.dumps(net))])
def test_copies_compute_with_their_own(duplicate: Callable[[Any], Any]) -> None:
    net, x = pair(), drawn((4, 5))
    before = net(x).detach().numpy().copy()
    twin = duplicate(net)
    assert twin.state_dict().keys() == net.state_dict().keys()
    if twin[0] is not net[0]:
        with fs.no_grad():
            net[0].weight.zero_()
            net[0].bias.zero_()
        assert (net(x) == 0).all()
    np.testing.assert_array_equal(twin(x).detach().numpy(), before)
    assert kernels_called(lambda: twin(x)) == ["linear_forward"]


@pytest.mark.parametrize("shared", ["activation", "linear", "both"])
def test_shared_modules(shared: str) -> None:
    fs.manual_seed(0)
    first, act = nn.Linear(5, 5), nn.Tanh()
    second = first if shared != "activation" else nn.Linear(5, 5)
    net = nn.Sequential(first, act, second, act if shared != "linear" else nn.Tanh())
    x = drawn((4, 5))
    assert kernels_called(lambda: net(x)) == ["linear_forward"] * 2
    wanted = apart(net, x)
    expect_same(everything(net, x), wanted)
    seen: list[Any] = []
    net[1].register_forward_hook(lambda m, args, out: seen.append(out.shape))
    expect_same(everything(net, x), wanted)
    assert len(seen) == (1 if shared == "linear" else 2)


def test_parameters_are_read_at_every_call() -> None:
    net, x = pair(), drawn((4, 5))
    net(x)
    net[0].weight = nn.Parameter(fs.zeros(7, 5))
    net[0].bias = nn.Parameter(fs.ones(7))
    assert (net(x) == 1).all()
    net[0].bias = None
    assert (net(x) == 0).all()
    del net[0].weight
    net[0].weight = fs.ones(7, 5)  # a plain tensor: computed with, not trained
    y = net(x)
    assert not y.requires_grad and y.abs().sum().item() > 0
    net[0].weight.requires_grad_()
    assert net(x).requires_grad


def test_inplace_relu_overwrites_only_what_it_is_given() -> None:
    x = drawn((4, 5))
    before = x.numpy().copy()
    made(NETS["linear_inplace"][0])(x)
    np.testing.assert_array_equal(x.numpy(), before)
    nn.Sequential(nn.ReLU(inplace=True), nn.Linear(5, 7))(x)
    np.testing.assert_array_equal(x.numpy(), np.maximum(before, 0))


BAD_INPUTS = {
    "dtype": lambda: drawn((4, 5), np.float64),
    "integers": lambda: fs.ones(4, 5, dtype=fs.int64),
    "features": lambda: drawn((4, 6)),
    "no_axes": lambda: fs.tensor(1.0),
    "not_a_tensor": lambda: np.zeros((4, 5), np.float32),
}


def outcome(net: nn.Module, x: Any) -> Any:
    """The type and words of the error, or the dtype where the backend takes it."""
    try:
        return net(x).dtype
    except Exception as error:
        return type(error), str(error)


@pytest.mark.parametrize("bad", BAD_INPUTS)
def test_errors_are_those_of_the_layers(bad: str) -> None:
    net, x = pair(), BAD_INPUTS[bad]()
    with nn.fusion(False):
        wanted = outcome(net, x)
    assert outcome(net, x) == wanted


def test_linear_activation_names_what_it_does_not_know() -> None:
    from fastscratch.ops.matmul import linear_activation

    with pytest.raises(RuntimeError, match='"relu", "tanh" or "sigmoid", got \'gelu\''):
        linear_activation(drawn((4, 5)), drawn((7, 5)), None, "gelu")
