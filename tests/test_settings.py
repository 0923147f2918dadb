"""Settings: one definition for the command line, TOML files and saved configurations."""

import json
import pickle
import tomllib
from pathlib import Path

import pytest

import fastscratch as fs
from fastscratch.cli import main
from fastscratch.train.recipes import RECIPES
from fastscratch.train.session import Session, load
from fastscratch.train.settings import (
    FIELDS,
    NONE,
    Settings,
    SettingsError,
    checked,
    checked_keys,
    kind_of,
    parsed,
    read_settings,
    resolve,
)

QUICK = 'model = "mlp"\ndata = "digits"\nsamples = 64\nvalidation = 32\nepochs = 1\n'


def test_what_is_saved_gives_the_same_settings(tmp_path: Path) -> None:
    settings = resolve({"model": "mlp", "runs": 'a "b" \\ \n\x7f é', "lr": 1e-20, "patience": 3, "download": False})
    (tmp_path / "a.toml").write_text(settings.to_toml(), encoding="utf-8")
    assert resolve(read_settings(tmp_path / "a.toml")) == settings
    assert set(tomllib.loads(settings.to_toml())) == set(FIELDS)


def test_unset_in_a_file_is_unset_and_not_the_recipes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(RECIPES["mlp"], "patience", 3)
    assert resolve({"model": "mlp"}).patience == 3
    assert resolve(checked_keys({"model": "mlp", "patience": NONE})).patience is None


def test_the_learning_rate_goes_with_the_optimizer() -> None:
    assert resolve({"model": "cnn"}).lr == RECIPES["cnn"]["lr"]
    assert resolve({"model": "cnn", "optimizer": "sgd"}).lr == 0.05
    assert resolve({"model": "cnn", "optimizer": "sgd", "lr": 0.3}).lr == 0.3
    assert resolve({"model": "somewhere:Net", "optimizer": "sgd"}).lr == 0.05
    assert resolve({"model": "somewhere:Net"}).optimizer == Settings.optimizer


def test_every_option_is_checked_and_explained() -> None:
    for key, option in FIELDS.items():
        kind, _ = kind_of(key)
        assert kind in (int, float, bool, str)
        assert option.metadata["help"] and option.metadata["group"]
        assert getattr(resolve({}), key) == checked(key, getattr(resolve({}), key))
        with pytest.raises(SettingsError, match=rf"^{key} must be"):
            checked(key, [1])


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("batch_size", "64", "batch_size must be a whole number, got '64'"),
        ("batch_size", 64.0, "batch_size must be a whole number, got 64.0"),
        ("batch_size", True, "batch_size must be a whole number, got True"),
        ("batch_size", 0, "batch_size must be at least 1, got 0"),
        ("lr", "fast", "lr must be a number, got 'fast'"),
        ("lr", float("inf"), "lr must be positive, got inf"),
        ("weight_decay", float("nan"), "weight_decay must be at least 0, got nan"),
        ("patience", "five", "patience must be a whole number, or \"none\", got 'five'"),
        ("download", 1, "download must be true or false, got 1"),
        ("model", 3, "model must be text, got 3"),
        ("model", "cnm", "model: unknown model 'cnm': did you mean 'cnn'?"),
        ("optimizer", "lion", "optimizer: unknown optimizer 'lion': known are sgd"),
    ],
)
def test_wrong_values_are_named(key: str, value: object, message: str) -> None:
    with pytest.raises(SettingsError) as caught:
        checked(key, value)
    assert message in str(caught.value)
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)


def test_text_of_the_command_line() -> None:
    assert parsed("batch_size", "32") == 32
    assert parsed("lr", "1e-3") == 1e-3
    assert parsed("patience", "none") is None
    assert parsed("data", "none") is None
    assert checked("lr", 1) == 1.0 and type(checked("lr", 1)) is float


def test_file_and_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The command line goes first; the run's own file does the training again, to the same bits."""
    config = tmp_path / "quick.toml"
    config.write_text(QUICK + "batch_size = 8\n")
    assert main(["train", str(config), "--batch-size", "16", "--runs", str(tmp_path / "a"), "--json"]) == 0
    printed = capsys.readouterr()
    results = json.loads(printed.out)
    assert "digits (64 training" in printed.err
    run = Path(results["run"])
    saved = read_settings(run / "config.toml")
    assert saved["batch_size"] == 16 and saved["samples"] == 64 and saved["lr"] == 0.1
    assert main(["train", str(run / "config.toml"), "--runs", str(tmp_path / "b"), "--json"]) == 0
    again = json.loads(capsys.readouterr().out)
    assert again["test"] == results["test"] and again["confusion"] == results["confusion"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("batchsize = 8", "unknown key 'batchsize': did you mean 'batch_size'?"),
        ("batch_size = 'many'", "batch_size must be a whole number, got 'many'"),
        ("epochs = [1, 2]", "epochs must be a whole number, got [1, 2]"),
        ("[training]\nepochs = 1", "unknown key 'training'"),
        ("epochs = ", "is not TOML: "),
        ("epochs = 1\nepochs = 2", "is not TOML: "),
        ("name = '\xff'", "is not TOML: "),
    ],
)
def test_files_that_are_wrong(text: str, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = tmp_path / "wrong.toml"
    config.write_bytes(text.encode("latin-1"))
    assert main(["train", str(config), "--runs", str(tmp_path / "runs")]) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"fastscratch: error: {config}") and message in error
    assert len(error.splitlines()) == 1
    assert not (tmp_path / "runs").exists()


def test_a_network_of_ones_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my_networks_of_mine.py").write_text(
        "from fastscratch import nn\n"
        "class Tiny(nn.Module):\n"
        "    def __init__(self, dropout: float = 0.1) -> None:\n"
        "        super().__init__()\n"
        "        self.net = nn.Sequential(nn.Flatten(), nn.Dropout(dropout), nn.Linear(2, 2))\n"
        "    def forward(self, x):\n"
        "        return self.net(x)\n"
    )
    options = ["--data", "moons", "--validation", "100", "--samples", "300", "--epochs", "2", "--dropout", "0.2"]
    assert main(["train", "--model", "my_networks_of_mine:Tiny", *options]) == 0
    (folder,) = Path("runs").iterdir()
    assert folder.name.endswith("-Tiny")
    assert main(["evaluate", str(folder)]) == 0
    assert main(["summary", str(folder), "--shape", "2"]) == 0


def test_accumulated_gradients_and_averaged_weights(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Half as many steps; the averaged network is what is tested, saved and evaluated."""
    config = tmp_path / "a.toml"
    config.write_text(QUICK + "batch_size = 16\naccumulate = 2\nema = 0.5\nsave_steps = 1\n")
    assert main(["train", str(config), "--runs", str(tmp_path / "runs"), "--json"]) == 0
    first = json.loads(capsys.readouterr().out)
    assert main(["evaluate", first["run"], "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["test"] == first["test"]
    plain = ["--accumulate", "1", "--batch-size", "32", "--ema", "none", "--runs", str(tmp_path / "b"), "--json"]
    assert main(["train", str(config), *plain]) == 0
    assert json.loads(capsys.readouterr().out)["test"] != first["test"]


def test_augmentation(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = tmp_path / "a.toml"
    config.write_text(QUICK + "batch_size = 16\n")
    options = ["--rotate", "15", "--translate", "0.15", "--zoom", "0.15", "--elastic", "34"]
    losses = []
    for more in ([], options, options):
        assert main(["train", str(config), *more, "--runs", str(tmp_path / "runs"), "--json"]) == 0
        losses.append(json.loads(capsys.readouterr().out)["test"]["loss"])
    assert losses[1] == losses[2] != losses[0]


def test_augmented_images_are_made_ahead_where_a_core_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    data = load(resolve({"data": "digits", "samples": 64, "validation": 16}))
    rotated, plain = (resolve({"data": "digits", "validation": 16, "rotate": degrees}) for degrees in (5.0, 0.0))
    for cores, ahead in ((fs.get_num_threads(), 0), (fs.get_num_threads() + 1, 1)):
        monkeypatch.setattr("fastscratch.train.session.usable_cores", lambda cores=cores: cores)
        assert Session(rotated, data).loader.num_workers == ahead
        assert Session(plain, data).loader.num_workers == 0
