"""Module and the containers: registration, state, hooks, text; the same as PyTorch where it is installed."""

import copy
import pickle
from collections import OrderedDict

import numpy as np
import pytest

import fastscratch as fs
from fastscratch import nn


def double(module, args, output):
    return output * 2


class Net(nn.Module):
    """A shared layer, a buffer that is saved, one that is not, and a parameter of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(fs.ones(2))
        self.first = nn.Linear(3, 4)
        self.tail = nn.Sequential(nn.Linear(4, 2), nn.Identity())
        self.again = self.tail[0]
        self.register_buffer("steps", fs.tensor(0))
        self.register_buffer("scratch", fs.zeros(2), persistent=False)
        self.register_parameter("absent", None)

    def forward(self, x: fs.Tensor) -> fs.Tensor:
        return self.tail(self.first(x)) * self.scale


def total(x: fs.Tensor) -> None:
    x.sum().backward()


# ---- registration ----


def test_names_and_order() -> None:
    net = Net()
    assert [n for n, _ in net.named_parameters()] == [
        "scale", "first.weight", "first.bias", "tail.0.weight", "tail.0.bias",
    ]  # fmt: skip
    assert [n for n, _ in net.named_parameters(recurse=False)] == ["scale"]
    assert next(n for n, _ in net.named_parameters("model")) == "model.scale"
    assert [n for n, _ in net.named_parameters(remove_duplicate=False)][-1] == "again.bias"
    assert [n for n, _ in net.named_buffers()] == ["steps", "scratch"]
    assert [n for n, _ in net.named_modules()] == ["", "first", "tail", "tail.0", "tail.1"]
    assert [n for n, _ in net.named_children()] == ["first", "tail", "again"]
    assert len(list(net.modules())) == 5
    assert list(net.state_dict()) == [
        "scale", "steps", "first.weight", "first.bias", "tail.0.weight", "tail.0.bias", "again.weight", "again.bias",
    ]  # fmt: skip


def test_same_names_as_torch() -> None:
    torch = pytest.importorskip("torch")

    class Theirs(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.scale = torch.nn.Parameter(torch.ones(2))
            self.first = torch.nn.Linear(3, 4)
            self.tail = torch.nn.Sequential(torch.nn.Linear(4, 2), torch.nn.Identity())
            self.again = self.tail[0]
            self.register_buffer("steps", torch.tensor(0))
            self.register_buffer("scratch", torch.zeros(2), persistent=False)
            self.register_parameter("absent", None)

    ours, theirs = Net(), Theirs()
    theirs.__class__.__name__ = "Net"
    assert repr(ours) == repr(theirs)
    assert list(ours.state_dict()) == list(theirs.state_dict())
    for kind in ("named_parameters", "named_buffers", "named_modules"):
        for kwargs in ({}, {"prefix": "p"}, {"remove_duplicate": False}):
            assert [n for n, _ in getattr(ours, kind)(**kwargs)] == [n for n, _ in getattr(theirs, kind)(**kwargs)]
    assert [n for n, _ in ours.named_children()] == [n for n, _ in theirs.named_children()]


def test_assignment_moves_between_kinds() -> None:
    net = nn.Module()
    net.a = fs.zeros(2)
    assert not list(net.parameters())
    net.a = nn.Parameter(fs.zeros(2))
    assert [n for n, _ in net.named_parameters()] == ["a"]
    net.a = nn.Linear(1, 1)
    assert [n for n, _ in net.named_parameters()] == ["a.weight", "a.bias"]
    net.a = None
    assert not list(net.parameters()) and list(net._module_names) == ["a"]
    del net.a
    assert not hasattr(net, "a") and not net._module_names


@pytest.mark.parametrize(
    ("act", "error", "message"),
    [
        (lambda m: setattr(m, "weight", fs.zeros(2)), TypeError, "cannot assign a Tensor as parameter 'weight'"),
        (lambda m: setattr(m, "child", 3), TypeError, "cannot assign a int as child module 'child'"),
        (lambda m: setattr(m, "buffer", 3), TypeError, "cannot assign a int as buffer 'buffer'"),
        (lambda m: m.register_buffer("x", 3), TypeError, "cannot register a int as buffer 'x'"),
        (lambda m: m.register_parameter("x", fs.zeros(2)), TypeError, "expected a Parameter or None"),
        (lambda m: m.add_module("x", fs.zeros(2)), TypeError, "expected a Module or None"),
        (lambda m: m.add_module("a.b", nn.Identity()), KeyError, "contain a dot"),
        (lambda m: m.add_module("", nn.Identity()), KeyError, "must not be empty"),
        (lambda m: m.register_buffer(3, fs.zeros(1)), TypeError, "must be a str, got int"),
        (lambda m: m.register_buffer("forward", fs.zeros(1)), KeyError, "'forward' exists already"),
        (lambda m: m.get_submodule("child.x"), AttributeError, "Linear has no child module 'x'"),
        (lambda m: m.get_parameter("child.x"), AttributeError, "Linear has no parameter 'x'"),
        (lambda m: m.get_buffer("weight"), AttributeError, "has no buffer 'weight'"),
        (lambda m: m.missing, AttributeError, "missing"),
        (lambda m: m(1), NotImplementedError, "Module has no forward method"),
        (lambda m: m.train("yes"), ValueError, "mode must be True or False, got 'yes'"),
        (lambda m: m.to(fs.int64), TypeError, "floating dtype, got int64"),
        (lambda m: m.to("cuda:0"), RuntimeError, "only device here is the cpu, got 'cuda:0'"),
        (lambda m: m.load_state_dict([1]), TypeError, "expected a mapping from names to tensors, got list"),
    ],
)  # fmt: skip
def test_errors(act, error, message) -> None:
    module = nn.Module()
    module.weight = nn.Parameter(fs.zeros(2))
    module.child = nn.Linear(2, 2)
    module.register_buffer("buffer", fs.zeros(2))
    with pytest.raises(error, match=message):
        act(module)


def test_init_must_run_first() -> None:
    class Early(nn.Module):
        def __init__(self) -> None:
            self.layer = nn.Linear(1, 1)

    with pytest.raises(AttributeError, match=r"before Module.__init__\(\)"):
        Early()


def test_parameter() -> None:
    data = fs.zeros(3)
    p = nn.Parameter(data)
    assert isinstance(p, fs.Tensor) and p.requires_grad and p.is_leaf and p.array is data.array
    assert repr(p) == "Parameter containing:\ntensor([0., 0., 0.], requires_grad=True)"
    assert type(p + 1) is fs.Tensor
    assert not hasattr(p, "__dict__")
    with pytest.raises(RuntimeError, match="floating"):
        nn.Parameter(fs.tensor([1, 2]))
    assert nn.Parameter(fs.tensor([1, 2]), requires_grad=False).dtype == fs.int64
    twin = copy.deepcopy(p)
    assert type(twin) is nn.Parameter and twin.requires_grad and twin.array is not p.array


def test_lookup() -> None:
    net = Net()
    assert net.get_submodule("") is net
    assert net.get_submodule("tail.0") is net.again
    assert net.get_parameter("tail.0.bias") is net.again.bias
    assert net.get_buffer("steps") is net.steps


# ---- changing all of it ----


def test_train_eval_requires_grad_apply() -> None:
    net, seen = Net(), []
    assert net.eval() is net and not any(m.training for m in net.modules())
    assert net.train() is net and all(m.training for m in net.modules())
    net.requires_grad_(False)
    assert not any(p.requires_grad for p in net.parameters())
    net.apply(lambda m: seen.append(type(m).__name__))
    assert seen == ["Linear", "Linear", "Identity", "Sequential", "Linear", "Net"]


def test_zero_grad() -> None:
    net = Net()
    total(net(fs.ones(2, 3)))
    held = net.scale.grad
    net.zero_grad(set_to_none=False)
    assert net.scale.grad is held and (held.numpy() == 0).all()  # as in PyTorch: in place
    net.zero_grad()
    assert all(p.grad is None for p in net.parameters())


def test_to_changes_dtype_in_place() -> None:
    net = Net()
    before = list(net.parameters())
    total(net(fs.ones(2, 3)))
    assert net.double() is net
    assert all(a is b for a, b in zip(before, net.parameters(), strict=True))
    assert {p.dtype for p in net.parameters()} == {p.grad.dtype for p in net.parameters()} == {fs.float64}
    assert net.steps.dtype == fs.int64 and net.scratch.dtype == fs.float64
    assert net(fs.ones(2, 3, dtype=fs.float64)).dtype == fs.float64
    assert net.to(fs.device("cpu")).to("cpu").to(fs.zeros(1)).scale.dtype == fs.float32
    assert net.to(device="cpu", dtype=fs.float64).float().cpu().scale.dtype == fs.float32


# ---- state ----


def test_state_dict_shares_memory() -> None:
    net = Net()
    state = net.state_dict()
    assert isinstance(state, OrderedDict)
    assert state["first.weight"].array is net.first.weight.array and not state["first.weight"].requires_grad
    assert net.state_dict(keep_vars=True)["scale"] is net.scale
    assert next(iter(net.state_dict(prefix="net."))) == "net.scale"
    mine: dict = {}
    assert net.state_dict(destination=mine) is mine and "scale" in mine


def test_load_state_dict_round_trip() -> None:
    a, b = Net(), Net()
    a.steps = fs.tensor(7)
    before = list(b.parameters())
    result = b.load_state_dict({k: v.numpy().astype(np.float64) for k, v in a.state_dict().items()})
    assert str(result) == "<All keys matched successfully>" and result.missing_keys == []
    for name, value in a.state_dict().items():
        np.testing.assert_array_equal(b.state_dict()[name].numpy(), value.numpy())
    assert all(x is y for x, y in zip(before, b.parameters(), strict=True))
    assert b.scale.dtype == fs.float32 and b.steps.item() == 7


def test_load_state_dict_names_all_faults_and_changes_nothing() -> None:
    net = Net()
    before = {k: v.numpy().copy() for k, v in net.state_dict().items()}
    state = dict(Net().state_dict())
    del state["scale"], state["first.bias"]
    state.update({"extra": fs.zeros(1), "more": fs.zeros(1), "first.weight": fs.zeros(3, 4), "steps": fs.zeros(2)})
    with pytest.raises(RuntimeError) as caught:
        net.load_state_dict(state)
    assert str(caught.value) == (
        "Error(s) in loading state_dict for Net:\n"
        '\tUnexpected key(s) in state_dict: "extra", "more".\n'
        '\tMissing key(s) in state_dict: "scale", "first.bias".\n'
        "\tsize mismatch for steps: got shape (2,), expected ().\n"
        "\tsize mismatch for first.weight: got shape (3, 4), expected (4, 3)."
    )
    with pytest.raises(RuntimeError, match="size mismatch for steps"):
        net.load_state_dict(state, strict=False)
    for name, value in net.state_dict().items():
        np.testing.assert_array_equal(value.numpy(), before[name])
    del state["first.weight"], state["steps"]
    result = net.load_state_dict(state, strict=False)
    assert result.unexpected_keys == ["extra", "more"]
    assert result.missing_keys == ["scale", "steps", "first.weight", "first.bias"]
    assert "missing_keys=['scale'" in repr(result)


def test_load_state_dict_assign_and_guard() -> None:
    layer = nn.Linear(2, 2)
    state = {"weight": fs.ones(2, 2, dtype=fs.float64), "bias": fs.zeros(2, dtype=fs.float64)}
    y = layer(fs.ones(1, 2, requires_grad=True)).sum()
    layer.load_state_dict(state, assign=True)
    assert layer.weight.array is state["weight"].array
    with pytest.raises(RuntimeError, match="changed in place"):
        y.backward()


def test_deepcopy_and_pickle() -> None:
    net = Net()
    x = fs.ones(2, 3)
    for twin in (copy.deepcopy(net), pickle.loads(pickle.dumps(net))):
        assert twin.again is twin.tail[0] and twin.scale is not net.scale
        assert [n for n, _ in twin.named_parameters()] == [n for n, _ in net.named_parameters()]
        np.testing.assert_array_equal(twin(x).detach().numpy(), net(x).detach().numpy())
        twin.scale.array[...] = 0
        assert (net.scale.array == 1).all()


def test_hooks_are_copied_too() -> None:
    net, x = nn.Linear(2, 2), fs.ones(1, 2)
    plain = net(x).tolist()
    handle = net.register_forward_hook(double)
    twins = copy.deepcopy(net), pickle.loads(pickle.dumps(net))
    handle.remove()
    assert net(x).tolist() == plain
    for twin in twins:
        assert twin(x).tolist() == [[2 * v for v in plain[0]]]


# ---- hooks ----


def test_forward_hooks() -> None:
    layer, log = nn.Linear(2, 2), []
    x = fs.ones(1, 2)
    plain = layer(x).detach().numpy()
    first = layer.register_forward_pre_hook(lambda m, args: log.append("pre") or (args[0] * 2,))
    layer.register_forward_pre_hook(
        lambda m, args, kwargs: log.append(("front", kwargs)), prepend=True, with_kwargs=True
    )
    post = layer.register_forward_hook(lambda m, args, out: log.append(args[0].numpy().tolist()) or out + 1)
    np.testing.assert_allclose(layer(x).detach().numpy(), layer.forward(x * 2).detach().numpy() + 1)
    assert log == [("front", {}), "pre", [[2.0, 2.0]]]
    first.remove()
    post.remove()
    post.remove()
    np.testing.assert_array_equal(layer(x).detach().numpy(), plain)
    layer.register_forward_pre_hook(lambda m, args, kwargs: (args, {}), with_kwargs=True)
    np.testing.assert_array_equal(layer(x, surplus=1).detach().numpy(), plain)
    layer.register_forward_pre_hook(lambda m, args, kwargs: args, with_kwargs=True)
    with pytest.raises(RuntimeError, match="must return None or"):
        layer(x)


def run_backward_hooks(lib, use_b: bool, change: bool):
    log = []

    class Pair(lib.nn.Module):
        def forward(self, a, b, number):
            return a * a * number, (a + b if use_b else a + a)

    pair = Pair()

    def hook(module, grad_input, grad_output):
        log.append([[None if g is None else g.tolist() for g in gs] for gs in (grad_input, grad_output)])
        return tuple(None if g is None else g * 10 for g in grad_input) if change else None

    pair.register_full_backward_hook(hook)
    pair.register_full_backward_pre_hook(lambda m, gs: tuple(g * 3 for g in gs))
    a = lib.tensor([1.0, 2.0], requires_grad=True)
    b = lib.tensor([3.0, 4.0], requires_grad=True)
    y, z = pair(a, b, 5)
    (y.sum() + (z * z).sum() + a.sum()).backward()
    return log, a.grad.tolist(), None if b.grad is None else b.grad.tolist()


@pytest.mark.parametrize("change", [False, True])
def test_full_backward_hooks(change: bool) -> None:
    log, da, db = run_backward_hooks(fs, True, change)
    factor = 10.0 if change else 1.0
    # dy = 3, dz = 3 * 2 (a + b); da = dy * 2 a * 5 + dz, and 1 from outside the module
    assert log == [[[[54.0, 96.0], [24.0, 36.0], None], [[3.0, 3.0], [24.0, 36.0]]]]
    assert da == [54.0 * factor + 1, 96.0 * factor + 1]
    assert db == [24.0 * factor, 36.0 * factor]


@pytest.mark.parametrize("use_b", [False, True])
@pytest.mark.parametrize("change", [False, True])
def test_full_backward_hooks_as_torch(use_b: bool, change: bool) -> None:
    torch = pytest.importorskip("torch")
    assert run_backward_hooks(fs, use_b, change) == run_backward_hooks(torch, use_b, change)


def test_backward_hook_of_a_first_layer_and_twice() -> None:
    layer, log = nn.Linear(2, 3), []
    handle = layer.register_full_backward_hook(lambda m, gi, go: log.append((gi, go[0].shape)))
    y = layer(fs.ones(4, 2)).sum()
    y.backward(retain_graph=True)
    y.backward()
    assert log == [((None,), (4, 3))] * 2
    assert layer.weight.grad.tolist() == [[8.0, 8.0]] * 3
    with fs.no_grad():
        assert not layer(fs.ones(4, 2)).requires_grad
    handle.remove()
    total(layer(fs.ones(4, 2)))
    assert len(log) == 2
    layer.register_full_backward_hook(lambda m, gi, go: (None, None))
    with pytest.raises(RuntimeError, match="returned 2 gradients of the inputs, expected 1"):
        total(layer(fs.ones(4, 2)))


def test_scalar_parameter_used_often() -> None:
    """Sums of 0-d gradients stay arrays."""
    p = nn.Parameter(fs.tensor(2.0))
    for _ in range(3):
        (p * p + p * p).backward()
    assert p.grad.item() == 24.0


# ---- containers ----


def test_sequential() -> None:
    net = nn.Sequential(OrderedDict(a=nn.Linear(2, 3), b=nn.Identity(), c=nn.Linear(3, 1)))
    assert [n for n, _ in net.named_children()] == ["a", "b", "c"]
    assert net[-1] is net.c and len(net) == 3 and next(iter(net)) is net.a
    part = net[:2]
    assert type(part) is nn.Sequential and [n for n, _ in part.named_children()] == ["a", "b"] and part[0] is net.a
    assert net(fs.ones(4, 2)).shape == (4, 1)
    plain = nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 3))
    last = nn.Linear(3, 1)
    assert plain.append(last)[-1] is last and len(plain) == 3
    plain.insert(1, nn.Identity())
    assert [type(m).__name__ for m in plain] == ["Linear", "Identity", "Linear", "Linear"]
    assert plain.pop(1).__class__ is nn.Identity and plain[-1] is last
    del plain[0]
    assert list(plain.state_dict()) == ["0.weight", "0.bias", "1.weight", "1.bias"]
    plain[0] = nn.Identity()
    assert len(plain + plain) == 4 and type(plain + plain) is nn.Sequential
    plain += [nn.Identity()]
    assert len(plain) == 3
    with pytest.raises(IndexError, match="index 9 is out of range: Sequential holds 3 modules"):
        plain[9]
    with pytest.raises(TypeError, match="expected a Module"):
        plain.insert(0, 3)
    with pytest.raises(TypeError, match="expected an iterable"):
        plain.extend(3)


def test_module_list() -> None:
    layers = nn.ModuleList([nn.Linear(2, 2), nn.Linear(2, 2)])
    layers.extend([nn.Linear(3, 2), nn.Identity()])
    assert len(layers) == 4 and len(layers[1:3]) == 2 and type(layers[1:3]) is nn.ModuleList
    assert [m for m in layers][2] is layers[2]
    assert len(layers + layers) == 8
    del layers[1:3]
    assert list(layers.state_dict()) == ["0.weight", "0.bias"] and type(layers[1]) is nn.Identity
    with pytest.raises(NotImplementedError):
        layers(fs.zeros(1))


def test_module_dict() -> None:
    d = nn.ModuleDict({"a": nn.Linear(1, 1)})
    d["b"] = nn.Identity()
    d.update([("c", nn.Identity())])
    assert list(d) == list(d.keys()) == ["a", "b", "c"] and len(d) == 3 and "b" in d
    assert d.pop("a").__class__ is nn.Linear and not list(d.parameters())
    del d["b"]
    assert [(k, type(m)) for k, m in d.items()] == [("c", nn.Identity)] and len(list(d.values())) == 1
    with pytest.raises(KeyError, match="nothing"):
        d["nothing"]
    d.clear()
    assert len(d) == 0


def test_parameter_list() -> None:
    ps = nn.ParameterList([fs.zeros(2), nn.Parameter(fs.ones(2, 3))])
    ps.append(fs.zeros(1))
    assert [p.requires_grad for p in ps] == [True] * 3 and len(ps[1:]) == 2
    assert list(ps.state_dict()) == ["0", "1", "2"]
    ps[-1] = fs.ones(4)
    assert ps[2].shape == (4,)
    assert repr(ps).splitlines()[2] == "    (1): Parameter containing: [float32 of size 2x3]"
    with pytest.raises(IndexError, match="index 3 is out of range"):
        ps[3]
    with pytest.raises(TypeError, match="holds tensors, got int"):
        ps.append(3)


def test_repr_as_torch() -> None:
    torch = pytest.importorskip("torch")

    def build(lib):
        n = lib.nn
        return [
            n.Sequential(),
            n.ModuleList(),
            n.ModuleList([n.Linear(2, 2), n.Linear(2, 2), n.Identity(), n.Sequential(n.Linear(2, 2)), n.Linear(2, 2)]),
            n.ModuleDict({"a": n.Linear(2, 2, bias=False), "b": n.ModuleList([n.Identity()])}),
            n.Sequential(n.Flatten(), n.Unflatten(1, (2, 2)), n.Sequential(n.Linear(1, 1), n.Identity())),
        ]

    for ours, theirs in zip(build(fs), build(torch), strict=True):
        assert repr(ours) == repr(theirs)
