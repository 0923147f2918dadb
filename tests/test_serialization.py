"""save and load: what comes back, what other readers see, and what is refused."""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import fastscratch as fs
from fastscratch.safetensors import SafetensorsError, load_file, load_metadata, save_file


def _same(a: Any, b: Any) -> None:
    """Equal in value, type and dtype."""
    if isinstance(b, (fs.Tensor, np.ndarray)):
        assert type(a) is type(b) and a.dtype == b.dtype
        np.testing.assert_array_equal(np.asarray(a), np.asarray(b))
    elif isinstance(b, dict):
        assert list(a) == list(b)
        for key in b:
            _same(a[key], b[key])
    elif isinstance(b, (list, tuple)):
        assert type(a) is type(b) and len(a) == len(b)
        for x, y in zip(a, b, strict=True):
            _same(x, y)
    else:
        assert type(a) is type(b) and (a == b or (math.isnan(a) and math.isnan(b)))


def test_round_trip(tmp_path: Path) -> None:
    tree = {
        "weights": {"a.b": fs.tensor([1.0, 2.0]), "a": {"b": fs.tensor([3, 4])}},
        "numbers": [1, 2.5, math.inf, math.nan, True, None, "text with ✓", 2**60],
        0: (fs.tensor(1.5, dtype=fs.float64), np.arange(3, dtype=np.int16), ()),
        "none": {},
        "mask": fs.tensor([True, False]),
        "half": fs.tensor(np.array([1, 2], np.float16)),
        "transposed": fs.tensor(np.arange(6.0).reshape(2, 3)).t(),
    }
    fs.save(tree, tmp_path / "tree.safetensors")
    _same(fs.load(tmp_path / "tree.safetensors"), tree)
    fs.save(fs.tensor([1.0]), tmp_path / "one.safetensors")
    _same(fs.load(tmp_path / "one.safetensors", map_location="cpu", weights_only=True), fs.tensor([1.0]))
    fs.save([np.float32(0.5), np.int64(3)], tmp_path / "scalars.safetensors")
    _same(fs.load(tmp_path / "scalars.safetensors"), [0.5, 3])


def test_a_state_dict_is_a_plain_safetensors_file(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    model = fs.nn.Sequential(fs.nn.Linear(3, 2), fs.nn.Linear(2, 1))
    fs.save(model.state_dict(), path)
    assert load_metadata(path) == {}
    assert {k: v.shape for k, v in load_file(path).items()} == {k: v.shape for k, v in model.state_dict().items()}
    other = fs.nn.Sequential(fs.nn.Linear(3, 2), fs.nn.Linear(2, 1))
    other.load_state_dict(fs.load(path))
    for a, b in zip(model.parameters(), other.parameters(), strict=True):
        np.testing.assert_array_equal(a.detach().numpy(), b.detach().numpy())


def test_optimizer_state(tmp_path: Path) -> None:
    w = fs.tensor([1.0, 2.0], requires_grad=True)
    optimizer = fs.optim.Adam([w])
    w.grad = fs.tensor([1.0, -1.0])
    optimizer.step()
    fs.save(optimizer.state_dict(), tmp_path / "adam.safetensors")
    _same(fs.load(tmp_path / "adam.safetensors"), optimizer.state_dict())


def test_what_cannot_be_saved_is_named_and_leaves_no_file(tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    with pytest.raises(TypeError, match=r"cannot save history\.1\.time: a object"):
        fs.save({"history": [1, {"time": object()}]}, path)
    with pytest.raises(TypeError, match=r"cannot save a: a key is a tuple"):
        fs.save({"a": {(1, 2): 3}}, path)
    with pytest.raises(SafetensorsError, match="dtype complex128 cannot be stored"):
        fs.save([np.zeros(2, complex)], path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "tree",
    [
        "{",
        json.dumps({"tensor": "missing"}),
        json.dumps({"what": 1}),
        json.dumps({"dict": [[1]]}),
        json.dumps({"list": 3}),
        json.dumps({"list": [], "dict": []}),
        json.dumps({"dict": [[[1], 2]]}),
        "[" * 100_000,
    ],
)
def test_damaged_structure(tmp_path: Path, tree: str) -> None:
    path = tmp_path / "x.safetensors"
    save_file({"a": np.zeros(1)}, path, {"fastscratch.tree": tree})
    with pytest.raises(SafetensorsError, match=r"x\.safetensors: the structure .* is damaged"):
        fs.load(path)


def test_truncated(tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    fs.save({"a": [fs.tensor(np.zeros(10))]}, path)
    whole = path.read_bytes()
    for size in range(0, len(whole), 7):
        path.write_bytes(whole[:size])
        with pytest.raises(SafetensorsError, match=r"x\.safetensors: "):
            fs.load(path)
