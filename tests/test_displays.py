"""Displays: what is drawn is what the estimator said."""

import numpy as np
import pytest
from drawings import inside_and_apart

from fastscratch.data import make_spiral
from fastscratch.linear_model import Ridge
from fastscratch.model_selection import learning_curve
from fastscratch.neural_network import MLPClassifier
from fastscratch.viz import ConfusionMatrixDisplay, DecisionBoundaryDisplay, EmbeddingDisplay, LearningCurveDisplay

pytest.importorskip("matplotlib")
pytestmark = pytest.mark.filterwarnings("ignore:.*Maximum iterations")


class Quadrants:
    """Which quarter of the plane a point is in, by name."""

    classes_ = np.array(["lower left", "lower right", "upper left", "upper right"])

    def predict(self, X):
        return self.classes_[(X[:, 0] > 0) + 2 * (X[:, 1] > 0)]

    def predict_proba(self, X):
        return (self.predict(X)[:, None] == self.classes_).astype(float)


POINTS = np.random.default_rng(0).uniform(-1, 1, (60, 2))


def _pixels(display):
    display.figure_.canvas.draw()
    return np.asarray(display.figure_.canvas.buffer_rgba())[..., :3].astype(int)


@pytest.mark.parametrize("plot_method", ["contourf", "contour", "pcolormesh"])
def test_the_boundary_is_where_the_answer_changes(plot_method, tmp_path):
    display = DecisionBoundaryDisplay.from_estimator(
        Quadrants(), POINTS, Quadrants().predict(POINTS), plot_method=plot_method, grid_resolution=50
    )
    np.testing.assert_array_equal(display.response, (display.xx0 > 0) + 2 * (display.xx1 > 0))
    assert display.xx0.min() == POINTS[:, 0].min() - 0.5
    assert [t.get_text() for t in display.ax_.get_legend().get_texts()] == list(Quadrants.classes_)
    display.figure_.savefig(tmp_path / "a.png")
    assert (tmp_path / "a.png").stat().st_size > 5000


def test_regions_have_the_colours_of_their_classes():
    display = DecisionBoundaryDisplay.from_estimator(Quadrants(), POINTS, grid_resolution=50)
    pixels = _pixels(display)
    corners = [
        pixels[tuple(np.round(np.array([pixels.shape[0] - y, x])).astype(int))]
        for x, y in display.ax_.transData.transform([[-0.7, -0.7], [0.7, -0.7], [-0.7, 0.7], [0.7, 0.7]])
    ]
    assert len({tuple(colour) for colour in corners}) == 4


def test_probabilities_of_a_class_are_drawn_as_they_are():
    display = DecisionBoundaryDisplay.from_estimator(
        Quadrants(), POINTS, response_method="predict_proba", class_of_interest="upper right"
    )
    np.testing.assert_array_equal(display.response, (display.xx0 > 0) & (display.xx1 > 0))


def test_a_confusion_matrix_shows_its_counts_and_shares():
    display = ConfusionMatrixDisplay.from_predictions(list("aabbb"), list("abbbb"))
    assert [t.get_text() for t in display.ax_.texts] == ["1", "1", "0", "3"]
    assert [t.get_text() for t in display.ax_.get_xticklabels()] == ["a", "b"]
    shares = ConfusionMatrixDisplay.from_predictions(list("aabbb"), list("abbbb"), normalize="true")
    np.testing.assert_allclose(shares.confusion_matrix, [[0.5, 0.5], [0, 1]])
    for normalize, expected in (("pred", [[1, 0.25], [0, 0.75]]), ("all", [[0.2, 0.2], [0, 0.6]])):
        display = ConfusionMatrixDisplay.from_predictions(list("aabbb"), list("abbbb"), normalize=normalize)
        np.testing.assert_allclose(display.confusion_matrix, expected)
    of_model = ConfusionMatrixDisplay.from_estimator(Quadrants(), POINTS, Quadrants().predict(POINTS))
    assert np.trace(of_model.confusion_matrix) == 60


def test_an_embedding_has_a_point_for_each_sample_and_a_name_for_each_class():
    labels = np.repeat([3, 5], 30)
    display = EmbeddingDisplay(POINTS, labels=labels).plot()
    assert len(display.ax_.collections[0].get_offsets()) == 60
    assert [t.get_text() for t in display.ax_.texts] == ["3", "5"]
    np.testing.assert_allclose(display.ax_.texts[0].get_position(), np.median(POINTS[:30], axis=0))
    assert not EmbeddingDisplay(POINTS).plot().ax_.texts


def test_names_of_classes_on_top_of_each_other_are_moved_apart():
    points = np.random.default_rng(0).standard_normal((400, 2))
    display = EmbeddingDisplay(points, labels=[f"name {i}" for i in range(10)] * 40).plot()
    assert len(display.ax_.texts) == 10
    inside_and_apart(display.figure_)
    for labels in ([], ["only"], ["a", "b"]):
        inside_and_apart(EmbeddingDisplay(np.ones((len(labels), 2)), labels=labels).plot().figure_)


def test_a_learning_curve_counts_samples_and_leaves_its_fold_out():
    X = np.random.default_rng(0).standard_normal((50, 3))
    y = X @ [1.0, 2.0, 3.0] + 0.1
    seen = []

    class Watched(Ridge):
        def fit(self, X, y, sample_weight=None):
            seen.append({row.tobytes() for row in X})
            return super().fit(X, y, sample_weight)

        def score(self, X, y, sample_weight=None):
            overlap = len(seen[-1] & {row.tobytes() for row in X})
            assert overlap in (0, len(X))
            return super().score(X, y, sample_weight)

    sizes, train, test = learning_curve(Watched(1e-9), X, y, train_sizes=[5, 20, 40], random_state=0)
    assert sizes.tolist() == [5, 20, 40]
    assert [len(s) for s in seen[:3]] == [5, 20, 40]
    np.testing.assert_allclose(train, 1)
    np.testing.assert_allclose(test, 1)
    display = LearningCurveDisplay.from_estimator(Ridge(), X, y, random_state=0)
    np.testing.assert_allclose(display.lines_[1].get_ydata(), display.test_scores.mean(1))


def test_folds_of_a_classifier_keep_the_shares_of_its_classes():
    X, y = np.zeros((40, 2)), np.repeat([0, 1], [32, 8])
    shares = []

    class Count(Quadrants):
        def get_params(self, deep=True):
            return {}

        def fit(self, X, y):
            shares.append(np.mean(y))
            return self

    learning_curve(Count(), X, y, train_sizes=[1.0], cv=4, scoring=lambda *_: 0.0, random_state=0)
    assert shares == [0.2] * 4


def test_the_spiral_needs_a_hidden_layer():
    X, y = make_spiral(300, random_state=0)
    assert MLPClassifier((), max_iter=200, learning_rate_init=0.02, random_state=0).fit(X, y).score(X, y) < 0.7
    model = MLPClassifier((64, 64), max_iter=200, learning_rate_init=0.02, random_state=0).fit(X, y)
    assert model.score(X, y) > 0.97
    assert len(np.unique(DecisionBoundaryDisplay.from_estimator(model, X, y).response)) == 3


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: DecisionBoundaryDisplay.from_estimator(Quadrants(), np.ones((3, 3))), "two features"),
        (lambda: DecisionBoundaryDisplay.from_estimator(Quadrants(), POINTS, plot_method="dots"), "plot_method"),
        (lambda: DecisionBoundaryDisplay.from_estimator(Quadrants(), POINTS, response_method="ask"), "response_method"),
        (lambda: DecisionBoundaryDisplay.from_estimator(Quadrants(), POINTS, grid_resolution=1), "grid_resolution"),
        (
            lambda: DecisionBoundaryDisplay.from_estimator(Quadrants(), POINTS, response_method="predict_proba"),
            "class_of_interest",
        ),
        (lambda: ConfusionMatrixDisplay(np.ones((2, 3))), "square"),
        (lambda: ConfusionMatrixDisplay(np.ones((2, 2)), display_labels=["a"]), "2 classes"),
        (lambda: ConfusionMatrixDisplay.from_predictions([0], [0], normalize="rows"), "normalize"),
        (lambda: EmbeddingDisplay(np.ones((3, 1))), "two columns"),
        (lambda: EmbeddingDisplay(POINTS, labels=[1]), "as many labels"),
        (lambda: EmbeddingDisplay([[0.0, float("nan")]]), "finite points"),
        (lambda: DecisionBoundaryDisplay.from_estimator(Quadrants(), POINTS[:0]), "finite points, one at least"),
        (lambda: LearningCurveDisplay(train_sizes=[1], train_scores=[[1]], test_scores=[1]), "test_scores"),
        (lambda: learning_curve(Ridge(), POINTS, POINTS[:, 0], cv=1), "cv must be"),
        (lambda: learning_curve(Ridge(), POINTS, POINTS[:, 0], train_sizes=[60]), "train_sizes"),
    ],
)
def test_errors_name_what_is_wrong(call, message):
    with pytest.raises(ValueError, match=message):
        call()
