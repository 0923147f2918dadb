"""The workflow that makes the wheels: what it would build and what it is made of. It is not run here."""

import importlib.util
import re
import subprocess
import sys
from itertools import product
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
if not (ROOT / "wheels.yml").is_file():
    pytest.skip("the workflow is not part of a wheel", allow_module_level=True)
TEXT = (ROOT / "wheels.yml").read_text(encoding="utf-8")
PYTHONS = ("cp311", "cp312", "cp313", "cp314", "cp314t", "cp315", "cp315t")
PLATFORMS = {
    "linux": ("x86_64,aarch64", "manylinux_x86_64 manylinux_aarch64 musllinux_x86_64 musllinux_aarch64"),
    "macos": ("x86_64,arm64", "macosx_x86_64 macosx_arm64"),
    "windows": ("AMD64,ARM64", "win_amd64 win_arm64"),
}


def test_the_copy_that_is_run_is_the_same() -> None:
    assert (ROOT / ".github/workflows/wheels.yml").read_text(encoding="utf-8") == TEXT


def test_actions_are_pinned_by_tag() -> None:
    used = re.findall(r"uses: *(\S+)", TEXT)
    assert {action.split("@")[0] for action in used} == {
        "actions/checkout",
        "actions/upload-artifact",
        "actions/download-artifact",
        "pypa/cibuildwheel",
        "pypa/gh-action-pypi-publish",
    }
    assert not [action for action in used if not re.fullmatch(r"[\w./-]+@v\d+(\.\d+)*", action)]


def test_publishing_needs_no_password_and_only_a_release_does_it() -> None:
    publish = TEXT.split("\n  publish:\n")[1]
    assert "id-token: write" in publish and "if: github.event_name == 'release'" in publish
    assert "id-token" not in TEXT.split("\n  publish:\n")[0]
    assert "secrets." not in TEXT and "password:" not in TEXT


def test_every_kind_of_machine_is_there() -> None:
    (machines,) = re.findall(r"os: \[(.*)\]", TEXT)
    kinds = {"ubuntu-latest", "ubuntu-24.04-arm", "windows-latest", "windows-11-arm", "macos-latest", "macos-15-intel"}
    assert set(machines.split(", ")) == kinds


@pytest.mark.skipif(importlib.util.find_spec("cibuildwheel") is None, reason="needs cibuildwheel")
@pytest.mark.parametrize("platform", PLATFORMS)
def test_what_is_built(platform: str) -> None:
    architectures, tags = PLATFORMS[platform]
    command = [sys.executable, "-m", "cibuildwheel", "--print-build-identifiers", "--platform", platform]
    done = subprocess.run([*command, "--archs", architectures, str(ROOT)], capture_output=True, text=True, check=True)
    assert set(done.stdout.split()) == {f"{python}-{tag}" for python, tag in product(PYTHONS, tags.split())}
