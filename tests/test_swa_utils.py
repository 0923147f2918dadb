"""Averaged weights against the formulas."""

from typing import Any

import numpy as np
import pytest

import fastscratch as fs
from fastscratch import nn
from fastscratch.optim import swa_utils
from fastscratch.optim.swa_utils import AveragedModel


def network() -> nn.Module:
    fs.manual_seed(0)
    return nn.Sequential(nn.Conv2d(2, 3, 3), nn.BatchNorm2d(3), nn.Flatten(), nn.Linear(12, 4))


def drift(model: Any, rng: np.random.Generator) -> list[np.ndarray]:
    for p in model.parameters():
        p.array[...] += rng.standard_normal(p.shape).astype(p.array.dtype)
    return [p.array.copy() for p in model.parameters()]


@pytest.mark.parametrize("kind", ["ema", "ema, one by one", "swa", "swa, one by one", "default"])
def test_averages_are_what_they_are_called(kind: str) -> None:
    options: dict[str, Any] = {
        "ema": {"multi_avg_fn": swa_utils.get_ema_multi_avg_fn(0.9)},
        "ema, one by one": {"avg_fn": swa_utils.get_ema_avg_fn(0.9)},
        "swa": {"multi_avg_fn": swa_utils.get_swa_multi_avg_fn()},
        "swa, one by one": {"avg_fn": swa_utils.get_swa_avg_fn()},
        "default": {},
    }[kind]
    model, rng = network(), np.random.default_rng(1)
    average = AveragedModel(model, **options)
    seen = []
    for _ in range(6):
        seen.append(drift(model, rng))
        average.update_parameters(model)
    for i, got in enumerate(average.module.parameters()):
        values = [step[i].astype(np.float64) for step in seen]
        expected = values[0]
        for value in values[1:]:
            expected = 0.9 * expected + 0.1 * value
        if not kind.startswith("ema"):
            expected = np.mean(values, axis=0)
        np.testing.assert_allclose(got.array, expected, rtol=1e-5, atol=1e-6)
    assert average.n_averaged.item() == 6
    assert average(fs.ones(1, 2, 4, 4)).shape == (1, 4)


def test_it_is_a_copy_that_does_not_follow() -> None:
    model = network()
    average = AveragedModel(model)
    before = [p.array.copy() for p in average.parameters()]
    drift(model, np.random.default_rng(0))
    assert all(np.array_equal(a, p.array) for a, p in zip(before, average.parameters(), strict=True))


@pytest.mark.parametrize("use_buffers", [False, True])
def test_buffers_are_the_models_own_or_averaged(use_buffers: bool) -> None:
    model = network()
    average = AveragedModel(model, multi_avg_fn=swa_utils.get_ema_multi_avg_fn(0.5), use_buffers=use_buffers)
    for value in (0.0, 4.0):
        model[1].running_mean.array[...] = value
        model[1].num_batches_tracked.array[...] = int(value)
        average.update_parameters(model)
    assert average.module[1].running_mean.tolist() == [2.0 if use_buffers else 4.0] * 3
    assert average.module[1].num_batches_tracked.item() == 4


def test_mixed_types() -> None:
    model = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2).double())
    average = AveragedModel(model)
    average.update_parameters(model)
    model[1].weight.array[...] += 2
    average.update_parameters(model)
    np.testing.assert_allclose(average.module[1].weight.array, model[1].weight.array - 1, rtol=1e-12)
    assert average.module[1].weight.dtype == fs.float64


def test_state_dict_goes_on() -> None:
    model, rng = network(), np.random.default_rng(1)
    first, second = AveragedModel(model), AveragedModel(model)
    drift(model, rng)
    first.update_parameters(model)
    second.load_state_dict(first.state_dict())
    drift(model, rng)
    first.update_parameters(model)
    second.update_parameters(model)
    assert all(np.array_equal(a.array, b.array) for a, b in zip(first.parameters(), second.parameters(), strict=True))


def test_bad_input_is_named() -> None:
    with pytest.raises(ValueError, match="decay must be between 0 and 1"):
        swa_utils.get_ema_multi_avg_fn(1.5)
    with pytest.raises(ValueError, match="decay must be between 0 and 1"):
        swa_utils.get_ema_avg_fn(-0.1)
    with pytest.raises(ValueError, match="exclude each other"):
        AveragedModel(network(), avg_fn=swa_utils.get_swa_avg_fn(), multi_avg_fn=swa_utils.get_swa_multi_avg_fn())
    with pytest.raises(ValueError, match="of other shapes"):
        AveragedModel(network()).update_parameters(nn.Linear(2, 2))
