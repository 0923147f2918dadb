"""nn.functional: PyTorch's names and signatures, and what is composed here."""

import inspect
import math

import numpy as np
import pytest

import fastscratch as fs
import fastscratch.nn.functional as F


def normal(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape)


def both(function, arrays, **kwargs):
    """(output, gradients) of function(lib, *tensors) here and in PyTorch."""
    torch = pytest.importorskip("torch")
    results = []
    for lib in (fs, torch):
        tensors = [lib.tensor(a, requires_grad=a.dtype.kind == "f") for a in arrays]
        y = function(lib, *tensors, **kwargs)
        y.backward(lib.tensor(normal(*y.shape, seed=9)))
        results.append([y.detach().numpy(), *(t.grad.numpy() for t in tensors if t.grad is not None)])
    assert len(results[0]) == len(results[1])
    for a, b in zip(*results, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-12)


COMPOSED = {
    "normalize": (lambda lib, x: lib.nn.functional.normalize(x), (normal(3, 4),)),
    "normalize p1": (lambda lib, x: lib.nn.functional.normalize(x, 1.0, -1), (normal(2, 3, 4),)),
    "normalize of zero": (
        lambda lib, x: lib.nn.functional.normalize(x, eps=0.5), (np.array([[0.0, 0.0], [0.1, 0.2]]),),
    ),
    "cosine": (lambda lib, a, b: lib.nn.functional.cosine_similarity(a, b), (normal(3, 4), normal(3, 4, seed=1))),
    "cosine broadcast": (
        lambda lib, a, b: lib.nn.functional.cosine_similarity(a, b, dim=2), (normal(2, 3, 4), normal(4, seed=1)),
    ),
    "softmin": (lambda lib, x: lib.nn.functional.softmin(x, -2), (normal(2, 3, 4),)),
}  # fmt: skip


@pytest.mark.parametrize("name", COMPOSED)
def test_composed_as_torch(name: str) -> None:
    both(COMPOSED[name][0], COMPOSED[name][1])


@pytest.mark.parametrize("name", [n for n in COMPOSED if n != "normalize of zero"])
def test_composed_gradient(name: str) -> None:
    function, arrays = COMPOSED[name]
    assert fs.autograd.gradcheck(lambda *xs: function(fs, *xs), [fs.tensor(a, requires_grad=True) for a in arrays])


def test_cosine_similarity_of_small_vectors() -> None:
    """Norms below eps count as eps. PyTorch has the same values, but not the derivative of them."""
    a, b = fs.tensor(normal(3, 4), requires_grad=True), fs.tensor(normal(3, 4, seed=1), requires_grad=True)
    y = F.cosine_similarity(a, b, eps=3.0)
    norms = [np.maximum(np.linalg.norm(x.detach().numpy(), axis=1), 3.0) for x in (a, b)]
    np.testing.assert_allclose(y.detach().numpy(), (a * b).sum(1).detach().numpy() / norms[0] / norms[1], rtol=1e-12)
    assert fs.autograd.gradcheck(lambda a, b: F.cosine_similarity(a, b, eps=3.0), [a, b])


ATTENTION = {
    "plain": {},
    "scale": {"scale": 0.3},
    "causal": {"is_causal": True},
    "boolean mask": {"attn_mask": np.random.default_rng(3).random((5, 6)) < 0.6},
    "floating mask": {"attn_mask": normal(2, 1, 5, 6, seed=4)},
    "blind queries": {"attn_mask": np.arange(30).reshape(5, 6) % 12 < 6},
    "blind queries by -inf": {"attn_mask": np.where(np.arange(30).reshape(5, 6) % 12 < 6, 0.0, -np.inf)},
}


@pytest.mark.parametrize("name", ATTENTION)
def test_attention_as_torch(name: str) -> None:
    kwargs = dict(ATTENTION[name])
    mask = kwargs.pop("attn_mask", None)

    def attend(lib, q, k, v):
        given = None if mask is None else lib.tensor(mask)
        return lib.nn.functional.scaled_dot_product_attention(q, k, v, given, **kwargs)

    both(attend, (normal(2, 3, 5, 4), normal(2, 3, 6, 4, seed=1), normal(2, 3, 6, 2, seed=2)))


@pytest.mark.parametrize("name", ATTENTION)
def test_attention_gradient(name: str) -> None:
    kwargs = dict(ATTENTION[name])
    if "attn_mask" in kwargs:
        kwargs["attn_mask"] = fs.tensor(np.broadcast_to(kwargs["attn_mask"], (2, 1, 5, 6))[0])
    arrays = (normal(1, 5, 4), normal(1, 6, 4, seed=1), normal(1, 6, 2, seed=2))
    tensors = [fs.tensor(a, requires_grad=True) for a in arrays]
    assert fs.autograd.gradcheck(lambda q, k, v: F.scaled_dot_product_attention(q, k, v, **kwargs), tensors)


def test_attention_by_hand() -> None:
    q, k, v = (fs.tensor(normal(3, 4, seed=i)) for i in range(3))
    scores = q.numpy() @ k.numpy().T / math.sqrt(4)
    weights = np.exp(scores) / np.exp(scores).sum(1, keepdims=True)
    np.testing.assert_allclose(F.scaled_dot_product_attention(q, k, v).numpy(), weights @ v.numpy(), rtol=1e-12)
    causal = F.scaled_dot_product_attention(q, k, v, is_causal=True).numpy()
    np.testing.assert_allclose(causal[0], v.numpy()[0], rtol=1e-12)
    nowhere = F.scaled_dot_product_attention(q, k, v, fs.tensor(np.zeros((3, 3), bool)))
    assert (nowhere.numpy() == 0).all()


def test_attention_dropout() -> None:
    fs.manual_seed(0)
    q = fs.zeros(200, 4)
    weights = F.scaled_dot_product_attention(q, fs.zeros(50, 4), fs.tensor(np.eye(50, dtype=np.float32)), dropout_p=0.5)
    assert set(np.unique(weights.numpy().round(6))) == {np.float32(0), np.float32(0.04)}
    assert (weights.numpy() == 0).mean() == pytest.approx(0.5, abs=0.03)


def test_implicit_axis_of_softmax() -> None:
    for shape, dim in (((4,), 0), ((3, 4), 1), ((2, 3, 4), 0), ((2, 3, 4, 5), 1)):
        x = fs.tensor(normal(*shape))
        for function in (F.softmax, F.log_softmax, F.softmin):
            with pytest.warns(UserWarning, match=f"{function.__name__}: no dim is given; dim={dim} is assumed"):
                guessed = function(x)
            np.testing.assert_array_equal(guessed.numpy(), function(x, dim).numpy())
    assert F.softmax(fs.zeros(3), 0, dtype=fs.float64).dtype == fs.float64


@pytest.mark.parametrize(
    ("act", "error", "message"),
    [
        (lambda a: F.scaled_dot_product_attention(a, a, a, a, is_causal=True), RuntimeError, "either attn_mask or"),
        (lambda a: F.scaled_dot_product_attention(a, fs.ones(2, 3), a), RuntimeError, r"shapes \(2, 2\), \(2, 3\)"),
        (lambda a: F.scaled_dot_product_attention(a, a, fs.ones(3, 2)), RuntimeError, r"value \(..., S, V\)"),
        (lambda a: F.scaled_dot_product_attention(a, a, a, a.double()), RuntimeError, "must be bool or float32, got"),
        (
            lambda a: F.scaled_dot_product_attention(a, a, 3),
            TypeError,
            "scaled_dot_product_attention: expected a Tensor",
        ),
    ],
)
def test_errors(act, error, message) -> None:
    with pytest.raises(error, match=message):
        act(fs.ones(2, 2))


def test_parameters_to_vector_and_back() -> None:
    net = fs.nn.Sequential(fs.nn.Linear(2, 3), fs.nn.Linear(3, 1))
    vector = fs.nn.utils.parameters_to_vector(net.parameters())
    assert vector.shape == (13,)
    vector.sum().backward()
    assert all((p.grad.numpy() == 1).all() for p in net.parameters())
    fresh = fs.tensor(np.arange(13.0))
    fs.nn.utils.vector_to_parameters(fresh, net.parameters())
    assert net[0].weight.tolist() == [[0.0, 1.0], [2.0, 3.0], [4.0, 5.0]] and net[1].bias.tolist() == [12.0]
    fresh.array[0] = 7
    assert net[0].weight.tolist()[0] == [7.0, 1.0]
    with pytest.raises(ValueError, match=r"need a vector of 13 elements, got shape \(12,\)"):
        fs.nn.utils.vector_to_parameters(fs.zeros(12), net.parameters())
    with pytest.raises(TypeError, match="expected a Tensor, got list"):
        fs.nn.utils.vector_to_parameters([1.0], net.parameters())


def test_signatures_as_torch() -> None:
    """Same parameters in the same order with the same defaults, as far as ours go."""
    torch = pytest.importorskip("torch")
    checked = 0
    for name, ours in vars(F).items():
        theirs = getattr(torch.nn.functional, name, None)
        if name.startswith("_") or not inspect.isfunction(ours) or not inspect.isfunction(theirs):
            continue
        if "args" in inspect.signature(theirs).parameters:  # dispatched: it does not tell
            continue
        a = {p.name: p.default for p in inspect.signature(ours).parameters.values()}
        deprecated = ("size_average", "reduce")
        b = {p.name: p.default for p in inspect.signature(theirs).parameters.values() if p.name not in deprecated}
        assert list(a) == list(b)[: len(a)], name
        for parameter, default in a.items():
            assert default == b[parameter], f"{name}({parameter})"
        checked += 1
    assert checked > 25
