"""Learning rate schedules: PyTorch's values step by step, closed forms, state saved and loaded, and what is refused."""

import math
from collections.abc import Callable
from typing import Any

import pytest

import fastscratch as fs
from fastscratch.optim import SGD, Adam, lr_scheduler
from fastscratch.optim.lr_scheduler import (
    ConstantLR,
    CosineAnnealingLR,
    ExponentialLR,
    LambdaLR,
    LinearLR,
    LRScheduler,
    MultiStepLR,
    OneCycleLR,
    ReduceLROnPlateau,
    SequentialLR,
    StepLR,
)

# Each is made from a module of schedules (ours or PyTorch's) and an optimizer.
SCHEDULES: dict[str, Callable[[Any, Any], Any]] = {
    "step": lambda s, o: s.StepLR(o, 3, gamma=0.5),
    "multi_step": lambda s, o: s.MultiStepLR(o, [2, 5, 5, 9], gamma=0.3),
    "exponential": lambda s, o: s.ExponentialLR(o, 0.8),
    "constant": lambda s, o: s.ConstantLR(o, 0.25, total_iters=4),
    "linear": lambda s, o: s.LinearLR(o, 0.1, total_iters=6),
    "linear_down_to_zero": lambda s, o: s.LinearLR(o, 1.0, 0.0, total_iters=6),
    "lambda": lambda s, o: s.LambdaLR(o, lambda epoch: 1 / (1 + epoch)),
    "lambdas": lambda s, o: s.LambdaLR(o, [lambda epoch: 0.9**epoch, lambda epoch: 1.0 / (1 + epoch)]),
    "cosine": lambda s, o: s.CosineAnnealingLR(o, 7),
    "cosine_over_the_end": lambda s, o: s.CosineAnnealingLR(o, 5, eta_min=0.01),
    "cosine_of_one": lambda s, o: s.CosineAnnealingLR(o, 1, eta_min=0.01),
    "one_cycle": lambda s, o: s.OneCycleLR(o, 0.5, total_steps=20),
    "one_cycle_linear": lambda s, o: s.OneCycleLR(o, [0.5, 1.0], epochs=4, steps_per_epoch=5, anneal_strategy="linear"),
    "one_cycle_three": lambda s, o: s.OneCycleLR(o, 0.5, total_steps=20, three_phase=True, pct_start=0.4, div_factor=10.0),
    "one_cycle_fixed": lambda s, o: s.OneCycleLR(o, 0.5, total_steps=20, cycle_momentum=False),
    "sequential": lambda s, o: s.SequentialLR(
        o, [s.LinearLR(o, 0.1, total_iters=4), s.CosineAnnealingLR(o, 10), s.ExponentialLR(o, 0.5)], milestones=[4, 12]
    ),
    "sequential_steps": lambda s, o: s.SequentialLR(
        o, [s.ConstantLR(o, 0.1, total_iters=20), s.StepLR(o, 2), s.LambdaLR(o, lambda e: 0.5**e)], milestones=[3, 9]
    ),
}  # fmt: skip
STEPS = 16


def _optimizer(kind: Any = SGD) -> Any:
    options = {"momentum": 0.9} if kind is SGD else {}
    a, b = (fs.tensor([1.0], requires_grad=True) for _ in range(2))
    return kind([{"params": [a]}, {"params": [b], "lr": 0.02}], lr=0.1, **options)


def _values(scheduler: Any, optimizer: Any, steps: int = STEPS) -> list[float]:
    """Rates and momenta before each step."""
    out = []
    for _ in range(steps):
        for group in optimizer.param_groups:
            momentum = group["betas"][0] if "betas" in group else group["momentum"]
            out += [float(group["lr"]), float(momentum)]
        assert scheduler.get_last_lr() == [g["lr"] for g in optimizer.param_groups]
        optimizer.step()
        scheduler.step()
    return out


@pytest.mark.parametrize("make", SCHEDULES.values(), ids=SCHEDULES)
@pytest.mark.parametrize("kind", ["SGD", "Adam"])
def test_equals_pytorch(make: Callable[[Any, Any], Any], kind: str) -> None:
    torch = pytest.importorskip("torch")
    mine = _optimizer(getattr(fs.optim, kind))
    options = {"momentum": 0.9} if kind == "SGD" else {}
    a, b = (torch.ones(1, requires_grad=True) for _ in range(2))
    theirs = getattr(torch.optim, kind)([{"params": [a]}, {"params": [b], "lr": 0.02}], lr=0.1, **options)
    expected = _values(make(torch.optim.lr_scheduler, theirs), theirs)
    got = _values(make(lr_scheduler, mine), mine)
    assert got == pytest.approx(expected, rel=1e-12, abs=1e-15)


def test_two_schedules_on_one_optimizer_multiply() -> None:
    torch = pytest.importorskip("torch")
    results = []
    for module, optimizer in (
        (lr_scheduler, _optimizer()),
        (torch.optim.lr_scheduler, torch.optim.SGD([torch.ones(1, requires_grad=True)], lr=0.1)),
    ):
        both = [module.LinearLR(optimizer, 0.5, total_iters=4), module.ExponentialLR(optimizer, 0.9)]
        rates = []
        for _ in range(8):
            rates.append(optimizer.param_groups[0]["lr"])
            optimizer.step()
            for scheduler in both:
                scheduler.step()
        results.append(rates)
    assert results[0] == pytest.approx(results[1], rel=1e-12)


@pytest.mark.parametrize("mode", ["min", "max"])
@pytest.mark.parametrize("threshold_mode", ["rel", "abs"])
@pytest.mark.parametrize("cooldown", [0, 2])
def test_plateau_equals_pytorch(mode: str, threshold_mode: str, cooldown: int) -> None:
    torch = pytest.importorskip("torch")
    options = {
        "mode": mode, "factor": 0.5, "patience": 1, "threshold": 0.05, "threshold_mode": threshold_mode,
        "cooldown": cooldown, "min_lr": [0.01, 0.001],
    }  # fmt: skip
    mine = _optimizer()
    parameters = [{"params": [torch.ones(1)]}, {"params": [torch.ones(1)], "lr": 0.02}]
    theirs = torch.optim.SGD(parameters, lr=0.1)
    a = ReduceLROnPlateau(mine, **options)
    b = torch.optim.lr_scheduler.ReduceLROnPlateau(theirs, **options)
    for value in (1.0, 0.9, 0.89, 0.88, 0.88, 0.5, 0.6, math.nan, 0.7, 0.7, 0.7, 0.7, 0.2, 0.3, 0.3, 0.3, 0.3, 0.3):
        a.step(value)
        b.step(value)
        assert [g["lr"] for g in mine.param_groups] == [g["lr"] for g in theirs.param_groups]
        assert (a.best, a.num_bad_epochs, a.in_cooldown) == (b.best, b.num_bad_epochs, b.in_cooldown)


# ---- closed forms ----


def test_closed_forms() -> None:
    def rates(make: Callable[[Any], Any], steps: int) -> list[float]:
        optimizer = _optimizer()
        return _values(make(optimizer), optimizer, steps)[::4]

    assert rates(lambda o: StepLR(o, 2), 5) == pytest.approx([0.1, 0.1, 0.01, 0.01, 0.001])
    assert rates(lambda o: MultiStepLR(o, (1, 3)), 4) == pytest.approx([0.1, 0.01, 0.01, 0.001])
    assert rates(lambda o: ExponentialLR(o, 0.5), 4) == pytest.approx([0.1, 0.05, 0.025, 0.0125])
    assert rates(lambda o: ConstantLR(o, 0.5, 2), 4) == pytest.approx([0.05, 0.05, 0.1, 0.1])
    assert rates(lambda o: LinearLR(o, 0.5, 1.0, 2), 4) == pytest.approx([0.05, 0.075, 0.1, 0.1])
    assert rates(lambda o: LambdaLR(o, lambda t: t / 2), 4) == pytest.approx([0.0, 0.05, 0.1, 0.15])
    expected = [0.01 + 0.09 * (1 + math.cos(math.pi * t / 4)) / 2 for t in range(12)]
    assert rates(lambda o: CosineAnnealingLR(o, 4, 0.01), 12) == pytest.approx(expected)


def test_one_cycle_ends_low_and_goes_no_further() -> None:
    optimizer = _optimizer(Adam)
    scheduler = OneCycleLR(optimizer, 1.0, total_steps=10)
    assert optimizer.param_groups[0]["lr"] == pytest.approx(1 / 25)
    assert optimizer.param_groups[0]["betas"] == (0.95, 0.999)
    seen = []
    for _ in range(9):
        optimizer.step()
        scheduler.step()
        seen.append(optimizer.param_groups[0]["lr"])
    assert max(seen) == pytest.approx(1.0)
    assert seen[-1] == pytest.approx(1 / 25 / 1e4)
    scheduler.step()
    with pytest.raises(ValueError, match="the cycle has 10 steps, this would be step 11"):
        scheduler.step()


# ---- state ----


@pytest.mark.parametrize("make", SCHEDULES.values(), ids=SCHEDULES)
def test_resumed_is_the_same_to_the_bit(make: Callable[[Any, Any], Any]) -> None:
    whole = _optimizer()
    expected = _values(make(lr_scheduler, whole), whole)
    first = _optimizer()
    scheduler = make(lr_scheduler, first)
    _values(scheduler, first, 5)
    states = first.state_dict(), scheduler.state_dict()
    second = _optimizer()
    again = make(lr_scheduler, second)
    second.load_state_dict(states[0])
    again.load_state_dict(states[1])
    assert _values(again, second, STEPS - 5) == expected[4 * 5 :]


def test_plateau_resumes() -> None:
    first, second = _optimizer(), _optimizer()
    a, b = ReduceLROnPlateau(first, patience=2), ReduceLROnPlateau(second, patience=2)
    a.step(1.0)
    a.step(2.0)
    b.load_state_dict(a.state_dict())
    for value in (3.0, 4.0):
        a.step(value)
        b.step(value)
    assert first.param_groups[0]["lr"] == second.param_groups[0]["lr"] == pytest.approx(0.01)


def test_last_epoch_picks_up_a_schedule() -> None:
    optimizer = _optimizer()
    scheduler = ExponentialLR(optimizer, 0.5)
    _values(scheduler, optimizer, 3)
    again = ExponentialLR(optimizer, 0.5, last_epoch=scheduler.last_epoch - 1)
    assert again.last_epoch == 3
    assert optimizer.param_groups[0]["lr"] == pytest.approx(0.0125)
    with pytest.raises(KeyError, match=r"param_groups\[0\] has no 'initial_lr', which last_epoch=2 needs"):
        ExponentialLR(_optimizer(), 0.5, last_epoch=2)


def test_state_of_another_schedule_is_refused() -> None:
    optimizer = _optimizer()
    scheduler = StepLR(optimizer, 2)
    before = scheduler.state_dict()
    with pytest.raises(ValueError, match=r"the state of StepLR has the keys .*'step_size'.*, got .*'T_max'"):
        scheduler.load_state_dict(CosineAnnealingLR(optimizer, 2).state_dict())
    assert scheduler.state_dict() == before
    pair = SequentialLR(optimizer, [StepLR(optimizer, 2), StepLR(optimizer, 3)], [2])
    with pytest.raises(ValueError, match="the state holds 1 schedules, this one has 2"):
        pair.load_state_dict(SequentialLR(optimizer, [StepLR(optimizer, 2)], []).state_dict())


# ---- what is refused ----


def test_step_before_the_optimizer_warns_once() -> None:
    optimizer = _optimizer()
    scheduler = StepLR(optimizer, 2)
    with pytest.warns(UserWarning, match=r"before optimizer\.step\(\)"):
        scheduler.step()
    scheduler.step()


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda o: StepLR(None, 1), TypeError, "StepLR needs an Optimizer, got NoneType"),
        (lambda o: LambdaLR(3, abs), TypeError, "LambdaLR needs an Optimizer, got int"),
        (lambda o: OneCycleLR(3, 0.1, 5), TypeError, "OneCycleLR needs an Optimizer, got int"),
        (lambda o: ReduceLROnPlateau(3), TypeError, "ReduceLROnPlateau needs an Optimizer, got int"),
        (lambda o: StepLR(o, 0), ValueError, "step_size must be at least 1, got 0"),
        (lambda o: LambdaLR(o, [abs]), ValueError, "lr_lambda must have 2 functions"),
        (lambda o: ConstantLR(o, 0.0), ValueError, r"factor must be in \(0, 1\], got 0.0"),
        (lambda o: LinearLR(o, 2.0), ValueError, r"start_factor must be in \(0, 1\], got 2.0"),
        (lambda o: LinearLR(o, 0.5, 2.0), ValueError, r"end_factor must be in \[0, 1\], got 2.0"),
        (lambda o: CosineAnnealingLR(o, 0), ValueError, "T_max must be at least 1, got 0"),
        (lambda o: OneCycleLR(o, 0.1), ValueError, "length of the cycle is missing"),
        (lambda o: OneCycleLR(o, 0.1, total_steps=0), ValueError, "total_steps must be a positive int, got 0"),
        (lambda o: OneCycleLR(o, 0.1, 5, pct_start=2.0), ValueError, r"pct_start must be in \[0, 1\]"),
        (lambda o: OneCycleLR(o, 0.1, 5, anneal_strategy="x"), ValueError, "anneal_strategy must be 'cos' or 'linear'"),
        (lambda o: OneCycleLR(o, [0.1], 5), ValueError, "max_lr must have 2 values"),
        (lambda o: ReduceLROnPlateau(o, factor=1.0), ValueError, "factor must be below 1, got 1.0"),
        (lambda o: ReduceLROnPlateau(o, "up"), ValueError, "mode must be 'min' or 'max', got 'up'"),
        (lambda o: ReduceLROnPlateau(o, min_lr=[1]), ValueError, "min_lr must have 2 values"),
        (lambda o: SequentialLR(o, [], []), ValueError, "at least one scheduler"),
        (lambda o: SequentialLR(o, [StepLR(o, 1)], [3]), ValueError, "1 schedulers need 0 milestones, got 1"),
        (lambda o: SequentialLR(o, [ReduceLROnPlateau(o)], []), ValueError, r"schedulers\[0\] is a ReduceLROnPlateau"),
        (lambda o: SequentialLR(o, [StepLR(_optimizer(), 1)], []), ValueError, "belongs to another optimizer"),
    ],
)  # fmt: skip
def test_refused(make: Callable[[Any], Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        make(_optimizer())


def test_a_schedule_of_ones_own() -> None:
    class Halving(LRScheduler):
        def get_lr(self) -> list[float]:
            return [base / 2**self.last_epoch for base in self.base_lrs]

    optimizer = _optimizer()
    assert _values(Halving(optimizer), optimizer, 3)[::4] == [0.1, 0.05, 0.025]
    with pytest.raises(NotImplementedError, match="LRScheduler does not implement get_lr"):
        LRScheduler(optimizer)
