"""The parsers as a fuzzer sees them: bytes in; an answer that fits the bytes, or the error that the parser documents."""

import gzip
import json
import math
import os
import random
import sys
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

import numpy as np

from fastscratch import files, safetensors, serialization
from fastscratch.data import idx

CORPUS = Path(__file__).parent / "corpus"
_INTERESTING = [0, 1, 2, 3, 8, 64, 65, 127, 255, 2**31 - 1, 2**31, 2**63 - 1, 2**63, 2**64, -1]

# What reads, and so can meet a hostile file; what writes stands in the same modules.
_CODE: dict[str, list[Any]] = {
    "idx": [idx.read_idx, idx._read_array, idx._read_header, idx._read_at_most, idx._Header.nbytes.fget],
    "safetensors": [
        safetensors.load_metadata,
        safetensors.load,
        safetensors._read_header,
        safetensors._parse_header,
        safetensors._parse_metadata,
        safetensors._parse_entry,
        safetensors._check_layout,
        safetensors._read_array,
        safetensors._are_sizes,
        safetensors._shown,
        serialization.read,
        serialization._decoded,
    ],
}
PARSERS = tuple(_CODE)


class Memory:
    """A file that is none: it lies in memory, and has a path that any reader can open."""

    def __init__(self) -> None:
        self._descriptor = os.memfd_create("input")
        self.path = f"/proc/self/fd/{self._descriptor}"

    def hold(self, content: bytes) -> str:
        """Its path, with this content."""
        os.ftruncate(self._descriptor, 0)
        os.pwrite(self._descriptor, content, 0)
        return self.path


def check_idx(path: str, content: bytes) -> None:
    """AssertionError if what was read is not what the bytes say; any error but IDXError comes out as it is."""
    try:
        array = idx.read_idx(path)
    except idx.IDXError:
        return
    stored = gzip.decompress(content) if content.startswith(b"\x1f\x8b") else content
    start = 4 + 4 * array.ndim
    assert stored[3] == array.ndim
    assert tuple(np.frombuffer(stored[4:start], ">i4").tolist()) == array.shape
    assert array.astype(array.dtype.newbyteorder(">")).tobytes() == stored[start:]
    assert array.flags.writeable


def check_safetensors(path: str, content: bytes) -> None:
    """As check_idx(), of the tree too that save() lays over the tensors."""
    try:
        tree, own = serialization.read(path)
    except safetensors.SafetensorsError:
        return
    arrays, metadata = safetensors.load(path)
    assert sum(array.nbytes for array in arrays.values()) == len(content) - 8 - int.from_bytes(content[:8], "little")
    assert metadata == safetensors.load_metadata(path)
    assert own.items() <= metadata.items()
    if serialization._TREE not in metadata:
        assert {name: (t.shape, t.array.tobytes()) for name, t in tree.items()} == {
            name: (a.shape, a.tobytes()) for name, a in arrays.items()
        }


CHECKS: dict[str, Callable[[str, bytes], None]] = {"idx": check_idx, "safetensors": check_safetensors}


# Mutations that keep enough of the format for the next check to be reached


def mutate_idx(data: bytes, size: int, seed: int, blindly: Callable[[bytes, int], bytes]) -> bytes:
    """Change the file, or what is packed in it, or whether it is packed."""
    rng = random.Random(seed)
    if data.startswith(b"\x1f\x8b") and rng.random() < 0.8:
        try:
            inner = zlib.decompressobj(31).decompress(data, 4096)
        except zlib.error:
            inner = b""
        data = _change_idx(inner, size, rng, blindly)
        return gzip.compress(data, mtime=0) if rng.random() < 0.8 else data
    if rng.random() < 0.1:
        return gzip.compress(data, mtime=0)
    return _change_idx(data, size, rng, blindly) if rng.random() < 0.8 else blindly(data, size)


def _change_idx(data: bytes, size: int, rng: random.Random, blindly: Callable[[bytes, int], bytes]) -> bytes:
    """A header with one thing changed, and as much data as it promises, or about as much."""
    if rng.random() < 0.3 or len(data) < 4:
        return blindly(data, size)
    ndim = rng.choice([data[3] % 5, rng.randrange(5), rng.choice(_INTERESTING) % 256])
    code = rng.choice([data[2], *idx._DTYPES, rng.randrange(256)])
    sizes = [rng.choice([rng.randrange(6), rng.randrange(6), rng.choice(_INTERESTING)]) % 2**32 for _ in range(ndim)]
    count = min(math.prod(sizes) * idx._DTYPES.get(code, np.dtype("u1")).itemsize, 256)
    values = rng.randbytes(max(0, count + rng.choice([0, 0, 0, -1, 1])))
    return bytes([0, 0, code, ndim]) + b"".join(s.to_bytes(4, "big") for s in sizes) + values


def mutate_safetensors(data: bytes, size: int, seed: int, blindly: Callable[[bytes, int], bytes]) -> bytes:
    """Change the header as text or as JSON, then usually set its length and the data's right."""
    rng = random.Random(seed)
    length = min(int.from_bytes(data[:8], "little"), len(data))
    text, rest = data[8 : 8 + length], data[8 + length :]
    kind = rng.random()
    if kind < 0.1:
        return blindly(data, size)
    if kind < 0.3:
        text = blindly(text, size // 2)
    else:
        try:
            header = json.loads(text)
            text = json.dumps(_change_header(header, rng)).encode("utf-8", "surrogatepass")
        except (ValueError, TypeError, AttributeError, RecursionError):
            text = blindly(text, size // 2)
    if rng.random() < 0.5:
        rest = _fill(text, rest)
    stated = len(text) if rng.random() < 0.95 else rng.choice(_INTERESTING) % 2**64
    return stated.to_bytes(8, "little") + text + rest


def _change_header(header: Any, rng: random.Random) -> Any:
    """One array added, dropped or changed; or the metadata, or the tree in it."""
    header = header if isinstance(header, dict) else {}
    kind, names = rng.random(), [name for name in header if name != "__metadata__"]
    if kind < 0.2:
        header["__metadata__"] = rng.choice(
            [{}, {"a": "b"}, {"a": 1}, [], 3, {serialization._TREE: _tree(rng, names, 3)}]
        )
    elif kind < 0.3 and names:
        del header[rng.choice(names)]
    elif kind < 0.6 and names:
        entry = header[rng.choice(names)]
        entry[rng.choice(["dtype", "shape", "data_offsets", "x"])] = _value(rng)
    else:
        header[rng.choice(["a", "b", "c", "", "é"])] = _entry(rng)
    return header


def _entry(rng: random.Random) -> dict[str, Any]:
    """An array that could be; _fill() gives it its place."""
    code = rng.choice(list(safetensors._DTYPES))
    return {"dtype": code, "shape": [rng.randrange(4) for _ in range(rng.randrange(4))], "data_offsets": [0, 0]}


def _value(rng: random.Random) -> Any:
    """What a field could hold instead."""
    pair = [rng.choice(_INTERESTING), rng.choice(_INTERESTING)]
    return rng.choice(
        [None, True, 1.5, "F32", "BF16", "é" * 50, {}, [], [True], [1] * 65, [2**40] * 3, pair, sorted(pair), [1, 2, 3]]
    )


def _tree(rng: random.Random, names: list[str], depth: int) -> str:
    """A structure such as save() leaves, sound or not."""

    def node(depth: int) -> Any:
        if depth == 0 or rng.random() < 0.2:
            return rng.choice(
                [1, None, "x", [], {"tensor": rng.choice([*names, "none"])}, {"array": rng.choice(names or [3])}]
            )
        parts: list[Any] = [node(depth - 1) for _ in range(rng.randrange(3))]
        keyed = [[rng.choice(["k", 1, None, []]), part] for part in parts]
        return rng.choice([{"list": parts}, {"tuple": parts}, {"dict": keyed}, {"dict": parts}, {"what": 1}, {}])

    text = json.dumps(node(depth))
    return rng.choice([text, text, text, text[:-1], "[" * 2000 if rng.random() < 0.02 else text])


def _fill(text: bytes, rest: bytes) -> bytes:
    """Data of the size that the header speaks of, if it does."""
    try:
        ends = [entry["data_offsets"][1] for name, entry in json.loads(text).items() if name != "__metadata__"]
        size = max(ends, default=0)
        return (rest + bytes(size))[:size] if 0 <= size <= 4096 else rest
    except (ValueError, TypeError, KeyError, IndexError, AttributeError, RecursionError):
        return rest


MUTATIONS = {"idx": mutate_idx, "safetensors": mutate_safetensors}


# Which lines a corpus reaches


def lines_of(parser: str) -> set[tuple[str, int]]:
    """(file, line) of all that a parser could execute."""
    found = set()
    for function in _CODE[parser]:
        for code in _all_code(function.__code__):
            found |= {(code.co_filename, line) for _, _, line in code.co_lines() if line and line > code.co_firstlineno}
    return found


def _all_code(code: CodeType) -> Iterator[CodeType]:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _all_code(constant)


def lines_reached(parser: str, content: bytes, memory: Memory) -> set[tuple[str, int]]:
    """(file, line) of what the parser executes on this content."""
    wanted = {safetensors.__file__, serialization.__file__, idx.__file__, files.__file__}
    reached = set()

    def trace(frame: FrameType, event: str, argument: Any) -> Any:
        if frame.f_code.co_filename not in wanted:
            return None
        if event == "line":
            reached.add((frame.f_code.co_filename, frame.f_lineno))
        return trace

    path, before = memory.hold(content), sys.gettrace()
    sys.settrace(trace)
    try:
        CHECKS[parser](path, content)
    finally:
        sys.settrace(before)
    return reached & lines_of(parser)


def corpus(parser: str, folder: Path = CORPUS) -> list[bytes]:
    """The inputs of a folder, the smallest first."""
    return sorted((path.read_bytes() for path in (folder / parser).iterdir()), key=lambda b: (len(b), b))


def covering(parser: str, inputs: list[bytes]) -> tuple[list[bytes], set[tuple[str, int]]]:
    """The inputs that reach lines no smaller one reached, and all lines that were reached."""
    memory, chosen, seen = Memory(), [], set()
    for content in inputs:
        lines = lines_reached(parser, content, memory)
        if lines - seen:
            chosen.append(content)
            seen |= lines
    return chosen, seen
