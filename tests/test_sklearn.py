"""scikit-learn's own checks of an estimator, on every one of ours, and its tools on them."""

import os
import warnings

import numpy as np
import pytest

os.environ.setdefault("SCIPY_ARRAY_API", "1")  # read when SciPy is imported: without it a check is skipped
pytest.importorskip("sklearn", minversion="1.9")

from sklearn.base import clone
from sklearn.datasets import load_diabetes
from sklearn.exceptions import DataConversionWarning as TheirDataConversionWarning
from sklearn.exceptions import NotFittedError as TheirNotFittedError
from sklearn.kernel_ridge import KernelRidge as TheirKernelRidge
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.utils.estimator_checks import parametrize_with_checks

from fastscratch.cluster import KMeans
from fastscratch.decomposition import PCA
from fastscratch.exceptions import DataConversionWarning, NotFittedError
from fastscratch.kernel_ridge import KernelRidge, KernelRidgeClassifier
from fastscratch.linear_model import LinearRegression, LogisticRegression, Ridge
from fastscratch.manifold import TSNE
from fastscratch.neural_network import MLPClassifier, MLPRegressor
from fastscratch.preprocessing import MinMaxScaler, OneHotEncoder, StandardScaler
from fastscratch.validation import check_labels

ESTIMATORS = [
    LinearRegression(),
    LinearRegression(solver="lstsq"),
    Ridge(),
    Ridge(solver="svd"),
    LogisticRegression(),
    LogisticRegression(solver="newton-cholesky", C=10.0),
    PCA(),
    PCA(svd_solver="covariance_eigh"),
    PCA(2, svd_solver="randomized", whiten=True, random_state=0),
    StandardScaler(),
    MinMaxScaler(),
    OneHotEncoder(),
    KMeans(n_clusters=3),
    KMeans(n_clusters=3, init="random", n_init=2),
    TSNE(perplexity=2, max_iter=250),
    TSNE(perplexity=2, max_iter=250, method="exact"),
    MLPClassifier(max_iter=100),
    MLPClassifier(max_iter=100, solver="lbfgs"),
    MLPRegressor(max_iter=100),
    KernelRidge(),
    KernelRidge(kernel="poly", precision="mixed", leave_one_out=True),
    KernelRidge(kernel="rbf", solver="cg"),
    KernelRidge(kernel="rbf", solver="nystrom"),
    KernelRidge(kernel="precomputed"),
    KernelRidgeClassifier(),
    KernelRidgeClassifier(kernel="rbf", leave_one_out=True),
    KernelRidgeClassifier(kernel="rbf", solver="cg"),
    KernelRidgeClassifier(kernel="rbf", solver="nystrom"),
    KernelRidgeClassifier(kernel="precomputed"),
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


@pytest.mark.parametrize("kernel", ["linear", "rbf", "poly"])
def test_kernel_ridge_is_theirs(kernel):
    X, y = load_diabetes(return_X_y=True)
    X, options = X / X.std(), {"kernel": kernel, "alpha": [0.5, 2.0], "gamma": 0.1, "degree": 2}
    targets, weight = np.stack([y, y**0.5], axis=1), np.random.default_rng(0).uniform(0.5, 2, len(y))
    theirs = TheirKernelRidge(**options).fit(X, targets, weight)
    for more in ({"precision": "float64"}, {"precision": "mixed"}, {"solver": "cg", "tol": 1e-12}):
        ours = KernelRidge(**options, **more).fit(X, targets, weight)
        np.testing.assert_allclose(
            ours.dual_coef_, theirs.dual_coef_, rtol=1e-6, atol=1e-6 * np.abs(theirs.dual_coef_).max()
        )
        np.testing.assert_allclose(ours.predict(X), theirs.predict(X), rtol=1e-8)


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
