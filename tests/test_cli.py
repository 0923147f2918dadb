"""The command line: what a new user does, and the mistakes a new user makes."""

import errno
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from fastscratch import safetensors
from fastscratch.cli import main
from fastscratch.data import write_idx
from fastscratch.data.digits import make_digits
from fastscratch.models import MODELS
from fastscratch.train import save_checkpoint
from fastscratch.train.session import Session

QUICK = ["--data", "digits", "--samples", "400", "--validation", "100", "--epochs", "2"]


def run_folder(root: Path) -> Path:
    (folder,) = root.iterdir()
    return folder


def weights(folder: Path, name: str = "last") -> dict[str, np.ndarray]:
    tensors, _ = safetensors.load(folder / "checkpoints" / f"{name}.safetensors")
    return tensors


def data_folder(folder: Path, images: np.ndarray, labels: np.ndarray) -> Path:
    """A data set of files, in which training and test images are the same."""
    folder.mkdir()
    for part in ("train", "t10k"):
        write_idx(folder / f"{part}-images-idx3-ubyte", images)
        write_idx(folder / f"{part}-labels-idx1-ubyte", labels.astype(np.uint8))
    return folder


def test_train_leaves_a_whole_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "--model", "mlp", *QUICK, "--runs", str(tmp_path)]) == 0
    folder = run_folder(tmp_path)
    printed = capsys.readouterr()
    assert "digits (400 training, 100 validation" in printed.out
    assert "confusion" in printed.out
    assert "test " in printed.out
    assert str(folder) in printed.out
    assert "epoch 2/2" in printed.err
    names = {"checkpoints", "config.toml", "environment.json", "figures", "gradients.jsonl", "log.txt"}
    assert {p.name for p in folder.iterdir()} == names | {"metrics.jsonl", "results.json"}
    results = json.loads((folder / "results.json").read_text())
    assert results["test"]["accuracy"] > 0.3
    assert np.sum(results["confusion"]) == results["samples"]
    right = np.trace(results["confusion"]) / results["samples"]
    assert right == pytest.approx(results["test"]["accuracy"], abs=1e-6)
    assert len((folder / "metrics.jsonl").read_text().splitlines()) == 2
    norms = [json.loads(line) for line in (folder / "gradients.jsonl").read_text().splitlines()]
    assert [set(row) for row in norms] == [{"epoch", "1.weight", "1.bias", "3.weight", "3.bias"}] * 2
    assert all(value > 0 for row in norms for value in row.values())
    log = (folder / "log.txt").read_text()
    assert "epoch 2/2" in log and "digits (400 training" in log and str(folder) in log
    for picture in ("curves.svg", "confusion.svg"):
        ElementTree.parse(folder / "figures" / picture)


def test_evaluate_repeats_the_result(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["train", "--model", "mlp", *QUICK, "--runs", str(tmp_path)])
    first = [line for line in capsys.readouterr().out.splitlines() if line.startswith("test ")]
    assert main(["evaluate", str(run_folder(tmp_path))]) == 0
    again = [line for line in capsys.readouterr().out.splitlines() if line.startswith("test ")]
    assert first == again


def test_evaluate_on_another_data_set(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A folder of negatives: the network that knows the digits does not know these."""
    main(["train", "--model", "mlp", *QUICK, "--runs", str(tmp_path / "runs")])
    images, labels = make_digits(200, seed=1)
    other = data_folder(tmp_path / "negatives", 255 - images, labels)
    capsys.readouterr()
    assert main(["evaluate", str(run_folder(tmp_path / "runs")), "--data", str(other)]) == 0
    printed = capsys.readouterr().out
    assert "negatives (100 training, 100 validation, 200 test)" in printed
    assert float(printed.split("accuracy ")[1].split()[0].rstrip(",")) < 0.3


@pytest.mark.parametrize("model", MODELS)
def test_every_model_trains(tmp_path: Path, model: str) -> None:
    """On few images, the test set's too: twins are slow."""
    data = data_folder(tmp_path / "few", *make_digits(96, seed=1))
    quick = ["--data", str(data), "--validation", "32", "--epochs", "1", "--batch-size", "32"]
    assert main(["train", "--model", model, *quick, "--runs", str(tmp_path / "runs")]) == 0
    picture = "reconstructions.png" if model == "autoencoder" else "confusion.svg"
    assert (run_folder(tmp_path / "runs") / "figures" / picture).stat().st_size > 500


def test_interrupted_and_resumed_is_as_never_stopped(tmp_path: Path) -> None:
    """A real Ctrl-C, sent to a real process."""
    options = ["--model", "mlp", "--data", "digits", "--samples", "3000", "--validation", "100", "--epochs", "6"]
    main(["train", *options, "--runs", str(tmp_path / "a")])
    command = [sys.executable, "-m", "fastscratch", "train", *options, "--runs", str(tmp_path / "b")]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    metrics = None
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        metrics = next((tmp_path / "b").glob("*/metrics.jsonl"), None)
        if metrics and metrics.read_text().count("\n") >= 1:
            break
        time.sleep(0.005)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    if process.returncode == 0:
        pytest.skip("the training was over before it could be interrupted")
    assert process.returncode == 130, err
    assert "Traceback" not in err
    folder = run_folder(tmp_path / "b")
    assert f"fastscratch resume {folder}" in out
    assert main(["resume", str(folder)]) == 0
    expected, got = weights(run_folder(tmp_path / "a")), weights(folder)
    assert list(got) == list(expected)
    for name, array in expected.items():
        np.testing.assert_array_equal(got[name], array, err_msg=name)
    assert len((folder / "metrics.jsonl").read_text().splitlines()) == 6


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["train", "--data", "mnits", "--no-download"], "did you mean 'mnist'"),
        (["train", "--data", "./nowhere"], "there is no folder nowhere"),
        (["train", "--lr", "-1"], "--lr must be positive, got -1"),
        (["train", "--data", "moons", "--validation", "10"], "the networks take 28x28 images"),
        (
            ["train", "--data", "digits", "--samples", "5", "--validation", "5000", "--epochs", "0"],
            "must be at least 1",
        ),
        (["evaluate", "nowhere"], "nowhere is not a run folder"),
        (["resume", "nowhere"], "nowhere is not a run folder"),
        (["train", "--model", "vgg"], "--model: unknown model 'vgg': known are mlp, cnn"),
        (["train", "--epochs", "two"], "--epochs must be a whole number, got 'two'"),
        (["train", "--seed", "-1"], "--seed must be at least 0, got -1"),
        (["train", "--lr", "nan"], "--lr must be positive, got nan"),
        (["train", "--validation", "0.5"], "--validation must be a whole number, got '0.5'"),
        (["train", "--weight-decay", "inf"], "--weight-decay must be at least 0, got inf"),
        (["train", "--dropout", "1"], "--dropout must be in [0, 1), got 1"),
        (["train", "--dropout", "0.5", "--data", "digits"], "'cnn' has no dropout to set; those that have are mlp"),
        (["train", "--model", "cnn-bm"], "unknown model 'cnn-bm': did you mean 'cnn-bn'?"),
        (["train", "--model", "nowhere:Net"], "model 'nowhere:Net': ModuleNotFoundError: No module named 'nowhere'"),
        (["train", "--model", "fastscratch.models:Residua"], "unknown class 'Residua': did you mean 'Residual'?"),
        (["train", "--model", "fastscratch.models:Residual", *QUICK], "cannot be made without arguments"),
        (["train", "--model", "json:JSONDecoder", *QUICK], "makes JSONDecoder, not a fastscratch.nn.Module"),
        (["train", "--optimizer", "adm"], "--optimizer: unknown optimizer 'adm': did you mean 'adam'?"),
        (["train", "--schedule", "cosin"], "--schedule: unknown schedule 'cosin': did you mean 'cosine'?"),
        (["train", "--btch-size", "3"], "unknown option '--btch-size': did you mean '--batch-size'?"),
        (["trian"], "unknown command 'trian': did you mean 'train'?"),
        (["train", "nowhere.toml"], "error: nowhere.toml: No such file or directory"),
        (["train", "--model", "json:nothing"], "json has no class of a fastscratch.nn.Module"),
        (
            ["train", "--model", "cnn", "--reconstruct", *QUICK],
            "is to make the 784 values of a sample, and gives (10,)",
        ),
        (["plot", "runs", "--what", "curve"], "unknown value 'curve': did you mean 'curves'?"),
        (["data", "show", "digits", "--cout", "3"], "unknown option '--cout': did you mean '--count'?"),
        (["data", "show", "digits", "-o", "a.jpg"], "a.jpg must end in .png"),
        (["predict", "a-file", "--picture", "a.jpg"], "a.jpg must end in .png"),
        (["summary", "cnn", "--shape", "1,5,5"], "cnn does not take an input of shape (1, 5, 5): "),
        (["summary", "cnn", "--shape", "0,28,28"], "--shape must be of sides of at least 1"),
        (["train", "a.toml", "b.toml"], "unexpected argument: b.toml"),
        (["evaluate"], "the following arguments are required: RUN"),
        (["summary", "lent"], "unknown model 'lent': did you mean 'lenet'?"),
        (["summary", "cnn", "--shape", "1,x"], "--shape must be whole numbers with commas between, got '1,x'"),
        (["train", "--model", "mlp", *QUICK, "--runs", "a-file"], "Not a directory"),
        (["train", "--model", "mlp", *QUICK, "--lr", "1e38"], "the loss is nan in epoch 1, batch 3 of 7"),
    ],
)
def test_mistakes_get_one_clear_line(
    arguments: list[str],
    message: str,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("a-file").touch()
    try:
        code = main(arguments)
    except SystemExit as stop:  # argparse's own
        code = stop.code
    error = capsys.readouterr().err
    assert code == 2
    assert message in error
    assert len(error.splitlines()) == 1
    assert not list(tmp_path.glob("runs/*")) or "1e38" in arguments  # where the training had begun


@pytest.mark.parametrize(
    ("size", "label", "message"),
    [
        (28, 37, "the networks know labels 0 to 9, letters has labels up to 37"),
        (32, 9, "the networks take 28x28 images"),
    ],
)
def test_folder_that_does_not_fit_the_networks(
    size: int, label: int, message: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "letters").mkdir()
    for split in ("train", "t10k"):
        images = np.zeros((20, size, size), np.uint8)
        write_idx(tmp_path / "letters" / f"{split}-images-idx3-ubyte", images)
        write_idx(tmp_path / "letters" / f"{split}-labels-idx1-ubyte", np.linspace(0, label, 20).astype(np.uint8))
    arguments = ["train", "--model", "mlp", "--data", str(tmp_path / "letters"), "--validation", "5"]
    assert main([*arguments, "--runs", str(tmp_path / "runs")]) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "runs").exists()


COMMANDS = ("train", "resume", "evaluate", "predict", "compare", "plot", "summary", "info")


@pytest.mark.parametrize("command", [*COMMANDS, "data", "data list", "data download", "data show"])
def test_help_has_examples(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main([*command.split(), "--help"])
    assert stop.value.code == 0
    assert f"examples:\n  fastscratch {command}" in capsys.readouterr().out.replace("FASTSCRATCH_ISA=avx2 ", "")


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        ("nn.Linear(100, 10)", "model 'own:Net' does not take samples of shape (1, 28, 28): "),
        ("nn.Linear(784, 7)", "is to give a score for each of 10 classes, and gives values of shape (7,)"),
        (
            "type('Two', (nn.Module,), {'forward': lambda self, x: (x, x)})()",
            "is to give one tensor, and gives a tuple",
        ),
        ("nn.Unflatten(1, (28, 28))", "is to give a score for each of 10 classes, and gives values of shape (28, 28)"),
    ],
)
def test_a_network_of_ones_own_that_does_not_fit_the_data(
    layer: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delitem(sys.modules, "own", raising=False)
    body = f"super().__init__(nn.Flatten(), {layer})"
    text = f"from fastscratch import nn\nclass Net(nn.Sequential):\n    def __init__(self): {body}\n"
    Path("own.py").write_text(text)
    assert main(["train", "--model", "own:Net", *QUICK]) == 2
    assert message in capsys.readouterr().err
    assert not Path("runs").exists()


def test_a_finished_run_is_not_tested_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["train", "--model", "mlp", *QUICK, "--runs", str(tmp_path)])
    folder = run_folder(tmp_path)
    results = json.loads((folder / "results.json").read_text())
    capsys.readouterr()
    with monkeypatch.context() as patch:
        patch.setattr(Session, "test", None)
        assert main(["resume", str(folder), "--json"]) == 0
    printed = capsys.readouterr()
    assert json.loads(printed.out) == {"run": str(folder), **results}
    assert "nothing is left to train" in printed.err
    (folder / "results.json").unlink()  # as if it had been killed while it was tested
    assert main(["resume", str(folder)]) == 0
    assert json.loads((folder / "results.json").read_text())["test"] == results["test"]


def test_damaged_run_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["train", "--model", "mlp", *QUICK, "--runs", str(tmp_path)])
    folder = run_folder(tmp_path)
    best = folder / "checkpoints" / "best.safetensors"
    best.write_bytes(best.read_bytes()[:-7])
    capsys.readouterr()
    assert main(["evaluate", str(folder)]) == 2
    assert str(best) in capsys.readouterr().err
    (folder / "config.toml").write_text("{")
    assert main(["evaluate", str(folder)]) == 2
    assert "config.toml is not the configuration of a run" in capsys.readouterr().err


def test_run_of_another_version_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["train", "--model", "mlp", *QUICK, "--runs", str(tmp_path)])
    folder = run_folder(tmp_path)
    config = (folder / "config.toml").read_text()
    (folder / "config.toml").write_text(config.replace('"sgd"', '"lion"'))
    capsys.readouterr()
    assert main(["resume", str(folder)]) == 2
    assert "unknown optimizer 'lion': known are sgd, rmsprop" in capsys.readouterr().err
    (folder / "config.toml").write_text(config)
    best = folder / "checkpoints" / "best.safetensors"
    save_checkpoint(best, model=MODELS["mlp"]())
    assert main(["evaluate", str(folder)]) == 2
    assert f"{best}: was not written by a Trainer" in capsys.readouterr().err


def test_a_run_is_not_continued_on_other_data(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FASTSCRATCH_DATA", str(tmp_path / "data"))
    for variable in ("XDG_CACHE_HOME", "HOME", "LOCALAPPDATA"):  # no cache on any system
        monkeypatch.setenv(variable, str(tmp_path))
    mnist = tmp_path / "data" / "mnist"
    mnist.mkdir(parents=True)
    for split in ("train", "t10k"):
        write_idx(mnist / f"{split}-images-idx3-ubyte", np.zeros((60, 28, 28), np.uint8))
        write_idx(mnist / f"{split}-labels-idx1-ubyte", np.arange(60, dtype=np.uint8) % 10)
    options = ["--samples", "40", "--validation", "20", "--epochs", "1", "--no-download"]
    assert main(["train", "--model", "mlp", *options, "--runs", str(tmp_path / "runs")]) == 0
    folder = run_folder(tmp_path / "runs")
    (tmp_path / "data").rename(tmp_path / "elsewhere")
    capsys.readouterr()
    for command in ("resume", "evaluate"):
        assert main([command, str(folder)]) == 2
        assert "mnist was not found" in capsys.readouterr().err


def test_nothing_is_left_of_a_run_that_cannot_be_described(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    assert main(["train", "--model", "mlp", *QUICK, "--runs", str(tmp_path)]) == 2
    assert "No space left on device" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(os.name == "nt", reason="pipes of POSIX")
def test_a_reader_who_leaves_is_no_error() -> None:
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run(
        [sys.executable, "-m", "fastscratch", "info"], stdout=write, stderr=subprocess.PIPE, text=True, check=False
    )
    os.close(write)
    assert (done.returncode, done.stderr) == (1, "")


@pytest.mark.skipif(os.name == "nt", reason="a shell of POSIX")
def test_closed_streams(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "fastscratch", "train", "--model", "mlp", *QUICK, "--runs", str(tmp_path)]
    subprocess.run(["/bin/sh", "-c", '"$@" >&- 2>&-', "sh", *command], check=True, timeout=120)
    assert (run_folder(tmp_path) / "results.json").is_file()


def test_without_data_the_embedded_digits_are_used_and_named(tmp_path: Path) -> None:
    environment = {k: v for k, v in os.environ.items() if k != "FASTSCRATCH_DATA"}
    environment["XDG_CACHE_HOME"] = str(tmp_path / "cache")
    options = ["--model", "mlp", "--no-download", "--samples", "200", "--validation", "50", "--epochs", "1"]
    done = subprocess.run(
        [sys.executable, "-m", "fastscratch", "train", *options],
        cwd=tmp_path, env={**environment, "HOME": str(tmp_path)}, capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("data ")]
    assert "digits (200 training" in line
    assert "mnist" in line  # why
    assert run_folder(tmp_path / "runs").is_dir()
