"""The kernels are C11 for any compiler: what only one of them knows stands in headers that guard it.

These are the rules that can be read off the text; `make cross` compiles for another system with every warning an error.
"""

import re
from pathlib import Path

import pytest

CSRC = Path(__file__).resolve().parent.parent / "csrc"
if not CSRC.is_dir():
    pytest.skip("the kernels' sources are not part of a wheel", allow_module_level=True)
SOURCES = sorted(path for kind in ("*.c", "*.h", "*.def") for path in CSRC.rglob(kind))
GUARDED = {"real.h", "cpu.h"}  # for each compiler what it has
GNU = re.compile(
    r"__attribute__|__builtin_\w+|__asm|\basm\b|typeof|__extension__|__int128|__thread|#pragma GCC|\balloca\b"
)


def code(path: Path) -> str:
    """A source without its comments."""
    return re.sub(r"/\*.*?\*/|//[^\n]*", " ", path.read_text(encoding="utf-8"), flags=re.DOTALL)


def test_there_are_sources() -> None:
    assert len(SOURCES) > 50 and {path.name for path in SOURCES} >= GUARDED


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.name)
def test_what_only_gcc_knows_is_in_guarded_headers(path: Path) -> None:
    if path.name not in GUARDED:
        assert not GNU.findall(code(path))


@pytest.mark.parametrize("name", sorted(GUARDED))
def test_guarded_headers_have_something_for_msvc(name: str) -> None:
    text = code(CSRC / name)
    assert GNU.search(text) and "_MSC_VER" in text


def test_openmp_counts_with_a_signed_index() -> None:
    """MSVC's OpenMP is 2.0: an index without a sign is an error there."""
    parallel = re.compile(r"#pragma omp[^\n]*\n(?:#endif\n)?\s*(\w[^\n]*)")
    loops = [(path.name, loop) for path in SOURCES for loop in parallel.findall(code(path))]
    assert loops
    assert [(name, loop) for name, loop in loops if not loop.startswith("for (ptrdiff_t ")] == []


@pytest.mark.parametrize("path", [p for p in SOURCES if p.parent.name == "simd"], ids=lambda path: path.name)
def test_registers_are_made_by_instructions(path: Path) -> None:
    """Clang and GCC initialize a register like an array and compute on it with operators; to MSVC it is an opaque union."""
    assert not re.findall(
        r"\((?:vec|vmask|words|__m\d+[id]?|\w+x\d_t)\)\s*\{|\b(?:vec|vmask|words) \w+ = \{", code(path)
    )


def test_system_headers_of_posix_are_guarded() -> None:
    posix = re.compile(r"#include <(pthread|sched|signal|unistd|sys/\w+)\.h>")
    for path in SOURCES:
        depth, guarded = 0, []
        for line in code(path).splitlines():
            if line.startswith("#if"):
                depth += 1
                guarded += [depth] if "_WIN32" in line or "__linux__" in line else []
            elif line.startswith("#endif"):
                guarded = [level for level in guarded if level < depth]
                depth -= 1
            assert guarded or not posix.match(line), f"{path.name}: {line}"
