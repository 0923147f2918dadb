"""scikit-learn's own checks of an estimator, on every one of ours, and its tools on them."""

import warnings

import numpy as np
import pytest

pytest.importorskip("sklearn", minversion="1.9")

from sklearn.base import clone
from sklearn.exceptions import DataConversionWarning as TheirDataConversionWarning
from sklearn.exceptions import NotFittedError as TheirNotFittedError
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.utils.estimator_checks import parametrize_with_checks

from fastscratch.cluster import KMeans
from fastscratch.exceptions import DataConversionWarning, NotFittedError
from fastscratch.linear_model import LinearRegression, Ridge
from fastscratch.neural_network import MLPClassifier, MLPRegressor
from fastscratch.preprocessing import MinMaxScaler, OneHotEncoder, StandardScaler
from fastscratch.validation import check_labels

ESTIMATORS = [
    LinearRegression(),
    LinearRegression(solver="lstsq"),
    Ridge(),
    Ridge(solver="svd"),
    StandardScaler(),
    MinMaxScaler(),
    OneHotEncoder(),
    KMeans(n_clusters=3),
    KMeans(n_clusters=3, init="random", n_init=2),
    MLPClassifier(max_iter=100),
    MLPRegressor(max_iter=100),
]


with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # ours do not inherit from scikit-learn's class
    every_check = parametrize_with_checks(ESTIMATORS)


@pytest.mark.filterwarnings("ignore")
@every_check
def test_checks(estimator, check):
    check(estimator)


def test_a_search_through_a_pipeline_finds_the_penalty():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((30, 20))
    y = X[:, 0] + rng.standard_normal(30)
    search = GridSearchCV(make_pipeline(StandardScaler(), Ridge()), {"ridge__alpha": [1e-6, 10.0, 1e6]}, cv=3).fit(X, y)
    assert search.best_params_ == {"ridge__alpha": 10.0}
    assert search.best_score_ > search.cv_results_["mean_test_score"].min()


def test_clones_have_the_parameters_and_nothing_that_was_learnt():
    model = Ridge(alpha=3.0).fit([[0.0], [1.0]], [0.0, 1.0])
    copy = clone(model)
    assert copy.alpha == 3.0
    assert not hasattr(copy, "coef_")


def test_errors_and_warnings_are_both_libraries_own():
    for kind in (NotFittedError, TheirNotFittedError):
        with pytest.raises(kind, match="Ridge instance is not fitted yet"):
            Ridge().predict([[1.0]])
    for kind in (DataConversionWarning, TheirDataConversionWarning):
        with pytest.warns(kind, match="column-vector"):
            check_labels(Ridge(), [[0], [1]], 2)
