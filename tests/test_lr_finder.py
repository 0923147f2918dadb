"""The range test of the learning rate: what it finds, and that it leaves nothing behind."""

import math

import numpy as np
import pytest

import fastscratch as fs
from fastscratch import nn
from fastscratch.data import DataLoader, TensorDataset
from fastscratch.nn import functional as F
from fastscratch.random import Generator
from fastscratch.train import NonFiniteLossError, Trainer, find_lr
from fastscratch.train.lr_finder import steepest


def training(optimizer=fs.optim.Adam, **options):
    fs.manual_seed(1)
    x = fs.randn(200, 5)
    model = nn.Sequential(nn.Linear(5, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Dropout(0.1), nn.Linear(16, 1))
    loader = DataLoader(TensorDataset(x, x.sum(1, keepdim=True)), batch_size=20, shuffle=True, **options)
    return model, optimizer(model.parameters(), lr=0.01), loader


def test_rates_grow_by_one_factor_and_the_suggestion_is_on_the_way_down():
    model, optimizer, loader = training()
    found = find_lr(model, optimizer, F.mse_loss, loader, start=1e-5, end=1.0, steps=60)
    np.testing.assert_allclose(found.lrs, np.geomspace(1e-5, 1.0, 60)[: len(found.lrs)])
    assert len(found.lrs) == len(found.losses) == len(found.smoothed)
    least = int(np.argmin(found.smoothed))
    assert 0 < found.lrs.index(found.suggestion) <= least
    assert found.suggestion == steepest(found.lrs, found.smoothed)


@pytest.mark.parametrize("fails", [False, True])
@pytest.mark.parametrize("optimizer", [fs.optim.SGD, fs.optim.Adam])
def test_a_training_goes_on_as_if_it_had_not_been(optimizer, fails):
    """The same bits with and without a range test between two epochs, even if that breaks off."""
    weights = []
    for tested in (False, True):
        model, stepping, loader = training(optimizer, generator=Generator().manual_seed(5))
        trainer = Trainer(model, stepping, F.mse_loss)
        trainer.fit(loader, epochs=1)
        gradients = [p.grad for p in model.parameters()]
        model[3].eval()
        if tested and fails:

            def failing(output, target, seen=[]):  # noqa: B006
                seen.append(1)
                if len(seen) == 5:
                    raise RuntimeError("on demand")
                return F.mse_loss(output, target)

            with pytest.raises(RuntimeError, match="on demand"):
                find_lr(model, stepping, failing, loader, steps=20)
        elif tested:
            find_lr(model, stepping, F.mse_loss, loader, steps=20)
        assert all(p.grad is g for p, g in zip(model.parameters(), gradients, strict=True))
        assert stepping.param_groups[0]["lr"] == 0.01
        assert not model[3].training
        trainer.fit(loader, epochs=2)
        weights.append([p.numpy().copy() for p in model.state_dict().values()])
    for a, b in zip(*weights, strict=True):
        np.testing.assert_array_equal(a, b)


def test_an_epoch_that_runs_is_not_disturbed():
    model, optimizer, loader = training()
    orders = []
    for tested in (False, True):
        fs.manual_seed(2)
        seen = []
        for i, (x, _) in enumerate(loader):
            seen.append(x.numpy().copy())
            if tested and i == 3:
                find_lr(model, optimizer, F.mse_loss, loader, steps=5)
        seen += [x.numpy() for x, _ in loader]
        orders.append(np.concatenate(seen))
    np.testing.assert_array_equal(*orders)


def test_it_stops_when_the_training_fails():
    model, optimizer, loader = training(fs.optim.SGD)
    found = find_lr(model, optimizer, F.mse_loss, loader, end=1e6)
    assert len(found.lrs) < 100
    assert all(map(math.isfinite, found.losses))
    assert found.suggestion < 10


def test_smoothing_does_not_lag():
    class Step(nn.Module):
        """A loss that falls at its tenth call."""

        def __init__(self):
            super().__init__()
            self.weight = nn.Parameter(fs.zeros(1))
            self.calls = 0

        def forward(self, x):
            self.calls += 1
            return self.weight * 0 + (2.0 if self.calls < 11 else 1.0)

    model = Step()
    found = find_lr(model, fs.optim.SGD(model.parameters(), lr=1.0), lambda y, _: y.sum(), [(0, 0)], steps=21)
    assert found.lrs.index(found.suggestion) in (9, 10)
    assert (
        find_lr(
            model, fs.optim.SGD(model.parameters(), lr=1.0), lambda y, _: y.sum(), [(0, 0)], steps=21, smoothing=0
        ).losses
        == [2.0] * 10 + [1.0] * 11
    )


def test_a_constant_loss_suggests_nothing():
    model = nn.Linear(1, 1)
    found = find_lr(
        model, fs.optim.SGD(model.parameters(), lr=1.0), lambda y, t: y.sum() * 0 + 3, [(fs.ones(1, 1), None)]
    )
    assert found.suggestion is None
    assert found.losses == [3.0] * 100


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"start": 0.0}, "start and end"),
        ({"start": 1.0, "end": 0.1}, "start and end"),
        ({"end": math.inf}, "start and end"),
        ({"steps": 1}, "steps must be at least 2"),
        ({"smoothing": -1}, "smoothing must be"),
        ({"divergence": 1.0}, "divergence must be"),
        ({"loader": []}, "no batches"),
    ],
)
def test_errors_name_what_is_wrong(options, message):
    model, optimizer, loader = training()
    with pytest.raises(ValueError, match=message):
        find_lr(model, optimizer, F.mse_loss, options.pop("loader", loader), **options)


def test_a_loss_that_is_never_finite_is_not_the_rates_fault():
    model, optimizer, loader = training()
    with pytest.raises(NonFiniteLossError, match="before any step"):
        find_lr(model, optimizer, lambda y, t: y.sum() * float("nan"), loader)
