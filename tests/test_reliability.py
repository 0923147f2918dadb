"""The page of the long checks, and a quick slice of each of them."""

import json
from pathlib import Path
from typing import Any

import pytest
from reliability.record import CHECKS, DOCS, load, record, write_page

RESULT: dict[str, Any] = {
    "command": "make fuzz",
    "ok": True,
    "seconds": 12.345,
    "counts": {"executions": 1_000_000, "lines": "99 of 100"},
    "rows": [{"target": "a|b", "share": 0.5}],
}


def test_a_record_goes_into_its_file_and_onto_the_page(tmp_path: Path) -> None:
    record("fuzz", RESULT, tmp_path)
    stored = json.loads((tmp_path / "reliability" / "fuzz.json").read_text())
    assert stored["counts"] == RESULT["counts"]
    assert stored["seconds"] == 12.3
    assert {"processor", "instruction sets", "python", "numpy", "compiler"} <= stored["machine"].keys()
    page = (tmp_path / "reliability.md").read_text()
    assert "| `make fuzz` | passed |" in page
    assert "| executions | 1,000,000 |" in page
    assert "| a\\|b | 0.5 |" in page
    assert page.count("not yet run") == len(CHECKS) - 1
    record("fuzz", {**RESULT, "ok": False}, tmp_path)
    assert "| `make fuzz` | **failed** |" in (tmp_path / "reliability.md").read_text()


def test_a_record_that_says_too_little_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="unknown check 'fuz': add it to CHECKS"):
        record("fuz", RESULT, tmp_path)
    with pytest.raises(ValueError, match="the result of fuzz lacks ok, seconds"):
        record("fuzz", {"command": "make fuzz", "counts": {}}, tmp_path)
    assert not (tmp_path / "reliability.md").exists()


def test_the_page_is_that_of_its_records(tmp_path: Path) -> None:
    if not DOCS.is_dir():
        pytest.skip("the page comes with the repository alone")
    (tmp_path / "reliability").mkdir()
    for name in CHECKS:
        if load(name) is not None:
            (tmp_path / "reliability" / f"{name}.json").write_text(json.dumps(load(name)))
    write_page(tmp_path)
    assert (tmp_path / "reliability.md").read_text() == (DOCS / "reliability.md").read_text()
