"""The rules for wheels that `make matrix` holds every wheel to, on wheels made here; and the interpreters it would use."""

import base64
import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

import pytest
from reliability import wheel
from reliability.pythons import pythons

ROOT = Path(__file__).resolve().parent.parent
INFO = "fastscratch-0.1.0.dist-info"
METADATA = """Metadata-Version: 2.4
Name: fastscratch
License-Expression: MIT
License-File: LICENSE
License-File: licenses/libgomp.txt
Requires-Python: >=3.11
"""
FILES = {
    "fastscratch/__init__.py": b"",
    "fastscratch/py.typed": b"",
    "fastscratch/backend/_c.cpython-311-x86_64-linux-gnu.so": b"\x7fELF",
    "fastscratch.libs/libgomp-0123abcd.so.1.0.0": b"\x7fELF",
    f"{INFO}/METADATA": METADATA.encode(),
    f"{INFO}/WHEEL": b"Wheel-Version: 1.0\n",
    f"{INFO}/licenses/LICENSE": b"MIT License\n",
    f"{INFO}/licenses/licenses/libgomp.txt": b"GPL\n",
}


def written(path: Path, files: dict[str, bytes], record: str | None = None) -> Path:
    rows = [f"{name},sha256={base64.urlsafe_b64encode(hashlib.sha256(data).digest()).decode().rstrip('=')},{len(data)}"
            for name, data in files.items()]  # fmt: skip
    with ZipFile(path, "w") as made:
        made.mkdir("fastscratch")
        for name, data in files.items():
            made.writestr(name, data)
        made.writestr(f"{INFO}/RECORD", record if record is not None else "\n".join([*rows, f"{INFO}/RECORD,,"]))
    return path


def test_a_right_wheel_has_no_fault(tmp_path: Path) -> None:
    assert wheel.faults(written(tmp_path / "a.whl", FILES), grafted=True) == []


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"fastscratch/py.typed": None}, "0 files like fastscratch/py"),
        ({"fastscratch/backend/_c.cpython-311-x86_64-linux-gnu.so": None}, "0 files like fastscratch/backend/_c"),
        ({"fastscratch.libs/libgomp-0123abcd.so.1.0.0": None}, r"0 files like fastscratch\.libs"),
        ({f"{INFO}/licenses/licenses/libgomp.txt": None}, r"licenses/libgomp\.txt"),
        ({"fastscratch/backend/c.pyx": b"x"}, "fastscratch/backend/c.pyx does not belong"),
        ({"tests/test_files.py": b"x"}, "tests/test_files.py does not belong"),
        ({f"{INFO}/METADATA": METADATA.replace("MIT", "GPL").encode()}, "METADATA has License-Expression"),
        ({"fastscratch/__init__.py": bytes(wheel.LIMIT)}, "bytes, more than 3,000,000"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, change: dict[str, bytes | None], fault: str) -> None:
    files = {name: data for name, data in {**FILES, **change}.items() if data is not None}
    found = wheel.faults(written(tmp_path / "a.whl", files), grafted=True)
    assert len(found) == 1
    assert fault in found[0]


def test_a_changed_or_unlisted_file_is_named(tmp_path: Path) -> None:
    found = wheel.faults(written(tmp_path / "a.whl", FILES, record=f"{INFO}/RECORD,,"), grafted=True)
    assert len(found) == len(FILES) and all(fault.startswith("RECORD has None for ") for fault in found)


@pytest.mark.skipif(not (ROOT / "fastscratch").is_dir(), reason="the sources are not part of a wheel")
def test_a_wheel_without_the_extension_lacks_nothing_else(tmp_path: Path) -> None:
    pytest.importorskip("setuptools", minversion="77")
    pytest.importorskip("pip")
    tree = tmp_path / "tree"
    built = shutil.ignore_patterns("*.so", "*.pyd", "_c.c", "__pycache__")
    shutil.copytree(ROOT / "fastscratch", tree / "fastscratch", ignore=built)
    shutil.copytree(ROOT / "licenses", tree / "licenses")
    for name in ("setup.py", "pyproject.toml", "README.md", "LICENSE", "MANIFEST.in"):
        shutil.copy(ROOT / name, tree)
    command = [sys.executable, "-m", "pip", "wheel", "-q", "--no-build-isolation", "--no-deps", "--no-index"]
    environment = {**os.environ, "FASTSCRATCH_NO_EXT": "1"}
    subprocess.run([*command, "-w", tmp_path, tree], env=environment, check=True, timeout=120)
    (made,) = tmp_path.glob("*.whl")
    assert made.name.endswith("-py3-none-any.whl")
    (fault,) = wheel.faults(made, grafted=False)
    assert fault.startswith("0 files like fastscratch/backend/_c")


@pytest.mark.skipif(sys.implementation.name != "cpython", reason="looks for CPython")
def test_this_interpreter_is_found() -> None:
    version = "{}.{}".format(*sys.version_info)
    tags = [python.tag.rstrip("t") for python in pythons()]
    assert f"cp{version.replace('.', '')}" in tags
