"""Scalers and the one-hot coder, by hand."""

import numpy as np
import pytest

from fastscratch.preprocessing import MinMaxScaler, OneHotEncoder, StandardScaler

X = np.random.default_rng(0).normal(5.0, [1.0, 100.0, 1e-3], (50, 3))


@pytest.mark.parametrize("scaler", [StandardScaler(), MinMaxScaler(), MinMaxScaler((-2, 5))], ids=str)
def test_the_way_back(scaler):
    np.testing.assert_allclose(scaler.inverse_transform(scaler.fit_transform(X)), X, rtol=1e-12)


def test_standard_scaler():
    y = StandardScaler().fit_transform(X)
    np.testing.assert_allclose(y.mean(0), 0, atol=1e-10)
    np.testing.assert_allclose(y.std(0), 1)
    np.testing.assert_allclose(StandardScaler(with_std=False).fit_transform(X), X - X.mean(0))
    np.testing.assert_allclose(StandardScaler(with_mean=False).fit_transform(X), X / X.std(0))


def test_a_weight_of_two_is_a_sample_twice():
    counts = np.arange(50) % 3
    weighted, repeated = (
        StandardScaler().fit(X, sample_weight=counts),
        StandardScaler().fit(np.repeat(X, counts, axis=0)),
    )
    np.testing.assert_allclose(weighted.mean_, repeated.mean_)
    np.testing.assert_allclose(weighted.scale_, repeated.scale_)


@pytest.mark.parametrize("value", [0.0, 0.1, 1e9])
def test_a_constant_feature_is_only_moved(value):
    constant = np.full((11, 1), value)
    np.testing.assert_allclose(StandardScaler().fit_transform(constant), 0, atol=1e-6)
    np.testing.assert_array_equal(MinMaxScaler((2, 3)).fit_transform(constant), 2)


def test_min_max_scaler():
    y = MinMaxScaler((-1, 3)).fit_transform(X)
    np.testing.assert_allclose(y.min(0), -1)
    np.testing.assert_allclose(y.max(0), 3)
    with pytest.raises(ValueError, match="from less to more"):
        MinMaxScaler((1, 1)).fit(X)


def test_one_hot_encoder():
    table = np.array([["b", "x"], ["a", "x"], ["b", "y"]])
    coder = OneHotEncoder(dtype=np.float32)
    np.testing.assert_array_equal(coder.fit_transform(table), [[0, 1, 1, 0], [1, 0, 1, 0], [0, 1, 0, 1]])
    assert coder.transform(table).dtype == np.float32
    assert coder.get_feature_names_out(["p", "q"]).tolist() == ["p_a", "p_b", "q_x", "q_y"]
    with pytest.raises(ValueError, match=r"unknown categories \['c'\] in column 0"):
        coder.transform([["c", "x"]])
    np.testing.assert_array_equal(
        OneHotEncoder(handle_unknown="ignore").fit(table).transform([["c", "x"]]), [[0, 0, 1, 0]]
    )
