"""Dropout by value: the published vectors of its generator, the same bits everywhere, frequencies, errors."""

import itertools

import numpy as np
import pytest
from conftest import needs_extension

import fastscratch as fs
from fastscratch.backend._numpy import dropout_backward, dropout_forward
from fastscratch.backend._numpy.dropout import philox4x32, random_words
from fastscratch.ops.dropout import dropout, dropout1d, dropout2d

# Known answers published with the Random123 library: counter, key, words.
VECTORS = [
    ((0, 0, 0, 0), (0, 0), (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
    ((0xFFFFFFFF,) * 4, (0xFFFFFFFF,) * 2, (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)),
    ((0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344), (0xA4093822, 0x299F31D0),
     (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1)),
]  # fmt: skip


@pytest.mark.parametrize(("counter", "key", "words"), VECTORS)
def test_philox_known_answers(counter: tuple, key: tuple, words: tuple) -> None:
    assert tuple(int(word) for word in philox4x32(counter, key)) == words


def test_element_is_kept_if_its_word_reaches_p() -> None:
    """The words can be read off the kernel: word w is kept at p = w / 2^32 and dropped one step above."""
    for i, word in enumerate(VECTORS[0][2]):
        assert fs.backend.dropout_forward(np.ones(4), word / 2**32, 0, 0)[0][i] > 0
        assert fs.backend.dropout_forward(np.ones(4), (word + 1) / 2**32, 0, 0)[0][i] == 0


@needs_extension
@pytest.mark.parametrize("isa", fs.backend.isas())
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_kernel_and_twin_give_the_same_bits(isa: str, dtype: type) -> None:
    x = np.random.default_rng(0).standard_normal(4 * 2**15 + 99).astype(dtype)
    keys = [(0, 0), (2**63 + 5, 3), (12345678901234567890, 2**40 + 1)]
    with fs.backend.use("c", isa=isa):
        for (seed, offset), p in itertools.product(keys, (0.1, 0.5, 1 - 2**-30)):
            got, expected = fs.backend.dropout_forward(x, p, seed, offset), dropout_forward(x, p, seed, offset)
            np.testing.assert_array_equal(got, expected)
            np.testing.assert_array_equal(
                fs.backend.dropout_backward(x, got[1], p), dropout_backward(x, expected[1], p)
            )


def test_layout_and_byte_order_are_not_of_the_values() -> None:
    x = np.arange(1.0, 9.0).reshape(2, 4)
    expected = fs.backend.dropout_forward(x, 0.5, 1, 2)
    for same in (x.astype(x.dtype.newbyteorder()), np.repeat(x, 2, 1)[:, ::2], np.concatenate([x, x])[:2]):
        for got, wanted in zip(fs.backend.dropout_forward(same, 0.5, 1, 2), expected, strict=True):
            np.testing.assert_array_equal(got, wanted)


def test_words_of_different_keys_are_unrelated() -> None:
    streams = [random_words(4096, seed, offset) for seed, offset in [(0, 0), (0, 1), (1, 0), (2**32, 0)]]
    for a, b in itertools.combinations(streams, 2):
        assert (a == b).sum() <= 1


def test_frequency_and_mean() -> None:
    fs.manual_seed(3)
    n = 200_000
    for p in (0.1, 0.5, 0.9):
        y = dropout(fs.ones(n), p).numpy()
        dropped = (y == 0).mean()
        assert abs(dropped - p) < 5 * np.sqrt(p * (1 - p) / n)
        assert np.all((y == 0) | (np.abs(y * (1 - p) - 1) < 1e-6))


def test_same_seed_same_elements_and_each_call_others() -> None:
    fs.manual_seed(11)
    a, b = dropout(fs.ones(64)).numpy(), dropout(fs.ones(64)).numpy()
    fs.manual_seed(11)
    np.testing.assert_array_equal(dropout(fs.ones(64)).numpy(), a)
    assert (a != b).any()


def test_exact_ends() -> None:
    x = fs.tensor([1.0, float("nan"), float("inf"), -2.0])
    assert dropout(x, 0.0) is x
    assert dropout(x, 0.7, training=False) is x
    assert dropout(x, 1.0).tolist() == [0.0] * 4
    assert dropout(fs.tensor(3.0), 1.0).item() == 0.0
    assert dropout(fs.tensor(3.0), 1e-12).item() == 3.0


def test_gradient_meets_the_same_elements_in_any_layout() -> None:
    x = np.moveaxis(np.ones((2, 5, 4, 3)), -1, 1)  # channels-last
    t = fs.from_numpy(x).requires_grad_()
    y = dropout(t, 0.5)
    y.backward(fs.from_numpy(np.ones(y.shape)))  # C order
    assert t.grad is not None
    np.testing.assert_array_equal(t.grad.numpy(), y.detach().numpy())


def test_inplace() -> None:
    fs.manual_seed(1)
    expected = dropout(fs.ones(20)).tolist()
    fs.manual_seed(1)
    x = fs.ones(20)
    assert dropout(x, inplace=True) is x
    assert x.tolist() == expected


@pytest.mark.parametrize(
    ("operation", "shape"), [(dropout1d, (4, 8, 5)), (dropout1d, (8, 5)), (dropout2d, (4, 8, 3, 2))]
)
def test_channels_fall_whole(operation, shape) -> None:
    fs.manual_seed(2)
    y = operation(fs.ones(*shape), 0.5).numpy()
    channels = y.reshape(32 if len(shape) > 2 else 8, -1)
    assert np.all(channels == channels[:, :1])
    assert set(channels[:, 0]) == {0.0, 2.0}


@pytest.mark.parametrize("p", [-0.1, 1.1, float("nan")])
def test_probability_out_of_range(p: float) -> None:
    with pytest.raises(ValueError, match="dropout probability has to be between 0 and 1, but got"):
        dropout(fs.ones(3), p)
    with pytest.raises(ValueError, match="p must be between 0 and 1"):
        fs.backend.dropout_forward(np.ones(3), p, 0, 0)


def test_wrong_input() -> None:
    with pytest.raises(RuntimeError, match="floating dtype, got int64"):
        dropout(fs.tensor([1, 2]))
    with pytest.raises(TypeError, match="expected a Tensor, got list"):
        dropout([1.0])  # type: ignore[arg-type]
    with pytest.raises(RuntimeError, match=r"dropout2d: expected 3 or 4 axes, got shape \(3,\)"):
        dropout2d(fs.ones(3))
    with pytest.raises(RuntimeError, match=r"dropout1d: expected 2 or 3 axes"):
        dropout1d(fs.ones(3))
