"""The tape: what is recorded, what backward does with it, and what it refuses."""

import threading
from typing import Any

import numpy as np
import pytest

import fastscratch as fs
from fastscratch.tensor import record


def leaf(*values: float) -> fs.Tensor:
    return fs.tensor(list(values), requires_grad=True)


# ---- gradients ----


def test_a_node_used_twice_is_visited_once() -> None:
    calls = []
    x = leaf(2.0)
    y = x * 3
    y.register_hook(lambda g: calls.append(g.item()))
    z = y * y + y
    z.backward()
    assert calls == [2 * 6.0 + 1]
    assert x.grad.tolist() == [39.0]


def test_gradients_of_broadcast_operands_are_summed() -> None:
    a, b, c = fs.ones(2, 1, 3, requires_grad=True), fs.ones(4, 1, requires_grad=True), leaf(1.0)
    (a * b + c).sum().backward()
    assert a.grad.shape == (2, 1, 3) and (a.grad == 4).all()
    assert b.grad.shape == (4, 1) and (b.grad == 6).all()
    assert c.grad.tolist() == [24.0]


def test_a_long_chain_needs_no_recursion() -> None:
    x = fs.tensor(1.0, requires_grad=True)
    y = x
    for _ in range(100_000):
        y = y + 0.0
    y.backward()
    assert x.grad.item() == 1.0
    del y  # nor does letting go of it


def test_accumulation_never_changes_a_shared_array() -> None:
    a, b = leaf(1.0, 2.0), leaf(3.0, 4.0)
    c = a + b  # hands the same gradient to both
    (c + c + a).sum().backward()
    assert a.grad.tolist() == [3.0, 3.0] and b.grad.tolist() == [2.0, 2.0]
    a.grad.mul_(10)
    assert b.grad.tolist() == [2.0, 2.0]
    (a + b).sum().backward()
    assert a.grad.tolist() == [31.0, 31.0] and b.grad.tolist() == [3.0, 3.0]


def test_grad_is_not_the_gradient_that_backward_was_given() -> None:
    x, given = leaf(1.0, 2.0), fs.tensor([1.0, 1.0])
    (x * 1).backward(given)
    x.reshape(2).backward(given)
    x.grad.zero_()
    assert given.tolist() == [1.0, 1.0]


def test_grad_of_an_expanded_gradient_can_be_written_to() -> None:
    x = fs.ones(3, requires_grad=True)
    x.sum().backward()
    x.grad.mul_(2)
    assert x.grad.tolist() == [2.0, 2.0, 2.0]


def test_scalars_accumulate() -> None:
    x = fs.tensor(2.0, requires_grad=True)
    (x * x + x + x).backward()
    x.sum().backward()
    assert isinstance(x.grad.array, np.ndarray) and x.grad.item() == 7.0


def test_a_second_backward_needs_retain_graph() -> None:
    x = leaf(1.0, 2.0)
    y = (x * x).sum()
    y.backward(retain_graph=True)
    y.backward()
    assert x.grad.tolist() == [4.0, 8.0]
    with pytest.raises(RuntimeError, match=r"second time.*retain_graph=True"):
        y.backward()


def test_backward_of_many_elements_needs_a_gradient() -> None:
    x = leaf(1.0, 2.0)
    with pytest.raises(RuntimeError, match=r"one element.*\(2,\)"):
        (x * 2).backward()
    with pytest.raises(RuntimeError, match=r"shape \(3,\).*\(2,\)"):
        (x * 2).backward(fs.ones(3))
    (x * 2).backward(fs.tensor([1.0, 10.0]))
    assert x.grad.tolist() == [2.0, 20.0]


def test_backward_without_history() -> None:
    with pytest.raises(RuntimeError, match="does not require gradients"):
        fs.ones(1).backward()


def test_backward_of_a_leaf() -> None:
    x = fs.tensor(3.0, requires_grad=True)
    x.backward()
    assert x.grad.item() == 1.0


def test_integers_have_no_gradient() -> None:
    with pytest.raises(RuntimeError, match=r"floating.*int64"):
        fs.tensor([1, 2], requires_grad=True)
    x = leaf(1.0, 2.0)
    assert not x.long().requires_grad and not (x > 1).requires_grad and not x.argmax().requires_grad
    assert x.double().requires_grad


def test_gradients_come_in_the_dtype_of_their_leaf() -> None:
    x, y = fs.ones(2, requires_grad=True), fs.ones(2, dtype=fs.float64, requires_grad=True)
    (x * y).sum().backward()
    assert x.grad.dtype == fs.float32 and y.grad.dtype == fs.float64
    h = x * 1
    h.mul_(y)
    h.sum().backward()
    assert x.grad.dtype == fs.float32 and y.grad.dtype == fs.float64


# ---- leaves ----


def test_leaves() -> None:
    x = leaf(1.0)
    y = x * 2
    assert x.is_leaf and x.grad_fn is None and not y.is_leaf and y.grad_fn.name() == "mul"
    assert y.detach().is_leaf and not y.detach().requires_grad
    with pytest.raises(RuntimeError, match="leaf"):
        y.requires_grad = False
    x.requires_grad_(False)
    assert not (x * 2).requires_grad
    assert "grad_fn=<mul>" in repr(y) and "requires_grad=True" in repr(leaf(1.0))


def test_what_was_frozen_since_gets_no_gradient() -> None:
    x, w = leaf(1.0, 2.0), leaf(3.0, 4.0)
    y = (x * w).sum()
    x.requires_grad_(False)
    y.backward()
    assert x.grad is None and w.grad.tolist() == [1.0, 2.0]


def test_parents_must_be_tensors() -> None:
    x = leaf(1.0, 2.0)
    for parents in ((x, "text"), (5, x), (x, np.ones(2))):
        with pytest.raises((TypeError, AttributeError)):
            record(np.ones(2), parents, lambda dy, needs: (dy, dy))


def test_retain_grad() -> None:
    x = leaf(1.0, 2.0)
    y = x * 2
    y.retain_grad()
    (y * y).sum().backward()
    assert y.grad.tolist() == [4.0, 8.0]
    assert (y * 1).grad is None
    with pytest.raises(RuntimeError, match="retain_grad"):
        fs.ones(1).retain_grad()


def test_retain_grad_follows_an_in_place_change() -> None:
    x = leaf(1.0)
    y = x * 2
    y.retain_grad()
    y.mul_(5)
    (y * 3).sum().backward()
    assert y.grad.tolist() == [3.0] and x.grad.tolist() == [30.0]


# ---- hooks ----


def test_hooks_see_and_replace_gradients() -> None:
    x, seen = leaf(1.0, 2.0), []
    y = x * 3
    y.register_hook(lambda g: g * 10)
    handle = x.register_hook(lambda g: seen.append(g.tolist()))
    (y + y).sum().backward()
    assert x.grad.tolist() == [60.0, 60.0] and seen == [[60.0, 60.0]]
    handle.remove()
    handle.remove()
    x.sum().backward()
    assert len(seen) == 1


def test_a_hook_must_return_a_gradient_of_the_same_shape() -> None:
    x = leaf(1.0, 2.0)
    x.register_hook(lambda g: g.sum())
    with pytest.raises(RuntimeError, match=r"hook.*\(2,\)"):
        x.sum().backward()


# ---- switching off ----


def test_no_grad_and_enable_grad() -> None:
    x = leaf(1.0)
    with fs.no_grad():
        assert not fs.is_grad_enabled() and not (x * 2).requires_grad
        with fs.enable_grad():
            assert (x * 2).requires_grad
        assert not fs.is_grad_enabled()
    assert fs.is_grad_enabled()

    @fs.no_grad()
    def double(t: fs.Tensor) -> fs.Tensor:
        return t * 2

    @fs.no_grad
    def triple(t: fs.Tensor) -> fs.Tensor:
        return t * 3

    assert not double(x).requires_grad and not triple(x).requires_grad
    with fs.inference_mode(), pytest.raises(ValueError, match="out"):
        raise ValueError("out")
    assert fs.is_grad_enabled()


def test_set_grad_enabled() -> None:
    with fs.set_grad_enabled(False):
        assert not fs.is_grad_enabled()
    assert fs.is_grad_enabled()
    fs.set_grad_enabled(False)
    assert not fs.is_grad_enabled()
    fs.set_grad_enabled(True)


def test_every_thread_has_its_own_switch() -> None:
    seen = []
    with fs.no_grad():
        thread = threading.Thread(target=lambda: seen.append(fs.is_grad_enabled()))
        thread.start()
        thread.join()
    assert seen == [True]


def test_detach_shares_memory_and_notices_changes() -> None:
    x = leaf(1.0, 2.0)
    y = x * 2
    z = (y * y).sum()
    y.detach().zero_()
    assert y.tolist() == [0.0, 0.0]
    with pytest.raises(RuntimeError, match="mul needs was changed in place"):
        z.backward()


# ---- in-place changes ----


def test_a_leaf_cannot_be_changed_in_place() -> None:
    x = leaf(1.0, 2.0)
    for change in (lambda: x.add_(1), x.zero_, lambda: x[0].mul_(2), lambda: x.__setitem__(0, 5.0)):
        with pytest.raises(RuntimeError, match="leaf tensor that requires gradients"):
            change()
    assert x.tolist() == [1.0, 2.0]
    with fs.no_grad():
        x.add_(1)
        x[0] = 7.0
    assert x.tolist() == [7.0, 3.0] and x.is_leaf and x.requires_grad


def test_a_changed_tensor_that_is_needed_is_noticed() -> None:
    x = leaf(1.0, 2.0)
    y = x * 1
    z = y * y
    y.add_(1)
    with pytest.raises(RuntimeError, match=r"shape \(2,\) that the gradient of mul needs was changed in place"):
        z.sum().backward()


def test_a_change_through_a_view_is_noticed() -> None:
    x = leaf(1.0, 2.0)
    y = x * 1
    z = y.sin()
    y.reshape(2, 1)[0] = 3.0
    with pytest.raises(RuntimeError, match="sin needs was changed"):
        z.sum().backward()


def test_a_change_before_it_is_saved_does_no_harm() -> None:
    w, x = leaf(2.0), fs.ones(1)
    x.mul_(3)
    (w * x).sum().backward()
    assert w.grad.tolist() == [3.0]


def test_an_operation_that_overwrites_what_it_needs_keeps_a_copy() -> None:
    x = leaf(1.0, 2.0)
    y = x * 1
    y.sin_()
    y.mul_(y)
    y.sum().backward()
    np.testing.assert_allclose(x.grad.numpy(), np.sin([2.0, 4.0]), rtol=1e-6)


@pytest.mark.parametrize("bounds", [(-0.5, 0.5), (-0.5, None), (None, 0.5)])
def test_clamping_in_place_keeps_a_copy(bounds: Any) -> None:
    x = leaf(-1.0, 0.25, 1.0)
    y = x * 1
    y.clamp_(*bounds)
    (y * y).sum().backward()
    kept = fs.clamp(x.detach(), *bounds) == x.detach()
    assert x.grad.tolist() == (2 * x.detach() * kept).tolist()


def test_views_and_their_base_follow_each_other() -> None:
    x = leaf(1.0, 2.0, 3.0, 4.0)
    y = x * 1
    row = y.reshape(2, 2)[1]
    row.mul_(10)  # changes y
    y.add_(1)  # changes row
    (row * fs.tensor([1.0, 2.0])).sum().backward(retain_graph=True)
    assert x.grad.tolist() == [0.0, 0.0, 10.0, 20.0]
    y.sum().backward()
    assert x.grad.tolist() == [1.0, 1.0, 20.0, 30.0]


def test_a_view_of_an_untracked_tensor_becomes_tracked() -> None:
    x = leaf(5.0)
    buffer = fs.zeros(3)
    first = buffer[0]
    assert not first.requires_grad
    buffer[0] = x[0]
    assert first.requires_grad and first.grad_fn is not None
    (first * 2).backward()
    assert x.grad.tolist() == [2.0]


def test_overwriting_cuts_the_history() -> None:
    x = leaf(1.0, 2.0)
    for overwrite in (lambda t: t.zero_(), lambda t: t.fill_(3), lambda t: t.copy_(fs.ones(2)), lambda t: t.normal_()):
        x.grad = None
        y = x * 2
        overwrite(y)
        y.sum().backward()
        assert x.grad.tolist() == [0.0, 0.0]


def test_in_place_results_must_fit() -> None:
    with pytest.raises(RuntimeError, match=r"shape: \(2,\) would become \(3, 2\)"):
        fs.ones(2).add_(fs.ones(3, 2))
    with pytest.raises(RuntimeError, match="float32 cannot be stored in a tensor of int64"):
        fs.tensor([1, 2]).add_(0.5)
    with pytest.raises(RuntimeError, match="expanded"):
        fs.ones(1).expand(3).add_(1)


# ---- grad() and gradcheck ----


def test_grad() -> None:
    x, unused = leaf(1.0, 2.0), leaf(1.0)
    y = x * x
    dx, dy = fs.autograd.grad(y.sum(), [x, y])
    assert dx.tolist() == [2.0, 4.0] and dy.tolist() == [1.0, 1.0] and x.grad is None
    assert fs.autograd.grad((x * 1).sum(), [x, unused], allow_unused=True)[1] is None
    with pytest.raises(RuntimeError, match="input 0 was not used"):
        fs.autograd.grad((x * 1).sum(), unused)
    with pytest.raises(RuntimeError, match="input 0 of grad does not require"):
        fs.autograd.grad((x * 1).sum(), fs.ones(2))
    with pytest.raises(NotImplementedError, match="create_graph"):
        fs.autograd.grad((x * 1).sum(), x, create_graph=True)


def test_backward_of_several() -> None:
    x = leaf(1.0, 2.0)
    fs.autograd.backward([(x * 2).sum(), x * 3], [None, fs.ones(2)])
    assert x.grad.tolist() == [5.0, 5.0]


def test_gradcheck_catches_a_wrong_gradient() -> None:
    from fastscratch.tensor import record

    def wrong(x: fs.Tensor) -> fs.Tensor:
        return record(x.array**2, (x,), lambda dy, needs, a: (dy * 2.001 * a,), x)

    x = fs.ones(3, dtype=fs.float64, requires_grad=True)
    with pytest.raises(AssertionError, match=r"input 0\[0\]: gradient 0\.25158\d+, by differences 0\.25146"):
        fs.autograd.gradcheck(lambda t: wrong(t).sum(), [x])
    assert fs.autograd.gradcheck(lambda t: (t * t).sum(), [x])
    with pytest.raises(ValueError, match="float32"):
        fs.autograd.gradcheck(lambda t: t, [leaf(1.0)])


# ---- NaN and infinities ----


def test_nan_and_infinities_come_without_a_warning() -> None:
    x = fs.tensor([0.0, -1.0, float("inf"), 3e38], requires_grad=True)
    y = x.sqrt() + x.log2() + 1 / x - x * 10 + x.mean() + x.var() + x**0.5 + x.norm()
    y.sum().backward()
    assert y.isnan().any() and x.grad.isnan().any()
    with np.errstate(all="raise"):
        assert (fs.ones(1) / 0).isinf().all()


SAVE_THEIR_RESULT = {
    "amax": lambda x: x.amax(0),
    "cholesky": lambda x: fs.linalg.cholesky(x @ x.mT + fs.eye(2)),
    "cholesky, upper": lambda x: fs.linalg.cholesky(x @ x.mT + fs.eye(2), upper=True),
    "cholesky_solve": lambda x: fs.cholesky_solve(fs.ones(2, 1), x),
    "exp": fs.exp,
    "inv": fs.linalg.inv,
    "linalg.norm": lambda x: fs.linalg.norm(x, dim=0),
    "norm": lambda x: x.norm(dim=0),
    "rbf_kernel": lambda x: fs.rbf_kernel(x, x * 2, 0.1),
    "solve": lambda x: fs.linalg.solve(x, fs.ones(2)),
}


@pytest.mark.parametrize("name", SAVE_THEIR_RESULT)
def test_a_changed_result_that_its_gradient_needs_is_refused(name: str) -> None:
    x = fs.tensor([[2.0, 0.0], [1.0, 3.0]], requires_grad=True)
    y = SAVE_THEIR_RESULT[name](x)
    y.mul_(2)
    with pytest.raises(RuntimeError, match="changed in place"):
        y.sum().backward()
