"""Pictures of a training: what is drawn is what was given, and what was looked at stays as it was."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from drawings import inside_and_apart

import fastscratch as fs
from fastscratch import nn, viz
from fastscratch.train import History, LRRange

matplotlib = pytest.importorskip("matplotlib")

RNG = np.random.default_rng(0)


@pytest.fixture(autouse=True)
def nothing_global_changes():
    before = matplotlib.rcParams.copy()  # dict() of it would import pyplot
    yield
    assert matplotlib.rcParams.copy() == before
    pyplot = sys.modules.get("matplotlib.pyplot")
    assert pyplot is None or not pyplot.get_fignums()


def texts_of(figure):
    return [t.get_text() for ax in figure.axes for t in ax.texts]


def rows(count, offset=0.0):
    return [
        {
            "epoch": e,
            "loss": 1 / e + offset,
            "val_loss": 2 / e + offset,
            "accuracy": 1 - 0.5 / e,
            "lr": 0.1,
            "seconds": 1.0,
        }
        for e in range(1, count + 1)
    ]


# ---- curves ----


def test_a_history_has_a_line_for_each_run_and_part():
    figure = viz.plot_history({"first": rows(3), "_second$": rows(5, 0.1)})
    loss, accuracy = figure.axes
    assert [len(line.get_xdata()) for line in loss.lines] == [3, 3, 5, 5]
    np.testing.assert_allclose(loss.lines[3].get_ydata(), [2 / e + 0.1 for e in range(1, 6)])
    assert [line.get_linestyle() for line in loss.lines] == ["--", "-"] * 2
    assert len({line.get_marker() for line in loss.lines}) == 2  # not by colour alone
    assert len(accuracy.lines) == 2
    np.testing.assert_allclose(accuracy.lines[0].get_ydata(), [0.5, 0.75, 1 - 0.5 / 3])
    names = [t.get_text() for t in figure.legends[0].get_texts()]
    assert names == ["training", "validation", "first", r" _second\$"]
    inside_and_apart(figure)


def test_a_history_comes_from_wherever_it_is(tmp_path: Path):
    history = History()
    for row in rows(2):
        history.append(row)
    (tmp_path / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows(2)))
    for run in (history, rows(2), tmp_path, str(tmp_path / "metrics.jsonl")):
        np.testing.assert_allclose(viz.plot_history(run).axes[0].lines[1].get_ydata(), [2, 1])
    assert [ax.get_ylabel() for ax in viz.plot_history(history, columns=["lr"]).axes] == ["lr"]


def test_a_history_of_one_epoch_a_constant_or_a_run_without_any():
    figure = viz.plot_history({"begun": [], "one": rows(1), "nan": [{"epoch": 1, "loss": float("nan")}]})
    assert [t.get_text() for t in figure.legends[0].get_texts()][2:] == ["begun (no epochs)", "one", "nan"]
    inside_and_apart(figure)
    inside_and_apart(viz.plot_history([{"epoch": e, "loss": 0.0} for e in range(4)]))


# ---- predictions ----

SHARES = np.array([[0.1, 0.9, 0.0], [0.7, 0.2, 0.1], [0.3, 0.3, 0.4], [0.0, 0.0, 1.0], [0.995, 0.005, 0.0]])
TRUE = np.array([1, 1, 0, 2, 1])
IMAGES = RNG.random((5, 1, 6, 4))


def test_the_worst_errors_come_first():
    assert viz.worst_errors(TRUE, SHARES).tolist() == [4, 1, 2]
    assert viz.worst_errors(fs.tensor(TRUE), fs.tensor(SHARES), 2).tolist() == [4, 1]
    figure = viz.plot_errors(IMAGES, TRUE, SHARES, classes=["a", "b", "Ankle boot"], count=3)
    assert texts_of(figure) == [
        "true b, <1%\nsaid a, >99%",
        "true b, 20%\nsaid a, 70%",
        "true a, 30%\nsaid Ankle boot, 40%",
    ]
    for image, index in zip(figure.axes[0].images, [4, 1, 2], strict=True):
        np.testing.assert_array_equal(image.get_array(), IMAGES[index, 0])
        assert image.get_clim() == (0, 1)
        left, right, bottom, top = image.get_extent()
        assert (right - left) / (bottom - top) == pytest.approx(4 / 6)
    assert figure.texts[0].get_text() == "3 worst of 3 errors in 5"
    inside_and_apart(figure)


def test_no_errors_and_no_samples():
    for count in (2, 0):
        right = np.arange(count)
        figure = viz.plot_errors(np.zeros((count, 3, 3)), right, np.eye(count, 3))
        assert texts_of(figure) == ["every prediction is right"]
        assert figure.texts[0].get_text() == f"no errors in {count}"
        inside_and_apart(figure)
    assert texts_of(viz.plot_predictions(np.zeros((0, 3, 3)), right, np.eye(0, 3))) == ["nothing to show"]


def test_predictions_are_told_apart_without_colours():
    figure = viz.plot_predictions(fs.tensor(IMAGES), TRUE, SHARES, random_state=0)
    order = np.random.default_rng(0).permutation(5)
    said = SHARES.argmax(1)
    for at, text, image, frame in zip(
        order, texts_of(figure), figure.axes[0].images, figure.axes[0].patches, strict=True
    ):
        right = said[at] == TRUE[at]
        assert text.startswith(f"{'✓' if right else '✗'} {said[at]}, ")
        assert text.endswith(f"true {TRUE[at]}") != right
        assert frame.get_linestyle() == ("-" if right else "--")
        assert frame.get_edgecolor() == matplotlib.colors.to_rgba("#009e73" if right else "#d55e00")
        np.testing.assert_array_equal(image.get_array(), IMAGES[at, 0])
    assert figure.texts[0].get_text() == "2 of 5 right"
    inside_and_apart(figure)
    assert len(texts_of(viz.plot_predictions(IMAGES, TRUE, SHARES, count=1))) == 1


def test_images_in_colour_bytes_and_of_any_range():
    colour = RNG.random((2, 3, 5, 5))
    image = viz.plot_predictions(colour, TRUE[:2], SHARES[:2], random_state=1).axes[0].images[0]
    order = np.random.default_rng(1).permutation(2)
    np.testing.assert_allclose(image.get_array(), colour[order[0]].transpose(1, 2, 0))
    for images, limits in (
        (np.full((2, 5, 5), 7, np.uint8), (0, 255)),
        (np.stack([np.full((5, 5), -2.0), np.full((5, 5), 3.0)]), (-2, 3)),
        (np.zeros((2, 5, 5)), (0, 1)),
    ):
        assert viz.plot_predictions(images, TRUE[:2], SHARES[:2]).axes[0].images[0].get_clim() == limits


# ---- confusions ----


def test_confusions_are_counted_and_ordered():
    matrix = np.array([[90, 10, 0], [0, 50, 0], [3, 12, 85]])
    assert viz.most_confused(matrix) == [(2, 1, 12, 0.12), (0, 1, 10, 0.1), (2, 0, 3, 0.03)]
    figure = viz.plot_confusions(matrix, classes=["zero", "T-shirt/top", "$2"])
    left, right = figure.axes
    assert [bar.get_width() for bar in right.patches] == [12, 10, 3]
    assert [t.get_text() for t in right.get_yticklabels()] == [
        r"\$2 → T-shirt/top",
        "zero → T-shirt/top",
        r"\$2 → zero",
    ]
    assert [t.get_text() for t in right.texts] == ["12 (12.0%)", "10 (10.0%)", "3 (3.0%)"]
    assert [t.get_text() for t in left.texts] == [str(n) for n in matrix.ravel()]
    assert left.get_title() == "225 of 250 right, 90.00%"
    inside_and_apart(figure)


@pytest.mark.parametrize("matrix", [np.zeros((3, 3), int), np.array([[4]]), np.diag([3, 0, 5])])
def test_no_confusions(matrix):
    figure = viz.plot_confusions(matrix)
    assert figure.axes[1].texts[0].get_text() == "no confusions"
    inside_and_apart(figure)


# ---- weights ----


def small_cnn():
    return nn.Sequential(nn.Conv2d(1, 3, 3), nn.ReLU(inplace=True), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(27, 4))


def test_weights_are_drawn_unit_by_unit():
    model = nn.Sequential(nn.Flatten(), nn.Linear(16, 5), nn.ReLU(), nn.Linear(5, 2))
    weight = model[1].weight.detach().numpy()
    figure = viz.plot_weights(model, count=3)
    largest = np.abs(weight[:3]).max()
    for i, image in enumerate(figure.axes[0].images):
        np.testing.assert_array_equal(image.get_array(), weight[i].reshape(4, 4))
        assert image.get_clim() == (-largest, largest)
    assert figure.texts[0].get_text() == "layer 1: 3 of 5 units of 4 x 4"
    inside_and_apart(figure)
    wide = viz.plot_weights(model, layer="3", image_shape=(1, 5))
    np.testing.assert_array_equal(wide.axes[0].images[1].get_array(), model[3].weight.detach().numpy()[1:])
    model[1].weight.data.fill_(0)
    assert viz.plot_weights(model).axes[0].images[0].get_clim() == (-1, 1)
    assert len(viz.plot_weights(nn.Linear(1, 1)).axes[0].images) == 1


def test_filters_are_drawn_channel_by_channel():
    model = nn.Sequential(nn.Flatten(2), nn.Conv1d(1, 2, 3), nn.Conv1d(2, 3, 5))
    first = viz.plot_filters(model)
    for i, image in enumerate(first.axes[0].images):
        np.testing.assert_array_equal(image.get_array(), model[1].weight.detach().numpy()[i])
    second = viz.plot_filters(model, layer="2", count=2)
    for i, image in enumerate(second.axes[0].images):
        np.testing.assert_array_equal(image.get_array()[0], model[2].weight.detach().numpy()[i // 2, i % 2])
    assert second.texts[0].get_text() == "layer 2: 2 of 3 filters of 1 x 5, 2 channels"
    assert texts_of(second)[:3] == ["0, channel 0", "0, channel 1", "1, channel 0"]
    for figure in (first, second, viz.plot_filters(small_cnn())):
        inside_and_apart(figure)


# ---- feature maps ----


def test_feature_maps_are_what_the_layers_give():
    model = small_cnn()
    image = RNG.random((1, 1, 8, 8)).astype(np.float32)
    seen = viz.activations(model, image)
    x = fs.tensor(image)
    for array, layer in zip(seen.values(), model, strict=True):
        x = layer(x.clone()).detach()
        np.testing.assert_array_equal(array, x.numpy())
    assert (seen["0"] < 0).any()  # not what the ReLU behind it, which works in place, left
    figure = viz.plot_feature_maps(model, image, count=2)
    drawn = [im.get_array() for im in figure.axes[0].images]
    assert len(drawn) == 1 + 3 * 2 + 2
    np.testing.assert_array_equal(drawn[0], image[0, 0])
    np.testing.assert_array_equal(drawn[2], seen["0"][0, 1])
    np.testing.assert_array_equal(drawn[-1], seen["4"])
    assert figure.axes[0].images[1].get_clim() == (seen["0"][0, :2].min(), seen["0"][0, :2].max())
    assert [t.splitlines()[0] for t in texts_of(figure)] == [
        "input", "0: Conv2d", "1: ReLU", "2: MaxPool2d", "3: Flatten, 27", "4: Linear, 4", "0", "1", "2", "3",
    ]  # fmt: skip
    inside_and_apart(figure)


class Twice(nn.Module):
    """Calls one activation twice, gives None to nobody, and fails on demand."""

    def __init__(self):
        super().__init__()
        self.norm = nn.BatchNorm1d(3)
        self.drop = nn.Dropout(0.5)
        self.act = nn.Tanh()
        self.fail = False

    def forward(self, x):
        x = self.act(self.drop(self.norm(x)))
        if self.fail:
            raise RuntimeError("on demand")
        return self.act(x)


def test_looking_changes_nothing():
    model = Twice()
    model.drop.eval()
    calls = []
    model.act.register_forward_hook(lambda *_: calls.append(1))
    fs.manual_seed(3)
    before = {name: value.numpy().copy() for name, value in model.state_dict().items()}
    random = fs.get_rng_state().numpy()
    x = RNG.random((1, 3))
    assert list(viz.activations(model, x)) == ["norm", "drop", "act", "act (2)"]
    np.testing.assert_array_equal(viz.activations(model, x)["drop"], viz.activations(model, x)["norm"])
    assert list(viz.activations(model, x, ["act"])) == ["act", "act (2)"]
    assert list(viz.activations(nn.Tanh(), x)) == ["Tanh"]
    model.fail = True
    with pytest.raises(RuntimeError, match="on demand"):
        viz.plot_feature_maps(model, x)
    with pytest.raises(ValueError, match="unknown layer 'tanh'"):
        viz.activations(model, x, ["norm", "tanh"])
    assert [m.training for m in (model, model.norm, model.drop, model.act)] == [True, True, False, True]
    assert not any(m._hooks for m in (model, model.norm, model.drop))
    assert len(model.act._hooks.forward) == 1
    for name, value in model.state_dict().items():
        np.testing.assert_array_equal(value.numpy(), before[name])
    np.testing.assert_array_equal(fs.get_rng_state().numpy(), random)


def test_feature_maps_of_what_is_empty_or_not_finite():
    model = nn.Sequential(nn.Linear(2, 1), nn.Flatten(0))
    model[0].weight.data.fill_(float("nan"))
    inside_and_apart(viz.plot_feature_maps(model, np.zeros((1, 2))))
    inside_and_apart(viz.plot_feature_maps(nn.Sequential(), np.zeros((1, 1, 3, 3))))
    assert len(viz.plot_feature_maps(model, np.zeros((1, 2)), layers=[]).axes[0].images) == 1


# ---- gradients and rates ----


def test_gradient_norms_have_a_line_for_each_layer():
    figure = viz.plot_gradient_norms({"0": [1.0, 0.5, 0.0], "dead": [0.0] * 3, "2": [2.0, float("inf"), 1e-9]})
    lines = figure.axes[0].lines
    np.testing.assert_array_equal(lines[0].get_ydata(), [1.0, 0.5, np.nan])
    np.testing.assert_array_equal(lines[2].get_ydata(), [2.0, np.nan, 1e-9])
    np.testing.assert_array_equal(lines[0].get_xdata(), [1, 2, 3])
    assert [line.get_label() for line in lines] == ["0", "dead (all zero)", "2"]
    assert figure.axes[0].get_yscale() == "log"
    inside_and_apart(figure)
    for norms in ({"a": []}, {"a": [0.0]}, {"a": [0.3]}, {str(i): [0.5, 0.5] for i in range(50)}):
        inside_and_apart(viz.plot_gradient_norms(norms))
    shown = viz.plot_gradient_norms({"a": [1.0, 2.0]}, epochs=[3, 4], ax=figure.axes[0])
    assert shown is figure
    np.testing.assert_array_equal(lines[-1].get_xdata(), [3, 4])


def test_gradient_norms_of_a_run_are_joined_by_layer(tmp_path: Path):
    rows = [{"epoch": 3, "0.weight": 3.0, "0.bias": 4.0}, {"epoch": 4, "0.weight": 6.0, "0.bias": 8.0, "scale": 2.0}]
    (tmp_path / "gradients.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    for given in (rows, tmp_path, tmp_path / "gradients.jsonl"):
        first, second = viz.plot_gradient_norms(given).axes[0].lines
        np.testing.assert_array_equal(first.get_xydata(), [[3, 5], [4, 10]])
        np.testing.assert_array_equal(second.get_ydata(), [np.nan, 2])
        assert [first.get_label(), second.get_label()] == ["0", "scale"]


def test_a_range_test_is_drawn_as_it_went():
    found = LRRange([0.1, 1.0, 10.0], [3.0, 2.0, 5.0], [2.9, 2.1, 4.0], 1.0)
    ax = viz.plot_lr_range(found).axes[0]
    np.testing.assert_array_equal(ax.lines[0].get_ydata(), found.losses)
    np.testing.assert_array_equal(ax.lines[1].get_ydata(), found.smoothed)
    np.testing.assert_array_equal(ax.lines[2].get_xydata(), [[1.0, 2.1]])
    assert ax.get_xscale() == "log"
    inside_and_apart(ax.figure)
    flat = viz.plot_lr_range(LRRange([0.1], [2.0], [2.0], None))
    assert flat.axes[0].get_legend().get_texts()[-1].get_text() == "no suggestion: it never falls"
    inside_and_apart(flat)


# ---- all of them ----


def test_pyplot_is_not_touched_where_it_is_loaded(monkeypatch):
    class Untouchable:
        def __getattr__(self, name):
            raise AssertionError(f"pyplot.{name} was asked for")

    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", Untouchable())
    viz.plot_history(rows(2))
    viz.plot_gradient_norms({"a": [1.0]})
    viz.plot_lr_range(LRRange([0.1], [2.0], [2.0], None))
    viz.plot_confusions([[3, 1], [0, 2]])
    viz.plot_feature_maps(small_cnn(), np.zeros((1, 1, 8, 8)))
    viz.plot_filters(small_cnn())
    viz.plot_predictions(IMAGES, TRUE, SHARES)
    monkeypatch.undo()


CNN = small_cnn()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: viz.plot_history({}), "no epochs"),
        (lambda: viz.plot_history([]), "no epochs"),
        (lambda: viz.plot_history(rows(2), columns=["lost"]), "'lost'; there are: epoch, loss"),
        (lambda: viz.plot_history([{"epoch": 1}]), "no column to draw"),
        (lambda: viz.plot_history([1, 2]), "rows with an 'epoch'"),
        (lambda: viz.plot_history(3), "got int"),
        (lambda: viz.plot_errors(IMAGES[:2], TRUE, SHARES), "5 labels need as many images, got 2"),
        (lambda: viz.plot_errors(IMAGES[0, 0], TRUE, SHARES), r"images must have shape .* got \(6, 4\)"),
        (lambda: viz.plot_errors(IMAGES[:, :, :0], TRUE, SHARES), "must have pixels"),
        (lambda: viz.plot_errors(IMAGES, TRUE, 2 * SHARES), "softmax of logits"),
        (lambda: viz.plot_errors(IMAGES, TRUE, SHARES[:, 0]), r"probabilities must have shape \(5, classes\)"),
        (lambda: viz.plot_errors(IMAGES, TRUE + 1, SHARES), r"y_true must be in 0 \.\.\. 2, got 1 \.\.\. 3"),
        (lambda: viz.plot_errors(IMAGES, TRUE / 1, SHARES), "y_true must be class numbers"),
        (lambda: viz.plot_predictions(IMAGES, TRUE, SHARES, count=0), "count must be at least 1"),
        (lambda: viz.plot_predictions(IMAGES, TRUE, SHARES, classes=["a"]), "3 columns .* got 1"),
        (lambda: viz.plot_confusions(np.ones((2, 2))), "counts is wanted"),
        (lambda: viz.plot_confusions(np.ones((2, 3), int)), "square"),
        (lambda: viz.plot_confusions(np.ones((2, 2), int), classes=["a"]), "2 classes"),
        (lambda: viz.plot_confusions(np.zeros((0, 0), int)), "a class at least"),
        (lambda: viz.most_confused([[1]], 0), "count must be"),
        (lambda: viz.plot_weights(CNN), "layer '0' is a Conv2d, and no Linear"),
        (lambda: viz.plot_weights(CNN, layer="4"), r"27 inputs, .* give image_shape=\(H, W\)"),
        (lambda: viz.plot_weights(CNN, layer="4", image_shape=(2, 3)), r"got image_shape=\(2, 3\)"),
        (lambda: viz.plot_weights(nn.ReLU()), "ReLU has no Linear layer"),
        (lambda: viz.plot_weights(CNN, layer="44"), "unknown layer '44': did you mean '4'"),
        (lambda: viz.plot_weights("cnn"), "expected a Module, got str"),
        (lambda: viz.plot_filters(CNN, channels=0), "channels must be"),
        (lambda: viz.plot_filters(nn.Linear(1, 1)), "no convolution layer"),
        (lambda: viz.plot_feature_maps(CNN, np.zeros((8, 8))), "a batch of one"),
        (lambda: viz.plot_feature_maps(3, np.zeros((1, 8))), "expected a Module, got int"),
        (lambda: viz.plot_gradient_norms({}), "no layers"),
        (lambda: viz.plot_gradient_norms({"a": [1.0], "b": [1.0, 2.0]}), "'b' needs 1 norms"),
        (lambda: viz.plot_gradient_norms({"a": [-1.0]}), "not negative, layer 'a'"),
        (lambda: viz.plot_lr_range([1.0]), "expected what find_lr returned, got list"),
    ],
)
def test_errors_name_what_is_wrong(call, message):
    with pytest.raises((ValueError, TypeError), match=message):
        call()


def test_a_file_that_is_no_history_is_named(tmp_path: Path):
    (tmp_path / "metrics.jsonl").write_text('{"epoch": 1, "loss": 2}\n{"epo\n')
    with pytest.raises(ValueError, match=r"metrics\.jsonl is not JSON Lines"):
        viz.plot_history(tmp_path)
    with pytest.raises(FileNotFoundError):
        viz.plot_history(tmp_path / "none")


def test_the_example_draws_every_picture(tmp_path: Path):
    script = Path(__file__).parents[1] / "examples" / "pictures.py"
    if not script.is_file():
        pytest.skip("the examples are not part of a wheel")
    command = [sys.executable, "-W", "error", str(script), "--output", str(tmp_path), "--data", "digits"]
    # On the default backend: "check" would compare every kernel of a training again.
    environment = {name: value for name, value in os.environ.items() if name != "FASTSCRATCH_BACKEND"}
    done = subprocess.run(
        [*command, "--samples", "120", "--epochs", "1"],
        capture_output=True, text=True, timeout=280, check=False, env=environment,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert len(list(tmp_path.glob("*.png"))) == 12
