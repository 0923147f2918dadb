"""fastscratch compare and plot: a grid of trainings that goes on where it stopped, its tables and figures."""

import csv
import io
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from fastscratch import backend, safetensors
from fastscratch.cli import compare, live, main
from fastscratch.cli.live import Board, CellWatcher
from fastscratch.train.grid import read_grid

pytestmark = pytest.mark.skipif(
    backend.name() == "check", reason="takes minutes, and compares no kernel that others do not"
)

BASE = 'data = "digits"\nsamples = 96\nvalidation = 32\nepochs = 2\nbatch_size = 32\n'
GRID = BASE + '[grid]\nmodel = ["mlp", "lenet"]\noptimizer = ["sgd", "adam"]\n[where.optimizer.sgd]\nlr = 0.02\n'


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "grid.toml"
    path.write_text(GRID)
    return path


def weights(folder: Path) -> dict[str, np.ndarray]:
    return safetensors.load(folder / "checkpoints" / "last.safetensors")[0]


def test_the_grid_of_a_file(config: Path) -> None:
    cells = read_grid(config)
    assert [cell.name for cell in cells] == ["mlp_sgd", "mlp_adam", "lenet_sgd", "lenet_adam"]
    assert [cell.settings.lr for cell in cells] == [0.02, 1e-3, 0.02, 2e-3]
    assert {cell.settings.samples for cell in cells} == {96}


def test_compare_writes_tables_and_figures(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("matplotlib")
    assert main(["compare", str(config), "--json"]) == 0
    printed = capsys.readouterr()
    results = json.loads(printed.out)
    folder = Path(results["folder"])
    assert folder == Path("runs/compare-grid")
    assert [row["run"] for row in results["runs"]] == ["mlp_sgd", "mlp_adam", "lenet_sgd", "lenet_adam"]
    with open(folder / "results.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    for row, given in zip(rows, results["runs"], strict=True):
        assert row["optimizer"] == given["optimizer"] and float(row["test_accuracy"]) == given["test_accuracy"]
        own = json.loads((folder / row["run"] / "results.json").read_text())
        assert (
            own["test"]["accuracy"] == given["test_accuracy"] and own["validation"]["loss"] == given["validation_loss"]
        )
    table = (folder / "table.md").read_text()
    assert table.count("**mlp**") + table.count("**lenet**") == 1
    assert "| model \\ optimizer | sgd | adam |" in table
    assert "validation 0." in printed.err
    for name in ("curves.png", "comparison.png"):
        assert (folder / "figures" / name).stat().st_size > 5000


def test_what_is_done_is_not_done_again(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", str(config), "--output", "out", "--json"]) == 0
    times = {path: path.stat().st_mtime_ns for path in Path("out").glob("*/checkpoints/*")}
    first = json.loads(capsys.readouterr().out)
    assert main(["compare", str(config), "--output", "out", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == first
    assert times == {path: path.stat().st_mtime_ns for path in Path("out").glob("*/checkpoints/*")}


def test_what_another_has_finished_meanwhile_is_not_trained_again(tmp_path: Path) -> None:
    cell: Any = SimpleNamespace(name="a", state=lambda folder: "done")
    assert compare._train_in(tmp_path, cell, session=None, board=None)  # type: ignore[arg-type]
    assert list(tmp_path.iterdir()) == []


def test_interrupted_inside_a_training(
    config: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["compare", str(config), "--output", "whole"]) == 0
    with monkeypatch.context() as patch:

        def stop(self: CellWatcher, trainer: Any, logs: Any) -> None:
            trainer.interrupted = trainer.interrupted or (self.name == "mlp_adam" and trainer.global_step == 4)

        patch.setattr(live.CellWatcher, "on_batch_end", stop)
        assert main(["compare", str(config), "--output", "cut"]) == 130
    assert f"go on with: fastscratch compare {config} --output cut" in capsys.readouterr().out
    assert not Path("cut/mlp_adam/results.json").exists() and not Path("cut/lenet_sgd").exists()
    assert len(Path("cut/results.csv").read_text().splitlines()) == 2
    assert main(["compare", str(config), "--output", "cut"]) == 0
    for cell in ("mlp_sgd", "mlp_adam", "lenet_sgd", "lenet_adam"):
        whole, cut = weights(Path("whole") / cell), weights(Path("cut") / cell)
        for name, array in whole.items():
            np.testing.assert_array_equal(cut[name], array, err_msg=f"{cell} {name}")
        assert len(Path(f"cut/{cell}/metrics.jsonl").read_text().splitlines()) == 2


def test_a_training_that_fails_does_not_stop_the_others(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = tmp_path / "rates.toml"
    config.write_text(BASE + '[grid]\nlr = [1e38, 0.05]\nmodel = ["mlp"]\nseed = [0, 1]\n')
    for _ in range(2):  # nor is it tried again
        assert main(["compare", str(config), "--output", str(tmp_path / "out"), "--json"]) == 0
        rows = json.loads(capsys.readouterr().out)["runs"]
        assert [bool(row["error"]) for row in rows] == [True, True, False, False]
        assert "the loss is" in rows[0]["error"]
    assert "| 1e+38 | mlp | 0 | failed |" in (tmp_path / "out" / "table.md").read_text()


def test_of_autoencoders(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = tmp_path / "coders.toml"
    config.write_text('model = "autoencoder"\n' + BASE.replace("epochs = 2\n", "") + "[grid]\nepochs = [1, 2]\n")
    assert main(["compare", str(config), "--output", str(tmp_path / "out"), "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)["runs"]
    assert [(row["epochs"], row["trained_epochs"]) for row in rows] == [(1, 1), (2, 2)]
    assert "| epochs | validation loss | test loss |" in (tmp_path / "out" / "table.md").read_text()


def test_other_settings_in_the_same_folder(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", str(config)]) == 0
    config.write_text(GRID.replace("batch_size = 32", "batch_size = 16"))
    capsys.readouterr()
    assert main(["compare", str(config)]) == 2
    error = capsys.readouterr().err
    assert "mlp_sgd was trained with other settings (batch_size 32, now 16)" in error
    assert len(error.splitlines()) == 1


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "needs a table [grid] with lists"),
        ("grid = 3", "needs a table [grid] with lists"),
        ("[gird]\nlr = [1.0]", "unknown key 'gird': did you mean 'grid'?"),
        ("[grid]\nmodle = ['cnn']", "grid: unknown key 'modle': did you mean 'model'?"),
        ("[grid]\nmodel = 'cnn'", "grid.model must be a list of values, got 'cnn'"),
        ("[grid]\nmodel = []", "grid.model must be a list of values, got []"),
        ("[grid]\nmodel = ['cnm']", "model: unknown model 'cnm': did you mean 'cnn'?"),
        ("[grid]\nlr = [0.1, 'x']", "lr must be a number, got 'x'"),
        ("[grid]\nlr = [0.1, 0.1]", "grid.lr has a value twice"),
        ("lr = 0.1\n[grid]\nlr = [0.1]", "lr is given twice"),
        ("[grid]\nlr = [0.1]\n[where.model.cnn]\nlr = 1.0", "where: unknown key of the grid 'model'"),
        (
            "[grid]\nmodel = ['cnn']\n[where.model.cnm]\nlr = 1.0",
            "where.model: unknown value of the grid 'cnm': did you",
        ),
        ("[grid]\nmodel = ['cnn']\n[where]\nmodel = 3", "where.model must be tables such as [where.model.cnn]"),
        ("where = 3\n[grid]\nmodel = ['cnn']", "where must be tables such as"),
        ("[grid]\nmodel = ['cnn']\n[where.model]\ncnn = 3", "where.model.cnn must be a table of settings, got 3"),
        ("[grid]\nmodel = ['cnn']\n[where.model.cnn]\nmodel = 'mlp'", "sets model, which the grid goes through"),
        ("[grid]\nmodel = ['cnn']\n[where.model.cnn]\nlr = 'x'", "lr must be a number, got 'x'"),
        ("dropout = 0.5\n[grid]\nmodel = ['mlp', 'cnn']", "model 'cnn' has no dropout to set"),
        ("[grid", "is not TOML"),
    ],
)
def test_wrong_grids(text: str, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "wrong.toml").write_text(text)
    assert main(["compare", str(tmp_path / "wrong.toml"), "--output", str(tmp_path / "out")]) == 2
    error = capsys.readouterr().err
    assert message in error and "wrong.toml" in error and len(error.splitlines()) == 1
    assert not (tmp_path / "out").exists()


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_the_live_table_is_drawn_over_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live.shutil, "get_terminal_size", lambda: (20, 6))
    terminal = Terminal()
    board = Board(["a", "bb"], terminal)
    board.set("a", "epoch 1 of very many that do not fit")
    board.set("bb", "done", final=True)
    first, second = terminal.getvalue().split("\x1b[2A")
    assert first == "\r\x1b[Ka   epoch 1 of very\n\r\x1b[Kbb  waiting\n"
    assert second.endswith("bb  done\n")
    tall = Terminal()
    board = Board([str(i) for i in range(50)], tall)
    board.set("49", "now")
    lines = tall.getvalue().rstrip("\n").split("\n")
    assert len(lines) == 4 and lines[-1].endswith("49  now")


def test_plot(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("matplotlib")
    assert main(["compare", str(config), "--output", "out"]) == 0
    runs = sorted(str(path.parent) for path in Path("out").glob("*/config.toml"))
    assert len(runs) == 4
    assert main(["plot", *runs]) == 0
    assert Path("curves.png").read_bytes().startswith(b"\x89PNG")
    capsys.readouterr()
    assert main(["plot", runs[0], "--columns", "val_accuracy", "-o", "one.svg", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"picture": "one.svg"}
    assert "<svg" in Path("one.svg").read_text()
    assert main(["plot", runs[0], "--what", "gradients", "-o", "g.pdf"]) == 0
    assert Path("g.pdf").read_bytes().startswith(b"%PDF")
    assert main(["plot", runs[0], "--what", "confusions"]) == 0
    assert Path("confusions.png").stat().st_size > 5000

    def mistake(*arguments: str) -> str:
        capsys.readouterr()
        try:
            code: Any = main(["plot", *arguments])
        except SystemExit as stop:
            code = stop.code
        error = capsys.readouterr().err
        assert code == 2 and len(error.splitlines()) == 1
        return error

    assert "nowhere is not a run folder" in mistake("nowhere")
    assert "must end in .png, .svg or .pdf" in mistake(runs[0], "-o", "a.gif")
    assert "no run has the column 'acuracy'" in mistake(runs[0], "--columns", "acuracy")
    assert "this picture is of one run, 2 are given" in mistake(*runs[:2], "--what", "gradients")
    assert "unknown value 'curve': did you mean 'curves'?" in mistake(runs[0], "--what", "curve")
    Path(runs[0], "results.json").unlink()
    assert "has no confusion matrix" in mistake(runs[0], "--what", "confusions")
    Path(runs[0], "metrics.jsonl").write_text("{\n")
    assert "metrics.jsonl is not JSON Lines" in mistake(runs[0])
    Path(runs[0], "metrics.jsonl").unlink()
    assert "it has not trained yet" in mistake(runs[0])
