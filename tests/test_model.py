"""fs.train.Model: the Trainer in three verbs, the same to the bit, with arrays in and out and clear errors."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import fastscratch as fs
from fastscratch import nn
from fastscratch.data import DataLoader, TensorDataset, make_moons
from fastscratch.metrics import accuracy
from fastscratch.nn import functional as F
from fastscratch.train import Callback, EarlyStopping, History, Model, ModelCheckpoint, NonFiniteLossError, Trainer

X, Y = make_moons(300, noise=0.1, random_state=0)
XV, YV = make_moons(100, noise=0.1, random_state=1)


@pytest.fixture(autouse=True)
def _seeded() -> None:
    fs.manual_seed(0)


def classifier(**options: Any) -> Model:
    model = Model(nn.Linear(2, 16), nn.ReLU(), nn.Linear(16, 2))
    model.compile(**{"optimizer": "adam", "loss": "cross_entropy", "metrics": ["accuracy"], "lr": 0.01, **options})
    return model


def regressor(outputs: int = 1, **options: Any) -> Model:
    model = Model(nn.Linear(3, outputs))
    model.compile(**{"optimizer": "sgd", "loss": "mse", "lr": 0.02, **options})
    return model


def test_classification() -> None:
    model = classifier()
    history = model.fit(X, Y, epochs=25, validation_data=(XV, YV), verbose=False)
    assert isinstance(history, History) and len(history) == 25
    assert history["val_accuracy"][-1] > 0.97 and history["loss"][-1] < 0.1 < history["loss"][0]
    scores = model.predict(XV)
    assert type(scores) is np.ndarray and scores.shape == (100, 2) and scores.dtype == np.float32
    measured = model.evaluate(XV, YV)
    assert measured["accuracy"] == pytest.approx((scores.argmax(1) == YV).mean())
    assert measured == pytest.approx(
        {"loss": history["val_loss"][-1], "accuracy": history["val_accuracy"][-1]}, rel=1e-5
    )


@pytest.mark.parametrize("target", ["vector", "column"])
def test_regression(target: str) -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(200, 3))
    y = x @ [1.0, -2.0, 0.5] + 3
    model = regressor(metrics=["mae", "mse"])
    history = model.fit(x, y if target == "vector" else y[:, None], epochs=30, verbose=False)
    assert history["loss"][-1] < 1e-6 and history["mse"][-1] == pytest.approx(history["loss"][-1], rel=1e-3)
    np.testing.assert_allclose(model.predict(x)[:, 0], y, atol=1e-2)


@pytest.mark.parametrize(("loss", "last"), [("bce", [nn.Sigmoid()]), ("bce_with_logits", [])])
def test_yes_or_no(loss: str, last: list[nn.Module]) -> None:
    model = Model(nn.Linear(2, 16), nn.Tanh(), nn.Linear(16, 1), *last)
    model.compile("adam", loss, "accuracy", lr=0.02)
    history = model.fit(X, Y, epochs=40, verbose=False)
    threshold = 0.5 if last else 0.0
    right = ((model.predict(XV)[:, 0] > threshold) == YV).mean()
    assert right > 0.95 and history["accuracy"][-1] > 0.95
    assert model.evaluate(XV, YV)["accuracy"] == pytest.approx(right)


def test_it_is_the_trainer_to_the_bit() -> None:
    model = classifier(optimizer="sgd", lr=0.05)
    history = model.fit(X, Y, epochs=3, batch_size=16, validation_data=(XV, YV), verbose=False)
    fs.manual_seed(0)
    net = nn.Sequential(nn.Linear(2, 16), nn.ReLU(), nn.Linear(16, 2))
    optimizer = fs.optim.SGD(net.parameters(), lr=0.05, momentum=0.9)
    trainer = Trainer(net, optimizer, F.cross_entropy, metrics={"accuracy": accuracy})
    loader = DataLoader(TensorDataset(X.astype(np.float32), Y), batch_size=16, shuffle=True)
    other = trainer.fit(loader, DataLoader(TensorDataset(XV.astype(np.float32), YV), batch_size=16), 3)
    for name in ("epoch", "loss", "accuracy", "val_loss", "val_accuracy", "lr"):
        assert history[name] == other[name]
    for a, b in zip(model.module.parameters(), net.parameters(), strict=True):
        np.testing.assert_array_equal(a.array, b.array)


def test_fitting_twice_goes_on() -> None:
    history = classifier().fit(X, Y, epochs=4, verbose=False)
    fs.manual_seed(0)
    twice = classifier()
    twice.fit(X, Y, epochs=1, verbose=False)
    assert twice.fit(X, Y, epochs=3, verbose=False)["loss"] == history["loss"]


def test_compiling_again_keeps_what_was_learned() -> None:
    model = classifier()
    model.fit(X, Y, epochs=5, verbose=False)
    before = model.predict(XV)
    model.compile("sgd", "cross_entropy", lr=0.0)
    assert len(model.fit(X, Y, verbose=False)) == 1
    np.testing.assert_array_equal(model.predict(XV), before)


def test_verbose_writes_a_line_per_epoch(capsys: pytest.CaptureFixture[str]) -> None:
    model = classifier()
    model.fit(X, Y, epochs=2, validation_data=(XV, YV))
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 2 and lines[1].startswith("epoch 2/2  loss ") and "val_accuracy" in lines[1]
    model.fit(X, Y, verbose=False)
    assert capsys.readouterr() == ("", "")


def test_callbacks(tmp_path: Any) -> None:
    seen: list[float] = []

    class Watch(Callback):
        def on_epoch_end(self, trainer: Trainer, logs: dict[str, float]) -> None:
            seen.append(logs["val_loss"])

    stop = EarlyStopping("loss", patience=1, min_delta=100.0)
    checkpoints = ModelCheckpoint(tmp_path)
    model = classifier()
    model.fit(X, Y, 10, validation_data=(XV, YV), callbacks=[checkpoints, stop, Watch()], verbose=False)
    assert len(seen) == 2 and stop.reason
    assert model.trainer is not None and model.trainer.callbacks[-1] is checkpoints  # it saves the state of the others
    assert checkpoints.best_path.exists()


@pytest.mark.parametrize(
    "optimizer",
    [
        lambda model: fs.optim.Adam(model.module.parameters(), lr=0.01),
        lambda model: fs.optim.Adam,
        lambda model: lambda p: fs.optim.SGD(p, lr=0.1, momentum=0.9),
    ],
    ids=["object", "class", "maker"],
)
def test_optimizers_as_objects(optimizer: Callable[[Model], Any]) -> None:
    model = Model(nn.Linear(2, 16), nn.ReLU(), nn.Linear(16, 2))
    model.compile(optimizer(model), F.cross_entropy, {"right": accuracy})
    history = model.fit(X, Y, 3, verbose=False)
    assert history["loss"][-1] < history["loss"][0] and "right" in history.columns


def test_losses_and_metrics_as_objects() -> None:
    def largest(output: Any, target: Any) -> float:
        return float(output.array.max())

    model = classifier(loss=nn.CrossEntropyLoss(label_smoothing=0.1), metrics=[largest, "accuracy"])
    assert model.fit(X, Y, verbose=False).columns[1:4] == ["loss", "largest", "accuracy"]
    assert classifier(metrics=accuracy).fit(X, Y, verbose=False).columns[2] == "accuracy"


@pytest.mark.parametrize("name", ["mse", "mae", "huber", "smooth_l1", "bce", "bce_with_logits", "kl_div"])
def test_losses_of_values_by_name(name: str) -> None:
    model = Model(nn.Linear(3, 2), nn.Sigmoid())
    model.compile("adam", name)
    x = np.random.default_rng(0).random((40, 3))
    history = model.fit(x, np.round(x[:, :2]), 3, verbose=False)
    assert np.isfinite(history["loss"]).all() and history["loss"][-1] < history["loss"][0]


def test_nll_and_one_hot_targets() -> None:
    model = Model(nn.Linear(2, 2), nn.LogSoftmax(1))
    model.compile("adam", "nll")
    assert model.fit(X, Y, verbose=False)["loss"][0] > 0
    one_hot = np.eye(2)[Y]
    model = classifier()
    assert model.evaluate(X, one_hot) == pytest.approx(model.evaluate(X, Y), rel=1e-5)


def test_dtypes() -> None:
    model = Model(nn.Linear(2, 2, dtype=fs.float64))
    model.compile("adam", "cross_entropy")
    model.fit(X.astype(np.float32), Y.astype(np.uint8), verbose=False)
    assert model.predict(X).dtype == np.float64
    pixels = np.random.default_rng(0).integers(0, 256, (10, 2), dtype=np.uint8)
    np.testing.assert_array_equal(model.predict(pixels), model.predict(pixels.astype(float)))
    assert model.predict([[1, 2], [3, 4]]).shape == model.predict(fs.tensor([[1.0, 2.0], [3.0, 4.0]])).shape


def test_an_embedding_takes_integers() -> None:
    words = np.random.default_rng(0).integers(0, 7, (50, 4))
    model = Model(nn.Embedding(7, 3), nn.Flatten(), nn.Linear(12, 2))
    model.compile("adam", "cross_entropy", "accuracy", lr=0.05)
    history = model.fit(words, (words[:, 0] > 3).astype(int), epochs=30, verbose=False)
    assert history["accuracy"][-1] == 1


def test_a_network_of_ones_own_and_dropout() -> None:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = nn.Linear(2, 2)
            self.dropout = nn.Dropout(0.5)

        def forward(self, x: Any) -> Any:
            return self.dropout(self.inner(x))

    model = Model(Net())
    model.compile("adam", "cross_entropy")
    model.fit(X, Y, verbose=False)
    np.testing.assert_array_equal(model.predict(X), model.predict(X))  # no dropout outside of training


def test_predicting_needs_no_training() -> None:
    model = Model(nn.Linear(2, 3))
    assert model.predict(X, batch_size=7).shape == (300, 3)
    assert repr(model).endswith("; not compiled)")
    model.compile("sgd", "cross_entropy")
    model.fit(X, Y, epochs=2, verbose=False)
    assert repr(model).endswith("; 2 epochs trained)")


def test_shuffle_false_keeps_the_order() -> None:
    met: list[Any] = []

    def loss(output: Any, target: Any) -> Any:
        met.append(target.array.tolist())
        return F.mse_loss(output[:, 0], target)

    model = Model(nn.Linear(1, 1))
    model.compile("sgd", loss, lr=0.0)
    model.fit(np.zeros((5, 1)), np.arange(5.0), batch_size=2, shuffle=False, verbose=False)
    assert met == [[0, 1], [2, 3], [4]]


def compiled_without_layers() -> None:
    Model().compile()


def of_another() -> Any:
    return fs.optim.Adam(nn.Linear(2, 2).parameters())


WRONG: list[tuple[Callable[[], Any], type[Exception], str]] = [
    (lambda: classifier(optimizer="adm"), ValueError, "unknown optimizer 'adm': did you mean 'adam'"),
    (lambda: classifier(loss="crossentropy"), ValueError, "unknown loss 'crossentropy': did you mean 'cross_entropy'"),
    (lambda: classifier(metrics=["acuracy"]), ValueError, "unknown metric 'acuracy': did you mean 'accuracy'"),
    (lambda: classifier(optimizer=3, lr=None), TypeError, "optimizer must be a name, an Optimizer, or what makes one"),
    (lambda: classifier(optimizer=lambda p: 3, lr=None), TypeError, "optimizer must be a name, an Optimizer, or what"),
    (lambda: classifier(loss=3), TypeError, r"loss must be a name or loss\(output, target\), got 3"),
    (lambda: classifier(loss=nn.MSELoss), TypeError, r"loss must be a name or loss\(output, target\), got <class"),
    (lambda: classifier(metrics=[3]), TypeError, r"a metric must be a name or metric\(output, target\), got 3"),
    (lambda: classifier(optimizer=fs.optim.Adam), ValueError, "lr goes with an optimizer by name"),
    (lambda: classifier(optimizer=of_another(), lr=None), ValueError, "has none of the model's parameters"),
    (compiled_without_layers, ValueError, "the model has no parameters to train; add layers first"),
    (lambda: Model().add(3), TypeError, "a layer must be a fastscratch.nn.Module, got 3"),  # type: ignore[arg-type]
    (lambda: Model(nn.Linear), TypeError, "a layer must be a fastscratch.nn.Module, got <class"),  # type: ignore[arg-type]
    (lambda: classifier().add(nn.ReLU()), RuntimeError, "the model is compiled; add all layers before compile"),
    (lambda: Model(nn.Linear(2, 2)).fit(X, Y), RuntimeError, "fit: compile the model first"),
    (lambda: Model(nn.Linear(2, 2)).evaluate(X, Y), RuntimeError, "evaluate: compile the model first"),
    (lambda: classifier().fit(X, Y[:-1]), ValueError, "X has 300 samples and y has 299"),
    (
        lambda: classifier().fit(X, Y, validation_data=(XV, YV[:5])),
        ValueError,
        r"validation_data\[0\] has 100 samples and validation_data\[1\] has 5",
    ),
    (lambda: classifier().fit(X, Y, validation_data=X), ValueError, r"must be a pair \(X, y\), got ndarray"),
    (lambda: classifier().fit(X[:0], Y[:0]), ValueError, r"X must have at least one row, got shape \(0, 2\)"),
    (lambda: classifier().predict(3.0), ValueError, r"X must have at least one row, got shape \(\)"),
    (lambda: classifier().predict([["a", "b"]]), TypeError, "X must be an array of numbers, got <U1"),
    (lambda: classifier().predict([[np.nan, 0]]), ValueError, "X contains NaN: numbers must be finite"),
    (lambda: regressor().fit(np.zeros((2, 3)), [np.inf, 0]), ValueError, "y contains infinity: numbers must be finite"),
    (lambda: classifier().fit(X, Y.astype(float)), TypeError, "y must be labels, integers from 0, for this loss, got"),
    (lambda: classifier().fit(X, Y + 1), IndexError, "label 2 is out of range for 2 classes"),
    (
        lambda: regressor(2).fit(np.zeros((4, 3)), np.zeros((4, 3)), verbose=False),
        ValueError,
        r"the model's output has shape \(4, 2\) and y has shape \(4, 3\)",
    ),
    (lambda: regressor(2).fit(np.zeros((4, 3)), np.zeros(4)), ValueError, r"shape \(4, 2\) and y has shape \(4,\)"),
    (lambda: classifier().fit(X, Y, epochs=0), ValueError, "epochs must be at least 1, got 0"),
    (lambda: classifier().fit(X, Y, batch_size=0), ValueError, "batch_size must be positive, got 0"),
    (
        lambda: regressor(lr=1e20).fit(np.ones((64, 3)), np.ones(64), verbose=False),
        NonFiniteLossError,
        "a smaller learning rate",
    ),
]


@pytest.mark.parametrize(("call", "error", "message"), WRONG, ids=[message for _, _, message in WRONG])
def test_bad_input_is_named(call: Callable[[], Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        call()
