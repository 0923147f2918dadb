"""``make cross``: the kernels by other compilers, on processors that are not here, and under Valgrind and ThreadSanitizer.

    python -m reliability.cross [--match TEXT...] [--minutes M] [--again]

A part is a family of the kernels' tests in C, as "neon conv", or all of them, or the package on an emulated processor.
"""

import os
import re
import shutil
import sys

from .parts import Part, Parts, Sources, finished, group_of, what_of
from .record import ROOT

_C = ROOT / "tests" / "c"
_ALL = {"clang": "run-clang", "mingw": "compile-mingw", "scalar": "run-scalar", "tsan": "run-tsan"}
_BY_FAMILY = {"nehalem": "run-nehalem", "neon": "run-aarch64", "valgrind": "run-valgrind"}
_SAID = {"mingw": "kernels, compiled and not run", "tsan": "what threads share"}
_PACKAGE = "nehalem the package"
_TESTS = (  # of the package, emulated: they start no other process
    *(
        "activation",
        "autograd",
        "cluster",
        "conv",
        "decomposition",
        "digits",
        "gram",
        "kernel_ridge",
        "layers",
        "linalg",
    ),
    *("linear_model", "loss", "math", "model", "norm", "optim", "pool", "softmax", "tensor", "trainer"),
)
_ON_BASELINE = """
import sys
import fastscratch as fs, pytest
assert fs.backend.name() == "c" and fs.backend.isas() == ["baseline"], (fs.backend.name(), fs.backend.isas())
sys.exit(pytest.main(sys.argv[1:]))
"""


def sources() -> Sources:
    """By part, what its result depends on."""
    families = re.findall(r"^FAMILY\((\w+)\)", (_C / "families.def").read_text(encoding="utf-8"), re.MULTILINE)
    names = [f"{group} {_SAID.get(group, 'kernels')}" for group in _ALL]
    names += [f"{group} {family}" for group in _BY_FAMILY for family in families]
    return dict.fromkeys(names, ("csrc", "tests/c")) | {_PACKAGE: ("setup.py", "csrc", "fastscratch", "tests")}


def run(name: str) -> Part:
    """One part."""
    group, what = group_of(name), what_of(name)
    if name == _PACKAGE:
        python = [shutil.which("qemu-x86_64") or "qemu-x86_64", "-cpu", "Nehalem", sys.executable]
        command = [*python, "-c", _ON_BASELINE, "-p", "no:cacheprovider", "-o", "timeout=0"]
        tests = [f"tests/test_{test}.py" for test in _TESTS]
        chosen = ("FASTSCRATCH_BACKEND", "FASTSCRATCH_ISA")
        settings = {name: value for name, value in os.environ.items() if name not in chosen}
        return finished([*command, *tests], ROOT, {**settings, "OMP_WAIT_POLICY": "passive"})
    if group in _ALL:
        return finished(["make", "-s", _ALL[group]], _C, dict(os.environ))
    arguments = what if group == "valgrind" else f"--threads 1 {what}"
    return finished(["make", "-s", _BY_FAMILY[group], f"ARGS={arguments}"], _C, dict(os.environ))


if __name__ == "__main__":
    sys.exit(Parts("cross", "with", sources(), run).main(__doc__ or ""))
