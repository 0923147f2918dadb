"""Data sets, batches, and going on in mid-epoch to the same bits."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections import namedtuple
from itertools import islice

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import fastscratch as fs
from fastscratch.data import DataLoader, Dataset, Subset, TensorDataset, default_collate, random_split

indexable = pytest.mark.skipif(not hasattr(fs.Tensor, "__getitem__"), reason="tensors cannot be indexed yet")


class Squares(Dataset):
    """A data set that only knows single samples."""

    def __init__(self, n):
        self.n = n

    def __len__(self):
        return self.n

    def __getitem__(self, index):
        return np.float32([index, index * index]), index


def numbers(n):
    return TensorDataset(np.arange(n))


def epoch(loader):
    return [x.tolist() for (x,) in loader]


def flat(batches):
    return [value for batch in batches for value in batch]


def seeded(seed):
    return fs.Generator().manual_seed(seed)


# Batches


def test_batches_in_order():
    X, y = np.arange(10, dtype=np.float32).reshape(5, 2), np.arange(5)
    batches = list(DataLoader(TensorDataset(X, y), batch_size=2))
    assert [type(batch) for batch in batches] == [list] * 3
    assert [(a.shape, b.shape) for a, b in batches] == [((2, 2), (2,)), ((2, 2), (2,)), ((1, 2), (1,))]
    np.testing.assert_array_equal(np.concatenate([a.numpy() for a, _ in batches]), X)
    assert batches[0][0].dtype == fs.float32
    assert batches[0][1].dtype == fs.int64


@settings(max_examples=60, deadline=None)
@given(n=st.integers(0, 20), batch_size=st.integers(1, 8), drop_last=st.booleans(), shuffle=st.booleans())
def test_every_sample_once(n, batch_size, drop_last, shuffle):
    shuffle = shuffle and n > 0
    loader = DataLoader(numbers(n), batch_size, shuffle, drop_last=drop_last)
    batches = epoch(loader)
    assert len(batches) == len(loader) == (n // batch_size if drop_last else -(-n // batch_size))
    kept = n - n % batch_size if drop_last else n
    assert len(flat(batches)) == len(set(flat(batches))) == kept
    assert all(len(batch) == batch_size for batch in batches[:-1])
    assert shuffle or flat(batches) == list(range(kept))


def test_rows_stay_together_when_shuffled():
    X = np.arange(300, dtype=np.float32).reshape(100, 3)
    for x, y in DataLoader(TensorDataset(X, np.arange(100)), 7, shuffle=True):
        np.testing.assert_array_equal(x.numpy(), X[y.numpy()])


@pytest.mark.parametrize("layout", ["C", "transposed", "channels last", "strided", "big endian"])
def test_any_layout_is_gathered(layout):
    images = np.random.default_rng(0).normal(size=(9, 2, 4, 3)).astype(np.float32)
    images = {
        "C": images,
        "transposed": np.ascontiguousarray(images.T).T,
        "channels last": np.ascontiguousarray(images.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2),
        "strided": np.repeat(images, 2, axis=0)[::2],
        "big endian": images.astype(">f4"),
    }[layout]
    [(batch, index)] = DataLoader(TensorDataset(images, np.arange(9)), 9, shuffle=True)
    np.testing.assert_array_equal(batch.numpy(), images[index.numpy()])


def test_a_batch_is_a_copy():
    X = np.zeros(4)
    for (x,) in DataLoader(TensorDataset(X), batch_size=4):
        x.numpy()[:] = 1
    assert X.sum() == 0


def test_sampler_and_batch_sampler():
    assert epoch(DataLoader(numbers(9), 2, sampler=[8, 0, 0, 3, 5])) == [[8, 0], [0, 3], [5]]
    loader = DataLoader(numbers(9), 2, sampler=[8, 0, 0, 3, 5], drop_last=True)
    assert epoch(loader) == [[8, 0], [0, 3]]
    assert len(loader) == 2
    loader = DataLoader(numbers(9), batch_sampler=[[1], [5, 6, 7]])
    assert epoch(loader) == epoch(loader) == [[1], [5, 6, 7]]
    assert len(loader) == 2


def test_index_out_of_range():
    with pytest.raises(IndexError):
        list(DataLoader(numbers(3), sampler=[3]))


def test_data_set_without_gather():
    [(x, y)] = DataLoader(Squares(4), batch_size=4)
    np.testing.assert_array_equal(x.numpy(), np.float32([[0, 0], [1, 1], [2, 4], [3, 9]]))
    assert x.dtype == fs.float32
    assert y.tolist() == [0, 1, 2, 3]


def test_collate_fn_gets_the_samples():
    loader = DataLoader(Squares(3), batch_size=2, collate_fn=lambda samples: [y for _, y in samples])
    assert list(loader) == [[0, 1], [2]]


@indexable
def test_collate_fn_over_tensors():
    loader = DataLoader(numbers(3), batch_size=2, collate_fn=lambda samples: [x.item() for (x,) in samples])
    assert list(loader) == [[0, 1], [2]]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"batch_size": 0}, "batch_size must be positive, got 0"),
        ({"sampler": [0], "shuffle": True}, "sampler and shuffle exclude each other"),
        ({"batch_sampler": [[0]], "batch_size": 2}, "batch_sampler excludes"),
        ({"batch_sampler": [[0]], "shuffle": True}, "batch_sampler excludes"),
        ({"batch_sampler": [[0]], "drop_last": True}, "batch_sampler excludes"),
    ],
)
def test_bad_options(options, message):
    with pytest.raises(ValueError, match=message):
        DataLoader(numbers(3), **options)


def test_empty_data_set():
    assert list(DataLoader(numbers(0))) == []
    with pytest.raises(ValueError, match="an empty data set cannot be shuffled"):
        DataLoader(numbers(0), shuffle=True)


# Order and seeds


def test_every_epoch_has_its_own_order_and_the_seed_decides_it():
    loaders = [DataLoader(numbers(50), 5, shuffle=True, generator=seeded(s)) for s in (1, 1, 2)]
    first, same, other = ([epoch(loader) for _ in range(3)] for loader in loaders)
    assert first == same
    assert first != other
    assert len({tuple(flat(batches)) for batches in first}) == 3


def test_manual_seed_decides_without_a_generator():
    loader = DataLoader(numbers(50), 5, shuffle=True)
    state = fs.get_rng_state()
    try:
        fs.manual_seed(3)
        first = epoch(loader)
        assert epoch(loader) != first
        fs.manual_seed(3)
        assert epoch(loader) == first
    finally:
        fs.set_rng_state(state)


def test_unshuffled_draws_nothing():
    generator = seeded(0)
    before = generator.get_state().tolist()
    epoch(DataLoader(numbers(5), generator=generator))
    assert generator.get_state().tolist() == before


# Going on


@pytest.mark.parametrize("shuffle", [True, False])
@pytest.mark.parametrize("stop", range(12))
def test_resumed_anywhere_gives_the_same_batches(stop, shuffle):
    """Three epochs of four batches, stopped after any batch, even the last of an epoch."""

    def loader(seed):
        return DataLoader(numbers(11), 3, shuffle=shuffle, generator=seeded(seed))

    straight = loader(1)
    expected = [epoch(straight) for _ in range(3)]

    first, seen, state = loader(1), [], None
    for _ in range(stop // 4):
        seen += epoch(first)
    for i, (x,) in enumerate(first, 1):
        seen.append(x.tolist())
        if i == stop % 4 + 1:
            state = first.state_dict()
            break
    assert state is not None

    second = loader(99)
    second.load_state_dict(state)
    for _ in range(3 - stop // 4):
        seen += epoch(second)
    assert seen == [batch for batches in expected for batch in batches]


def test_state_between_epochs_and_before_going_on():
    first = DataLoader(numbers(11), 3, shuffle=True, generator=seeded(1))
    epoch(first)
    state = first.state_dict()
    assert (state["epoch_seed"], state["position"]) == (None, 0)
    second = DataLoader(numbers(11), 3, shuffle=True, generator=seeded(2))
    second.load_state_dict(state)
    assert epoch(second) == epoch(first)
    next(iter(first))
    state = first.state_dict()
    second.load_state_dict(state)
    again = second.state_dict()
    assert again.pop("generator").tolist() == state.pop("generator").tolist()
    assert again == state


def test_state_is_plain_but_for_the_generator():
    loader = DataLoader(numbers(5), 2, shuffle=True, generator=seeded(0))
    next(iter(loader))
    state = loader.state_dict()
    assert isinstance(state.pop("generator"), fs.Tensor)
    assert {type(value) for value in state.values()} == {int, bool}
    assert "generator" not in DataLoader(numbers(5), shuffle=True).state_dict()


def test_state_of_a_loader_with_a_sampler():
    first = DataLoader(numbers(9), 2, sampler=[8, 0, 1, 3, 5])
    list(islice(first, 2))
    second = DataLoader(numbers(9), 2, sampler=[8, 0, 1, 3, 5])
    second.load_state_dict(first.state_dict())
    assert epoch(second) == [[5]]
    assert epoch(second) == [[8, 0], [1, 3], [5]]


def test_two_passes_at_once_do_not_disturb_each_other():
    loader = DataLoader(numbers(6), 2, shuffle=True, generator=seeded(0))
    pairs = [(a.tolist(), b.tolist()) for (a,), (b,) in zip(loader, loader, strict=True)]
    assert sorted(flat(a for a, _ in pairs)) == sorted(flat(b for _, b in pairs)) == list(range(6))


def test_state_is_that_of_the_latest_pass():
    loader = DataLoader(numbers(6), 2, shuffle=True, generator=seeded(0))
    older, newer = iter(loader), iter(loader)
    next(newer)
    list(older)
    assert loader.state_dict()["position"] == 1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"n_samples": 7}, "state of a loader with n_samples 7, this one has 6"),
        ({"batch_size": 3}, "state of a loader with batch_size 3, this one has 2"),
        ({"shuffle": False}, "with shuffle False, this one has True"),
        ({"drop_last": True}, "with drop_last True"),
        ({"position": -1}, "position -1 does not go with"),
        ({"position": "1"}, "not a state of a DataLoader"),
        ({"epoch_seed": None}, "position 1 does not go with epoch_seed None"),
        ({"epoch_seed": -1}, "epoch_seed must be in"),
        ({"epoch_seed": 2**63}, "epoch_seed must be in"),
        ({"generator": None}, "not a state of a Generator"),
        ({"missing": "batch_size"}, "not a state of a DataLoader: KeyError.'batch_size'."),
        ({"missing": "generator"}, "not a state of a DataLoader: KeyError.'generator'."),
    ],
)
def test_state_that_does_not_fit_changes_nothing(change, message):
    loader = DataLoader(numbers(6), 2, shuffle=True, generator=seeded(0))
    next(iter(loader))
    before = loader.state_dict()
    state = {**before, **change}
    state.pop(state.pop("missing", None), None)
    with pytest.raises(ValueError, match=message):
        loader.load_state_dict(state)
    after = loader.state_dict()
    assert before.pop("generator").tolist() == after.pop("generator").tolist()
    assert before == after


# Data sets


@indexable
def test_tensor_data_set():
    data = TensorDataset(fs.tensor([[1.0, 2.0], [3.0, 4.0]]), np.array([5, 6]))
    assert len(data) == 2
    x, y = data[1]
    assert (x.tolist(), y.item()) == ([3.0, 4.0], 6)


def test_tensor_data_set_shares_its_memory():
    X = np.zeros((3, 2))
    data = TensorDataset(X)
    X[1] = 7
    assert data.gather(np.array([1]))[0].tolist() == [[7.0, 7.0]]


@pytest.mark.parametrize(
    ("tensors", "message"),
    [
        ((), "needs at least one tensor"),
        ((np.zeros(3), np.zeros((2, 3))), r"must have one length, got shapes \[\(3,\), \(2, 3\)\]"),
        ((np.array(1.0),), r"must have one length, got shapes \[\(\)\]"),
    ],
)
def test_bad_tensor_data_set(tensors, message):
    with pytest.raises(ValueError, match=message):
        TensorDataset(*tensors)


def test_data_set_must_define_getitem():
    class Nothing(Dataset[int]):
        pass

    with pytest.raises(NotImplementedError, match="Nothing must define __getitem__"):
        Nothing()[0]


def test_subset_of_a_subset():
    squares = Subset(Subset(Squares(10), [9, 7, 5, 3]), [2, 0])
    assert len(squares) == 2
    assert squares[1][1] == 9
    [(_, y)] = DataLoader(squares, batch_size=2)
    assert y.tolist() == [5, 9]
    tensors = Subset(Subset(numbers(10), [9, 7, 5, 3]), range(3))
    assert epoch(DataLoader(tensors, batch_size=2)) == [[9, 7], [5]]


def test_subset_out_of_range():
    with pytest.raises(IndexError):
        Subset(Squares(10), [1, 2])[2]


# default_collate


def test_collate_nested_samples():
    Pair = namedtuple("Pair", "x y")
    samples = [{"image": np.full(2, i, np.float32), "pair": Pair(i, float(i)), "name": f"n{i}"} for i in range(2)]
    batch = default_collate(samples)
    assert batch["image"].tolist() == [[0, 0], [1, 1]]
    assert isinstance(batch["pair"], Pair)
    assert (batch["pair"].x.dtype, batch["pair"].y.dtype) == (fs.int64, fs.float64)
    assert batch["name"] == ["n0", "n1"]
    assert default_collate([fs.tensor([1.0]), fs.tensor([2.0])]).tolist() == [[1.0], [2.0]]
    assert default_collate([True, False]).dtype == fs.bool
    assert default_collate([np.float32(1), np.float32(2)]).dtype == fs.float32


def test_collate_what_does_not_fit():
    with pytest.raises(RuntimeError, match=r"different shapes: \[\(2,\), \(3,\)\]"):
        default_collate([np.zeros(2), np.zeros(3)])
    with pytest.raises(RuntimeError, match=r"different lengths: \[1, 2\]"):
        default_collate([(1, 2), (3,)])
    with pytest.raises(TypeError, match="cannot make a batch of object; give a collate_fn"):
        default_collate([object()])


# random_split


@pytest.mark.parametrize(
    ("lengths", "expected"),
    [([7, 3], [7, 3]), ([10], [10]), ([0.7, 0.3], [7, 3]), ([0.5, 0.25, 0.25], [6, 2, 2]), ([0, 10], [0, 10])],
)
def test_random_split(lengths, expected):
    parts = random_split(numbers(10), lengths, generator=seeded(0))
    assert [len(part) for part in parts] == expected
    assert all(isinstance(part, Subset) for part in parts)
    assert sorted(i for part in parts for i in part.indices) == list(range(10))


def test_random_split_is_seeded():
    def split(seed):
        return [part.indices for part in random_split(range(50), [0.5, 0.5], generator=seeded(seed))]

    assert split(1) == split(1) != split(2)


@pytest.mark.parametrize(
    ("lengths", "message"),
    [
        ([5, 4], r"lengths \[5, 4\] sum to 9, expected 10"),
        ([0.5, 0.4], "sum to 0.9"),
        ([11, -1], "must not be negative"),
        ([float("nan"), 1], "must not be negative"),
    ],
)
def test_bad_random_split(lengths, message):
    with pytest.raises(ValueError, match=message):
        random_split(range(10), lengths)


@pytest.mark.parametrize("dtype", [np.float32, np.uint8])
def test_rows_may_be_counted_from_the_end(dtype):
    images = np.arange(24, dtype=dtype).reshape(4, 2, 3)
    (batch,) = TensorDataset(images).gather(np.array([-1, 0]))
    np.testing.assert_array_equal(batch.array, images[[-1, 0]])
    assert batch.array.base is not images
    with pytest.raises(IndexError):
        TensorDataset(images).gather(np.array([4]))


# Made ahead in a thread


def ours():
    return [t for t in threading.enumerate() if t.name == "fastscratch-prefetch"]


class Watched(Dataset):
    """Counts what was asked of it; raises at one index."""

    def __init__(self, n, bad=None):
        self.n, self.bad, self.asked = n, bad, []

    def __len__(self):
        return self.n

    def __getitem__(self, index):
        if index == self.bad:
            raise ZeroDivisionError(f"sample {index}")
        self.asked.append(index)
        return index


@settings(max_examples=30, deadline=None)
@given(n=st.integers(0, 20), batch_size=st.integers(1, 8), ahead=st.integers(1, 30), drop_last=st.booleans())
def test_a_thread_changes_nothing(n, batch_size, ahead, drop_last):
    shuffle = n > 0
    plain = DataLoader(numbers(n), batch_size, shuffle, drop_last=drop_last, generator=seeded(2))
    made_ahead = DataLoader(
        numbers(n), batch_size, shuffle, drop_last=drop_last, generator=seeded(2), num_workers=1, prefetch_factor=ahead
    )
    for _ in range(3):
        assert epoch(made_ahead) == epoch(plain)
    assert not ours()


def test_no_further_ahead_than_asked():
    data = Watched(20)
    batches = iter(DataLoader(data, num_workers=1, prefetch_factor=3))
    next(batches)
    deadline = time.monotonic() + 10
    while len(data.asked) < 4 and time.monotonic() < deadline:
        time.sleep(0.01)
    time.sleep(0.05)
    assert data.asked == [0, 1, 2, 3]
    assert len(ours()) == 1
    del batches
    assert not ours()


def test_what_the_thread_raises_is_raised_at_its_batch():
    batches = iter(DataLoader(Watched(9, bad=4), 2, num_workers=1))
    assert [next(batches).tolist(), next(batches).tolist()] == [[0, 1], [2, 3]]
    with pytest.raises(ZeroDivisionError, match="sample 4"):
        next(batches)
    assert not ours()
    with pytest.raises(StopIteration):
        next(batches)


def test_a_loop_left_early_leaves_no_thread():
    loader = DataLoader(numbers(50), 2, num_workers=1)
    for _ in loader:
        break
    assert not ours()
    with pytest.raises(KeyboardInterrupt):
        interrupted(loader)
    assert not ours()
    first, second = iter(loader), iter(loader)
    assert [x.tolist() for (x,), _ in zip(first, second, strict=False)] == epoch(DataLoader(numbers(50), 2))
    del first, second
    assert not ours()


def interrupted(loader):
    for _ in loader:
        signal.raise_signal(signal.SIGINT)


@pytest.mark.parametrize("taken", range(6))
def test_the_state_is_of_what_was_handed_out(taken):
    def loader():
        return DataLoader(numbers(11), 2, shuffle=True, generator=seeded(4), num_workers=1, prefetch_factor=4)

    straight = epoch(loader())
    stopped = loader()
    batches = iter(stopped)
    seen = [next(batches)[0].tolist() for _ in range(taken)]
    resumed = loader()
    resumed.load_state_dict(stopped.state_dict())
    assert seen + epoch(resumed) == straight


def test_the_interpreter_ends_with_a_thread_under_way():
    program = """
import numpy as np
from fastscratch.data import DataLoader, TensorDataset
batches = iter(DataLoader(TensorDataset(np.arange(100)), 2, num_workers=1))
print(next(batches)[0].tolist())
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "[0, 1]\n", "")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_child_goes_on_by_itself():
    batches = iter(DataLoader(numbers(10), 2, num_workers=1))
    first = next(batches)[0].tolist()
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            rest = repr([x.tolist() for (x,) in batches]).encode()
            del batches
            os.write(writer, rest)
        finally:
            os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as pipe:
        theirs = pipe.read()
    os.waitpid(child, 0)
    assert theirs == repr([x.tolist() for (x,) in batches]) == "[[2, 3], [4, 5], [6, 7], [8, 9]]"
    assert first == [0, 1]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"num_workers": -1}, "num_workers must not be negative"),
        ({"prefetch_factor": 2}, "prefetch_factor must be positive and goes with num_workers"),
        ({"num_workers": 1, "prefetch_factor": 0}, "prefetch_factor must be positive"),
    ],
)
def test_bad_prefetching_is_named(options, words):
    with pytest.raises(ValueError, match=words):
        DataLoader(numbers(3), **options)
