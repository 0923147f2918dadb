"""Sequential computes runs of layers as one operation: the same function, and never past anybody who looks between them."""

import copy
import pickle
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from conftest import needs_extension
from harness import kernels_replaced

import fastscratch as fs
from fastscratch import nn

Net = tuple[Callable[[], list[nn.Module]], tuple[int, ...], list[str]]

# The layers, the shape of the input, and the kernels of the way forward.
NETS: dict[str, Net] = {
    "linear_relu": (lambda: [nn.Linear(5, 7), nn.ReLU()], (4, 5), ["linear_forward"]),
    "linear_tanh": (lambda: [nn.Linear(5, 7), nn.Tanh()], (4, 5), ["linear_forward"]),
    "linear_sigmoid": (lambda: [nn.Linear(5, 7), nn.Sigmoid()], (4, 5), ["linear_forward"]),
    "linear_inplace": (lambda: [nn.Linear(5, 7), nn.ReLU(inplace=True)], (4, 5), ["linear_forward"]),
    "linear_no_bias": (lambda: [nn.Linear(5, 7, bias=False), nn.Tanh()], (4, 5), ["linear_forward"]),
    "linear_vector": (lambda: [nn.Linear(5, 7), nn.Tanh()], (5,), ["linear_forward"]),
    "linear_more_axes": (lambda: [nn.Linear(5, 7), nn.Tanh()], (2, 3, 5), ["linear_forward"]),
    "mlp": (
        lambda: [nn.Linear(5, 7), nn.ReLU(), nn.Linear(7, 6), nn.Tanh(), nn.Linear(6, 2)],
        (4, 5),
        ["linear_forward"] * 3,
    ),
    "nested": (
        lambda: [nn.Sequential(nn.Linear(5, 7), nn.ReLU()), nn.Sequential(nn.Linear(7, 2), nn.Tanh())],
        (4, 5),
        ["linear_forward"] * 2,
    ),
    "conv2d_relu": (lambda: [nn.Conv2d(2, 3, 3), nn.ReLU()], (2, 2, 6, 7), ["conv2d_forward"]),
    "conv2d_inplace": (lambda: [nn.Conv2d(2, 3, 3), nn.ReLU(inplace=True)], (2, 2, 6, 7), ["conv2d_forward"]),
    "conv2d_no_batch": (lambda: [nn.Conv2d(2, 3, 3), nn.ReLU()], (2, 6, 7), ["conv2d_forward"]),
    "conv2d_options": (
        lambda: [nn.Conv2d(4, 6, (3, 2), (2, 1), (1, 2), (1, 2), 2, bias=False), nn.ReLU()],
        (2, 4, 6, 7),
        ["conv2d_forward"],
    ),
    "conv2d_same": (lambda: [nn.Conv2d(2, 3, (2, 3), padding="same"), nn.ReLU()], (2, 2, 6, 7), ["conv2d_forward"]),
    "conv2d_reflect": (
        lambda: [nn.Conv2d(2, 3, 3, padding=1, padding_mode="reflect"), nn.ReLU(), nn.MaxPool2d(2)],
        (2, 2, 6, 7),
        ["conv2d_pool_forward"],
    ),
    "conv1d_relu": (lambda: [nn.Conv1d(2, 3, 3), nn.ReLU()], (2, 2, 9), ["conv2d_forward"]),
    "conv2d_pool": (lambda: [nn.Conv2d(2, 3, 3), nn.MaxPool2d(2)], (2, 2, 6, 7), ["conv2d_pool_forward"]),
    "conv1d_pool": (lambda: [nn.Conv1d(2, 3, 3), nn.MaxPool1d(2, 2)], (2, 2, 9), ["conv2d_pool_forward"]),
    "conv1d_relu_pool": (
        lambda: [nn.Conv1d(2, 3, 3), nn.ReLU(), nn.MaxPool1d(2)],
        (2, 2, 9),
        ["conv2d_pool_forward"],
    ),
    "conv2d_pool_no_batch": (
        lambda: [nn.Conv2d(2, 3, 3), nn.ReLU(), nn.MaxPool2d(2)],
        (2, 6, 7),
        ["conv2d_pool_forward"],
    ),
    **{
        f"conv2d_pool_{name}": (
            lambda options=options: [nn.Conv2d(2, 3, 2), nn.ReLU(), nn.MaxPool2d(**options)],
            (2, 2, 8, 8),
            ["conv2d_forward", "max_pool2d_forward"],
        )
        for name, options in {
            "overlapping": {"kernel_size": 3, "stride": 2},
            "padded": {"kernel_size": 2, "padding": 1},
            "dilated": {"kernel_size": 2, "dilation": 2},
            "ceil_mode": {"kernel_size": 2, "ceil_mode": True},
        }.items()
    },
    "batch_norm2d_relu": (lambda: [nn.BatchNorm2d(3), nn.ReLU()], (4, 3, 5, 6), ["batch_norm_forward"]),
    "batch_norm1d_relu": (lambda: [nn.BatchNorm1d(3), nn.ReLU(inplace=True)], (4, 3), ["batch_norm_forward"]),
    "batch_norm1d_length": (lambda: [nn.BatchNorm1d(3), nn.ReLU()], (4, 3, 5), ["batch_norm_forward"]),
    "batch_norm_cumulative": (
        lambda: [nn.BatchNorm2d(3, momentum=None), nn.ReLU()],
        (4, 3, 5, 6),
        ["batch_norm_forward"],
    ),
    "batch_norm_untracked": (
        lambda: [nn.BatchNorm2d(3, track_running_stats=False), nn.ReLU()],
        (4, 3, 5, 6),
        ["batch_norm_forward"],
    ),
    "batch_norm_plain": (lambda: [nn.BatchNorm2d(3, affine=False), nn.ReLU()], (4, 3, 5, 6), ["batch_norm_forward"]),
    "cnn": (
        lambda: [
            *(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(4, 5, 3), nn.ReLU(inplace=True)),
            *(nn.MaxPool2d(2), nn.Flatten(), nn.Linear(5 * 2 * 2, 6), nn.ReLU(), nn.Linear(6, 2)),
        ],
        (2, 1, 14, 15),
        ["conv2d_pool_forward"] * 2 + ["linear_forward"] * 2,
    ),
    "cnn_with_batch_norm": (
        lambda: [
            *(nn.Conv2d(1, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(), nn.Conv2d(4, 5, 3), nn.BatchNorm2d(5)),
            *(nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(5 * 2 * 3, 6), nn.ReLU(), nn.Linear(6, 2)),
        ],
        (3, 1, 6, 8),
        [*["conv2d_forward", "batch_norm_forward"] * 2, "max_pool2d_blocks_forward", *["linear_forward"] * 2],
    ),
}


@pytest.fixture(autouse=True)
def fused() -> Iterator[None]:
    with nn.fusion(True):
        yield


def made(name: str, dtype: Any = np.float32) -> nn.Sequential:
    """The net with small whole numbers for weights: their sums are exact, in whatever order."""
    net = nn.Sequential(*NETS[name][0]()).to(dtype)
    for seed, parameter in enumerate(net.parameters()):
        parameter.data = drawn(parameter.shape, dtype, seed)
    return net


def drawn(shape: tuple[int, ...], dtype: Any = np.float32, seed: int = 1) -> fs.Tensor:
    return fs.from_numpy(np.random.default_rng(seed).integers(-3, 4, shape).astype(dtype))


def kernels_called(call: Callable[[], Any]) -> list[str]:
    """The names of the kernels that a call goes through, in order."""
    names: list[str] = []

    def spy(name: str, kernel: Any) -> Any:
        def spied(*args: Any, **kwargs: Any) -> Any:
            if name != "ordered_copy":  # how an operation reads its input is not what is asked
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
    y.backward(drawn(y.shape, y.dtype, seed))
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
    _, shape, kernels = NETS[name]
    net, x = made(name), drawn(shape)
    assert kernels_called(lambda: net(x)) == kernels
    assert len(kernels_called(lambda: everything(net, x))) == 2 * len(kernels)


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", NETS)
def test_the_function_is_the_same(name: str, dtype: Any, training: bool) -> None:
    """To the bit on the twins; and so, by the kernels' bounds, on any backend."""
    fs.backend.use("numpy")
    net, x = made(name, dtype).train(training), drawn(NETS[name][1], dtype)
    wanted = apart(net, x)
    expect_same(everything(net, x), wanted)
    with fs.no_grad():
        np.testing.assert_array_equal(net(x).numpy(), wanted["y"])


@needs_extension
@pytest.mark.parametrize("name", NETS)
def test_kernels_are_within_their_bounds(name: str) -> None:
    fs.backend.use("check")
    everything(made(name), drawn(NETS[name][1]))


def test_switch() -> None:
    net, x = made("linear_relu"), drawn((4, 5))
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
    net, x = made("linear_tanh"), drawn((4, 5))
    net[0].weight.requires_grad_(False)
    net(x).sum().backward()
    assert net[0].weight.grad is None and net[0].bias.grad is not None and x.grad is None
    assert not net.requires_grad_(False)(x).requires_grad


def test_result_changed_in_place_is_noticed() -> None:
    net, x = made("linear_tanh"), drawn((4, 5))
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
    return made("linear_relu")


HOOKS: dict[str, Callable[[nn.Module, list[Any]], Any]] = {
    "forward": lambda m, seen: m.register_forward_hook(lambda m, args, out: seen.append((m, out.shape))),
    "forward_pre": lambda m, seen: m.register_forward_pre_hook(lambda m, args: seen.append((m, args[0].shape))),
    "backward": lambda m, seen: m.register_full_backward_hook(lambda m, dx, dy: seen.append((m, dy[0].shape))),
    "backward_pre": lambda m, seen: m.register_full_backward_pre_hook(lambda m, dy: seen.append((m, dy[0].shape))),
}


@pytest.mark.parametrize(
    ("name", "at"),
    [
        (name, at)
        for name, n in (("linear_relu", 2), ("conv1d_relu_pool", 3), ("batch_norm2d_relu", 2))
        for at in range(n)
    ],
)
@pytest.mark.parametrize("hook", HOOKS)
def test_hooks_see_their_module(name: str, hook: str, at: int) -> None:
    net, x = made(name), drawn(NETS[name][1])
    seen: list[Any] = []
    net(x)  # the run was found before the hook came
    wanted = apart(net, x)
    handle = HOOKS[hook](net[at], seen)
    apart(net, x)  # of a copy, whose hook tells this list too
    ((_, shape),) = seen
    seen.clear()
    expect_same(everything(net, x), wanted)
    assert seen == [(net[at], shape)]
    handle.remove()
    assert kernels_called(lambda: net(x)) == NETS[name][2]
    assert len(seen) == 1


@pytest.mark.parametrize(
    ("at", "kernels"),
    [
        (0, ["conv2d_forward", "relu_forward", "max_pool2d_blocks_forward"]),
        (1, ["conv2d_forward", "relu_forward", "max_pool2d_blocks_forward"]),
        (2, ["conv2d_forward", "max_pool2d_blocks_forward"]),
    ],
)
def test_what_is_before_a_hook_is_still_fused(at: int, kernels: list[str]) -> None:
    net, x, seen = made("conv2d_reflect"), drawn(NETS["conv2d_reflect"][1]), []
    handle = net[at].register_forward_hook(lambda m, args, out: seen.append((m, out.shape)))
    assert kernels_called(lambda: net(x)) == kernels
    assert seen == [(net[at], (2, 3, 3, 3) if at == 2 else (2, 3, 6, 7))]
    handle.remove()
    assert kernels_called(lambda: net(x)) == ["conv2d_pool_forward"]


def test_feature_maps() -> None:
    net, x, maps = made("cnn"), drawn(NETS["cnn"][1]), {}
    for name, module in net.named_children():
        module.register_forward_hook(
            lambda m, args, out, name=name: maps.__setitem__(name, out.detach().numpy().copy())
        )
    net(x)
    inner = x
    for name, module in made("cnn").named_children():
        inner = module(inner)  # which the next, in place, may overwrite
        np.testing.assert_array_equal(maps[name], inner.detach().numpy())


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
    _, shape, kernels = NETS[name]
    net = made(name)
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
        lambda: net.__setitem__(1, nn.Linear(5, 7)),
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
    x = drawn((4, 5))
    net = nn.Sequential(first, act, second, act if shared != "linear" else nn.Tanh())
    assert kernels_called(lambda: net[:2](x)) == ["linear_forward"]  # there each stands once
    assert kernels_called(lambda: net(x)) == ["linear_forward", "tanh_forward"] * 2
    wanted = apart(net, x)
    expect_same(everything(net, x), wanted)
    seen: list[Any] = []
    net[1].register_forward_hook(lambda m, args, out: seen.append(out.shape))
    expect_same(everything(net, x), wanted)
    assert len(seen) == (1 if shared == "linear" else 2)


def test_options_are_read_at_every_call() -> None:
    fs.backend.use("numpy")
    net, x = made("cnn"), drawn(NETS["cnn"][1])
    net(x)
    for change in (
        lambda: setattr(net[0], "stride", 1),
        lambda: setattr(net[0], "padding", 1),
        lambda: setattr(net[2], "ceil_mode", True),
        lambda: setattr(net[2], "dilation", 2),
        lambda: setattr(net[3], "padding_mode", "circular"),
        lambda: setattr(net[5], "kernel_size", (1, 1)),
        lambda: setattr(net[5], "stride", (2, 2)),
    ):
        change()
        with nn.fusion(False):
            wanted = net[:6](x).detach().numpy()
        np.testing.assert_array_equal(net[:6](x).detach().numpy(), wanted)


@pytest.mark.parametrize("name", [name for name in NETS if "batch_norm" in name])
def test_batch_norm_in_evaluation_among_layers_in_training(name: str) -> None:
    fs.backend.use("numpy")
    net, x = made(name), drawn(NETS[name][1])
    net(x)
    for module in net.modules():
        if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
            module.eval()
    assert net.training
    wanted = apart(net, x)
    expect_same(everything(net, x), wanted)


def test_running_statistics_over_several_batches() -> None:
    fs.backend.use("numpy")
    for name in ("batch_norm2d_relu", "batch_norm_cumulative"):
        net, other = made(name), made(name)
        for seed in range(3):
            x = drawn(NETS[name][1], seed=seed)
            net(x)
            with nn.fusion(False):
                other(x)
        assert net[0].num_batches_tracked.item() == 3
        for got, wanted in zip(net.buffers(), other.buffers(), strict=True):
            np.testing.assert_array_equal(got.numpy(), wanted.numpy())


def test_pool_with_indices() -> None:
    net = made("conv2d_reflect")
    net[2].return_indices = True
    x = drawn(NETS["conv2d_reflect"][1])
    with nn.fusion(False):
        wanted = net(x)
    for got, value in zip(net(x), wanted, strict=True):
        np.testing.assert_array_equal(got.detach().numpy(), value.detach().numpy())


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
    made("linear_inplace")(x)
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
