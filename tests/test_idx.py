"""The IDX reader and writer, on whole, cut and hostile files."""

import gzip
import os
import tracemalloc
from pathlib import Path

import hypothesis.extra.numpy as npst
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fastscratch.data.idx import IDXError, read_idx, write_idx

DTYPES = ["u1", "i1", "i2", "i4", "f4", "f8", ">i2", ">f8"]

arrays = st.sampled_from(DTYPES).flatmap(
    lambda dtype: npst.arrays(dtype, npst.array_shapes(min_dims=0, min_side=0, max_side=4))
)


def idx_bytes(code=8, shape=(3,), data=b"\1\2\3", magic=b"\0\0"):
    sizes = b"".join(size.to_bytes(4, "big") for size in shape)
    return magic + bytes([code, len(shape)]) + sizes + data


def refused(tmp_path, content, fault):
    """Reading `content` fails with the fault, in a plain file and in a compressed one."""
    for stored in (content, gzip.compress(content)):
        (tmp_path / "bad").write_bytes(stored)
        with pytest.raises(IDXError, match=f"bad: .*{fault}"):
            read_idx(tmp_path / "bad")


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(array=arrays, name=st.sampled_from(["a", "a.gz"]))
def test_round_trip(tmp_path, array, name):
    write_idx(tmp_path / name, array)
    read = read_idx(tmp_path / name)
    assert read.dtype == array.dtype.newbyteorder("=")
    assert read.shape == array.shape
    assert read.tobytes() == array.astype(read.dtype).tobytes()
    assert read.flags.writeable


def test_bytes_are_those_of_the_format(tmp_path):
    write_idx(tmp_path / "a", np.array([[1, -2]], np.int16))
    expected = bytes.fromhex("00000b02 00000001 00000002 0001 fffe")
    assert (tmp_path / "a").read_bytes() == expected


@pytest.mark.parametrize("code", [0x08, 0x09, 0x0B, 0x0C, 0x0D, 0x0E])
def test_every_dtype_of_the_format(tmp_path, code):
    expected = {
        0x08: np.uint8([0, 255]),
        0x09: np.int8([0, -1]),
        0x0B: np.int16([1, -2]),
        0x0C: np.int32([1, -2]),
        0x0D: np.float32([1, -0.5]),
        0x0E: np.float64([1, -0.5]),
    }[code]
    data = expected.astype(expected.dtype.newbyteorder(">")).tobytes()
    (tmp_path / "a").write_bytes(idx_bytes(code, (2,), data))
    read = read_idx(tmp_path / "a")
    assert read.dtype == expected.dtype
    np.testing.assert_array_equal(read, expected)


def test_layouts_are_written_in_c_order(tmp_path):
    array = np.arange(24, dtype=np.int32).reshape(2, 3, 4)[:, ::-1].T
    write_idx(tmp_path / "a", array)
    np.testing.assert_array_equal(read_idx(tmp_path / "a"), array)


def test_compression_follows_the_name_and_is_found_by_content(tmp_path):
    write_idx(tmp_path / "a.gz", np.uint8([1]))
    write_idx(tmp_path / "b.gz", np.uint8([1]))
    assert (tmp_path / "a.gz").read_bytes() == (tmp_path / "b.gz").read_bytes()
    assert (tmp_path / "a.gz").read_bytes()[3:8] == bytes(5)  # no name and no time inside
    assert gzip.decompress((tmp_path / "a.gz").read_bytes()) == idx_bytes(shape=(1,), data=b"\1")
    (tmp_path / "a.gz").rename(tmp_path / "plain name")
    assert read_idx(tmp_path / "plain name").tolist() == [1]


@pytest.mark.parametrize("name", ["a", "a.gz"])
def test_file_cut_at_every_byte(tmp_path, name):
    path = tmp_path / name
    write_idx(path, np.arange(6, dtype=np.float32).reshape(2, 3))
    whole = path.read_bytes()
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        with pytest.raises(IDXError, match=r"cut short|damaged gzip"):
            read_idx(path)


def test_compressed_content_cut_at_every_byte(tmp_path):
    whole = idx_bytes(shape=(1, 3))
    for length in range(len(whole)):
        refused(tmp_path, whole[:length], "cut short")


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (b"PK\3\4 a zip file", "not an IDX file: starts with 0x504b0304"),
        (idx_bytes(magic=b"\0\1"), "not an IDX file"),
        (idx_bytes(code=0x0A), "unknown dtype 0x0a"),
        (idx_bytes(shape=(2,)), "more than the 2 bytes"),
        (idx_bytes(data=b"\1\2\3\4"), "more than the 3 bytes"),
        (idx_bytes(shape=(2**31,)), r"shape \(-2147483648,\) has a negative size"),
        (idx_bytes(shape=(2**32 - 1, 2**32 - 1)), "negative size"),
        (idx_bytes(shape=(1,) * 65), "65 dimensions, at most 64"),
        (idx_bytes(shape=(2**31 - 1,) * 3), "too large"),
        (idx_bytes(shape=(2**31 - 1, 2**31 - 1, 2**31 - 1, 0)), "too large"),
        (idx_bytes(shape=(2**31 - 1, 2**31 - 1)), "cut short: shape"),
        (idx_bytes(shape=(2**31 - 1,)), "cut short: shape"),
        (idx_bytes(shape=(4,)), "cut short"),
    ],
)
def test_hostile_file(tmp_path, content, fault):
    refused(tmp_path, content, fault)


def test_lying_header_allocates_nothing(tmp_path):
    """A small compressed file that promises 200 MB, within what gzip could hold, and has less."""
    content = idx_bytes(shape=(200_000_000,), data=os.urandom(250_000))
    (tmp_path / "bad.gz").write_bytes(gzip.compress(content))
    tracemalloc.start()
    try:
        with pytest.raises(IDXError, match="cut short: 250000 of 200000000 bytes"):
            read_idx(tmp_path / "bad.gz")
        assert tracemalloc.get_traced_memory()[1] < 5_000_000
    finally:
        tracemalloc.stop()


def test_bomb_is_unpacked_only_as_far_as_promised(tmp_path):
    content = idx_bytes(shape=(3,), data=bytes(50_000_000))
    (tmp_path / "bad.gz").write_bytes(gzip.compress(content))
    tracemalloc.start()
    try:
        with pytest.raises(IDXError, match="more than the 3 bytes"):
            read_idx(tmp_path / "bad.gz")
        assert tracemalloc.get_traced_memory()[1] < 5_000_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("position", [3, 20, -8, -1])
def test_damaged_gzip(tmp_path, position):
    stored = bytearray(gzip.compress(idx_bytes(shape=(1000,), data=os.urandom(1000))))
    stored[position] ^= 0xFF
    (tmp_path / "bad.gz").write_bytes(stored)
    with pytest.raises(IDXError, match=r"bad\.gz: (damaged gzip|cut short|not an IDX)"):
        read_idx(tmp_path / "bad.gz")


def test_rubbish_after_the_gzip_data(tmp_path):
    (tmp_path / "bad.gz").write_bytes(gzip.compress(idx_bytes()) + b"rubbish")
    with pytest.raises(IDXError, match="damaged gzip data: Not a gzipped file"):
        read_idx(tmp_path / "bad.gz")


def test_folder_and_missing_file(tmp_path):
    with pytest.raises(IDXError, match="not a regular file"):
        read_idx(tmp_path)
    with pytest.raises(FileNotFoundError):
        read_idx(tmp_path / "none")


@pytest.mark.parametrize("array", [np.ones(2, bool), np.arange(3), np.array(["a"])])
def test_dtype_without_a_code_leaves_the_old_file(tmp_path, array):
    (tmp_path / "a").write_bytes(b"old")
    with pytest.raises(IDXError, match=f"dtype {array.dtype.name} cannot be stored, only uint8"):
        write_idx(tmp_path / "a", array)
    assert (tmp_path / "a").read_bytes() == b"old"


def test_size_beyond_31_bits_cannot_be_written(tmp_path):
    array = np.broadcast_to(np.uint8(0), (2**31, 0))
    with pytest.raises(IDXError, match="sizes must be below"):
        write_idx(tmp_path / "a", array)


@pytest.mark.skipif("FASTSCRATCH_DATA" not in os.environ, reason="FASTSCRATCH_DATA is not set")
def test_real_mnist():
    folder = Path(os.environ["FASTSCRATCH_DATA"]) / "mnist"
    if not folder.is_dir():
        pytest.skip("no mnist in FASTSCRATCH_DATA")
    [images] = folder.glob("t10k-images*")
    [labels] = folder.glob("t10k-labels*")
    assert read_idx(images).shape == (10_000, 28, 28)
    assert read_idx(labels)[:5].tolist() == [7, 2, 1, 0, 4]
