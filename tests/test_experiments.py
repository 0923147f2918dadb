"""The experiments run, their tables are whole, and what they reckon with is right."""

import importlib
import math
import sys
from pathlib import Path

import numpy as np
import pytest

import fastscratch as fs

ROOT = Path(__file__).resolve().parent.parent
if not (ROOT / "examples").is_dir():
    pytest.skip("the examples are not part of a wheel", allow_module_level=True)
pytest.importorskip("matplotlib")
sys.path.insert(0, str(ROOT))
command = importlib.import_module("examples.__main__")
report = importlib.import_module("examples.report")
autoencoder, complexity, learning_rate, optimizers = (
    importlib.import_module(f"examples.experiments.{name}")
    for name in ("autoencoder", "complexity", "learning_rate", "optimizers")
)


needs_kernels = pytest.mark.skipif(fs.backend.name() != "c", reason="takes minutes without the kernels")


@needs_kernels
@pytest.mark.parametrize("name", command.MODULES)
@pytest.mark.filterwarnings("ignore::fastscratch.exceptions.ConvergenceWarning")
def test_an_experiment_leaves_a_table_a_finding_and_a_picture(name, tmp_path):
    """At tiny sizes: what comes out means nothing, but nothing is missing."""
    module = importlib.import_module(command.MODULES[name])
    text = report.section(module, tmp_path, "pictures", quick=True)
    lines = [line for line in text.splitlines() if line.startswith("|")]
    assert len(lines) >= 3
    assert len({line.count("|") for line in lines}) == 1  # as many cells in each row as in the header
    assert " nan " not in text and " inf " not in text
    assert text.startswith(f"## {module.__doc__.strip().splitlines()[0].rstrip('.')}")
    assert (tmp_path / "pictures" / f"{name}.png").read_bytes().startswith(b"\x89PNG")


def test_every_experiment_is_on_the_page():
    """A file with a `run` that nobody lists would be forgotten."""
    with_run = [path for path in (ROOT / "examples").rglob("*.py") if "\ndef run(" in path.read_text(encoding="utf-8")]
    assert sorted(path.stem for path in with_run) == sorted(command.MODULES)


def test_the_same_seed_gives_the_same_table():
    """Two runs of one experiment."""
    module = importlib.import_module("examples.experiments.heads")
    assert module.run(quick=True).rows == module.run(quick=True).rows


def test_table_puts_numbers_to_the_right():
    """And shows what is missing as a dash."""
    result = report.Result(("name", "value"), [("a", 1.5), ("bc", None)], "", lambda figure: None)
    assert result.table().splitlines() == [
        "| name | value |",
        "|------|------:|",
        "| a    |   1.5 |",
        "| bc   |     - |",
    ]


def test_rosenbrock_has_its_minimum_at_one_one():
    """And the path of a descent starts where it is said to."""
    assert optimizers.rosenbrock(1.0, 1.0) == 0
    assert optimizers.rosenbrock(0.0, 1.0) == 101
    path = optimizers.descend("SGD", 1e-3, 5)
    assert path.shape == (6, 2)
    assert tuple(path[0]) == optimizers.START
    x, y = optimizers.START
    gradient = np.array([-2 * (1 - x) - 400 * x * (y - x * x), 200 * (y - x * x)])
    np.testing.assert_allclose(path[1], path[0] - 1e-3 * gradient, rtol=1e-12)


def test_a_path_that_flies_away_ends_at_infinity():
    """So it is never the best one."""
    assert optimizers.end_value(optimizers.descend("SGD", 1.0, 20)) == math.inf


def test_epochs_to_a_loss():
    """Counted from 1."""
    assert optimizers.epochs_to([0.9, 0.25, 0.1]) == 2
    assert optimizers.epochs_to([0.9]) == math.inf


def test_the_window_of_rates_is_the_run_around_the_best():
    """A rate beyond a gap does not count, however good."""
    row = learning_rate._row("x", [1e-3, 1e-2, 1e-1, 1.0], [0.9, 0.5, 0.91, 0.905])
    assert row == ("x", 0.1, "91.0%", "0.1 to 1", 0.5)


def test_slope_of_a_power():
    """Is its exponent."""
    sizes = np.array([10, 20, 50])
    assert complexity.slope(sizes, 3 * sizes**2.5) == pytest.approx(2.5, abs=1e-12)


def test_tied_weights_are_one_parameter_with_both_gradients():
    """The gradient of a shared weight is the sum of what encoder and decoder ask of it."""
    fs.manual_seed(0)
    model = autoencoder.AutoEncoder(3, (8,), fs.nn.Tanh, tied=True)
    assert [p.shape for p in model.parameters()] == [(8, 784), (8,), (3, 8), (3,), (8,), (784,)]
    x = fs.rand(4, 784)
    ((model(x) - x) ** 2).sum().backward()
    first = model.encoder[0].weight
    for index in ((0, 5), (7, 400)):
        found = []
        for step in (1e-2, -1e-2):
            with fs.no_grad():
                first[index] += step
                found.append(float(((model(x) - x) ** 2).sum()))
                first[index] -= step
        assert float(first.grad[index]) == pytest.approx((found[0] - found[1]) / 2e-2, rel=0.05, abs=1e-2)


@needs_kernels
def test_the_command_makes_a_page(tmp_path, capsys, monkeypatch):
    """Of what was asked for, with the pictures that it shows."""
    monkeypatch.setattr("sys.argv", ["examples", "motifs", "heads", "--quick", "--output", str(tmp_path)])
    command.main()
    page = (tmp_path / "experiments.md").read_text(encoding="utf-8")
    assert capsys.readouterr().out.startswith("## Horizontal and vertical motifs, side by side")
    assert [line for line in page.splitlines() if line.startswith("![")] == [
        "![Horizontal and vertical motifs, side by side](experiments/motifs.png)",
        "![Three ways to say two classes: sigmoid, softmax, log-softmax](experiments/heads.png)",
    ]
    assert sorted(path.name for path in (tmp_path / "experiments").iterdir()) == ["heads.png", "motifs.png"]


def test_an_unknown_experiment_is_named(capsys, monkeypatch):
    """With the nearest of those that there are."""
    monkeypatch.setattr("sys.argv", ["examples", "optimizer"])
    with pytest.raises(SystemExit) as stop:
        command.main()
    assert stop.value.code == 2
    assert "optimizers" in capsys.readouterr().err
