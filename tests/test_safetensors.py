"""The safetensors reader and writer, against hostile files and the format's own package."""

import json
import tracemalloc

import hypothesis.extra.numpy as npst
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fastscratch.safetensors import SafetensorsError, load, load_file, load_metadata, save_file

DTYPES = ["?", "u1", "i1", "u2", "i2", "f2", "u4", "i4", "f4", "u8", "i8", "f8"]

arrays = st.sampled_from(DTYPES).flatmap(
    lambda dtype: npst.arrays(dtype, npst.array_shapes(min_dims=0, min_side=0, max_side=4))
)
tmp_path_reused = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def raw_file(path, header, data=b"", length=None):
    """A file with the header given: an object, or the bytes themselves."""
    encoded = header if isinstance(header, bytes) else json.dumps(header).encode()
    length = len(encoded) if length is None else length
    path.write_bytes(length.to_bytes(8, "little") + encoded + data)
    return path


def entry(dtype="F32", shape=(2,), data_offsets=(0, 8), **more):
    return {"dtype": dtype, "shape": list(shape), "data_offsets": list(data_offsets), **more}


def assert_same(left, right):
    assert list(left) == list(right)
    for name, array in left.items():
        assert array.dtype == right[name].dtype.newbyteorder("="), name
        assert array.shape == right[name].shape, name
        assert array.tobytes() == np.asarray(right[name], array.dtype).tobytes(), name


@tmp_path_reused
@given(
    tensors=st.dictionaries(st.text(max_size=5), arrays, max_size=4),
    metadata=st.none() | st.dictionaries(st.text(max_size=5), st.text(max_size=5), max_size=3),
)
def test_round_trip(tmp_path, tensors, metadata):
    path = tmp_path / "a.safetensors"
    save_file(tensors, path, metadata)
    read, read_metadata = load(path)
    assert_same(read, tensors)
    assert read_metadata == (metadata or {}) == load_metadata(path)
    assert all(array.flags.writeable for array in read.values())


@tmp_path_reused
@given(tensors=st.dictionaries(st.text(max_size=5), arrays, max_size=4))
def test_exchange_with_the_safetensors_package(tmp_path, tensors):
    theirs = pytest.importorskip("safetensors.numpy")
    path = tmp_path / "a.safetensors"
    save_file(tensors, path, {"made by": "us"})
    read = theirs.load_file(path)
    assert_same({name: read[name] for name in tensors}, tensors)
    theirs.save_file(tensors, path, {"made by": "them"})
    read, metadata = load(path)
    assert_same({name: read[name] for name in tensors}, tensors)
    assert metadata == {"made by": "them"}


def test_layouts_and_byte_orders(tmp_path):
    base = np.arange(24, dtype=np.float32).reshape(2, 3, 4)
    tensors = {
        "transposed": base.T,
        "strided": base[:, ::-1, ::2],
        "big endian": base.astype(">f4"),
        "scalar": np.array(7, np.int64),
        "number": np.float32(0.5),
        "broadcast": np.broadcast_to(np.float16(1.5), (3, 2)),
    }
    save_file(tensors, tmp_path / "a")
    assert_same(load_file(tmp_path / "a"), tensors)


def test_every_array_is_aligned(tmp_path):
    save_file({"a": np.ones(3, bool), "b": np.ones(1, "f8"), "c": np.ones(3, "f2")}, tmp_path / "a")
    content = (tmp_path / "a").read_bytes()
    length = int.from_bytes(content[:8], "little")
    assert length % 8 == 0
    for fields in json.loads(content[8 : 8 + length]).values():
        itemsize = {"BOOL": 1, "F64": 8, "F16": 2}[fields["dtype"]]
        assert fields["data_offsets"][0] % itemsize == 0


def test_file_cut_at_every_byte(tmp_path):
    path = tmp_path / "a"
    save_file({"w": np.arange(3.0), "b": np.ones(2, np.int8)}, path, {"k": "v"})
    whole = path.read_bytes()
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        with pytest.raises(SafetensorsError, match="a: cut short"):
            load_file(path)
        with pytest.raises(SafetensorsError, match="cut short"):
            load_metadata(path)
    path.write_bytes(whole + b"\0")
    with pytest.raises(SafetensorsError, match="bytes after the end"):
        load_file(path)


@settings(tmp_path_reused, max_examples=300)
@given(position=st.integers(0, 151), value=st.integers(0, 255))
def test_one_wrong_byte_is_read_or_refused(tmp_path, position, value):
    path = tmp_path / "a"
    save_file({"w": np.arange(3.0), "b": np.ones(2, bool)}, path)
    content = bytearray(path.read_bytes())
    content[position % len(content)] = value
    path.write_bytes(content)
    try:
        tensors = load_file(path)
    except SafetensorsError as error:
        assert str(error).startswith(str(path))
    else:
        assert sum(array.nbytes for array in tensors.values()) == 26


@pytest.mark.parametrize(
    ("header", "fault"),
    [
        (b"", "does not start with"),
        (b"[]", "does not start with"),
        (b" {}", "does not start with"),
        (b"\xef\xbb\xbf{}", "does not start with"),
        (b"{", "not JSON"),
        (b"{}x", "not JSON"),
        (b'{"\xff": 1}', "not JSON"),
        (b'{"a": NaN}', "not JSON: NaN"),
        (b'{"a": ' + b"9" * 5000 + b"}", "not JSON"),
        (b'{"a": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", "nested too deeply"),
        (b'{"a": 1, "a": 2}', "header has 'a' twice"),
        ({"__metadata__": 3}, "must map text to text"),
        ({"__metadata__": {"a": 3}}, "must map text to text"),
        ({"w": 3}, "'w' must have dtype, shape and data_offsets"),
        ({"w": {"dtype": "F32", "shape": [2]}}, "must have dtype, shape and data_offsets"),
        ({"w": entry(extra=1)}, "must have dtype, shape and data_offsets"),
        ({"w": entry(dtype="BF16")}, "'w': dtype 'BF16' is not supported, only BOOL, U8"),
        ({"w": entry(dtype="F8_E4M3")}, "'F8_E4M3' is not supported"),
        ({"w": entry(dtype=["F32"])}, "is not supported"),
        ({"w": entry(shape=[-2])}, r"shape \[-2\] is not valid"),
        ({"w": entry(shape=[2.0])}, "is not valid"),
        ({"w": entry(shape=[True, 2])}, "is not valid"),
        ({"w": entry(shape=[2**70, 0])}, "is not valid"),
        ({"w": entry(shape=[1] * 65)}, "is not valid"),
        ({"w": entry(shape=[2**62, 2**62])}, "is too large"),
        ({"w": entry(shape=[2**62, 2**62, 0], data_offsets=[0, 0])}, "is too large"),
        ({"w": {**entry(), "shape": 2}}, "is not valid"),
        ({"w": entry(shape=[3])}, r"F32 of shape \[3\] does not fill 8 bytes"),
        ({"w": entry(data_offsets=[8, 0])}, "offsets .* are not valid"),
        ({"w": entry(data_offsets=[-8, 0])}, "offsets .* are not valid"),
        ({"w": entry(data_offsets=[0, 4, 8])}, "offsets .* are not valid"),
        ({"w": entry(data_offsets=["0", "8"])}, "offsets .* are not valid"),
        ({"w": entry(data_offsets=[4, 12])}, "'w' at 4 leaves a gap"),
        ({"v": entry(), "w": entry()}, "'w' at 0 overlaps"),
        ({"v": entry(), "w": entry(data_offsets=[4, 12])}, "'w' at 4 overlaps"),
        ({"v": entry(), "w": entry(data_offsets=[8, 16])}, "cut short: 16 bytes"),
        ({"w": entry(shape=[1], data_offsets=[0, 4])}, "bytes after the end: 4 bytes"),
        ({}, "bytes after the end"),
    ],
)
def test_hostile_header(tmp_path, header, fault):
    path = raw_file(tmp_path / "bad", header, bytes(8))
    with pytest.raises(SafetensorsError, match=f"bad: .*{fault}"):
        load_file(path)


def test_header_length_is_checked_before_it_is_believed(tmp_path):
    tracemalloc.start()
    try:
        for length, fault in ((2**64 - 1, "at most 100000000"), (99_999_999, "cut short")):
            path = raw_file(tmp_path / "bad", {}, length=length)
            with pytest.raises(SafetensorsError, match=fault):
                load_file(path)
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()


def test_claimed_size_is_checked_before_it_is_allocated(tmp_path):
    path = raw_file(tmp_path / "bad", {"w": entry(shape=[2**40], data_offsets=[0, 2**42])}, bytes(8))
    with pytest.raises(SafetensorsError, match="cut short"):
        load_file(path)


def test_bool_that_is_neither_0_nor_1(tmp_path):
    path = raw_file(tmp_path / "bad", {"w": entry("BOOL", [2], [0, 2])}, b"\x01\x02")
    with pytest.raises(SafetensorsError, match="'w': a bool is neither 0 nor 1"):
        load_file(path)


def test_padding_and_order_of_other_writers(tmp_path):
    header = {"b": entry(data_offsets=[8, 16]), "a": entry()}
    data = np.arange(4, dtype="<f4").tobytes()
    path = raw_file(tmp_path / "a", json.dumps(header).encode() + b"    ", data)
    read = load_file(path)
    assert list(read) == ["b", "a"]
    np.testing.assert_array_equal(read["b"], np.float32([2, 3]))


def test_folder_and_missing_file(tmp_path):
    with pytest.raises(SafetensorsError, match="not a regular file"):
        load_file(tmp_path)
    with pytest.raises(FileNotFoundError):
        load_file(tmp_path / "none")


@pytest.mark.parametrize(
    ("tensors", "metadata", "error", "message"),
    [
        ({"w": [1.0]}, None, TypeError, "tensor 'w' must be a numpy.ndarray, got list"),
        ({3: np.ones(1)}, None, TypeError, "names of tensors must be str, got int: 3"),
        ({"w": np.ones(1, complex)}, None, SafetensorsError, "'w': dtype complex128 cannot be"),
        ({"w": np.array([None])}, None, SafetensorsError, "'w': dtype object cannot be stored"),
        ({"__metadata__": np.ones(1)}, None, SafetensorsError, "not a name for a tensor"),
        ({"\ud800": np.ones(1)}, None, SafetensorsError, "not valid Unicode"),
        ({}, {"epoch": 3}, TypeError, "metadata must map str to str, got 'epoch': 3"),
    ],
)
def test_what_cannot_be_saved_leaves_the_old_file(tmp_path, tensors, metadata, error, message):
    path = tmp_path / "a"
    path.write_bytes(b"old")
    with pytest.raises(error, match=message):
        save_file(tensors, path, metadata)
    assert path.read_bytes() == b"old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["a"]
