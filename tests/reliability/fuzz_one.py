"""One target under the fuzzer, as fuzz.py starts it: ``reliability.fuzz_one TARGET FOLDER EXECUTIONS SECONDS SEED``.

Nothing of ours may be imported before the fuzzer stands ready to count its branches.
"""

import resource
import sys
from pathlib import Path
from typing import Any

import atheris

_ROOM = 1 << 30  # bytes of address space for the target: an absurd allocation of a parser is a finding
_MAX_LEN = {"idx": 1024, "safetensors": 4096, "kernels": 96}
_INSTRUMENTED = {
    "idx": ["fastscratch.data.idx"],
    "safetensors": ["fastscratch.safetensors", "fastscratch.serialization"],
    "kernels": ["fastscratch.ops"],
}


def work(target: str, folder: Path, executions: int, seconds: int, seed: int) -> None:
    """Fuzz in this process, which ends here; 0 seconds: as long as it takes."""
    with atheris.instrument_imports(include=_INSTRUMENTED[target], enable_loader_override=False):
        one, mutate, seeds = _kernels() if target == "kernels" else _parser(target)
    options = [f"-runs={executions}", f"-max_len={_MAX_LEN[target]}", "-len_control=0", "-timeout=20", f"-seed={seed}"]
    options += [f"-max_total_time={seconds}", f"-artifact_prefix={folder}/", str(folder / "inputs"), *map(str, seeds)]
    wanted: dict[str, Any] = {}
    if mutate is not None:
        wanted["custom_mutator"] = lambda data, size, seed: mutate(data, size, seed, atheris.Mutate)[:size]
    taken = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (taken + _ROOM, taken + _ROOM))
    atheris.Setup(["fuzz", *options], one, **wanted)
    atheris.Fuzz()


def _parser(target: str) -> tuple[Any, Any, list[Path]]:
    from . import parsers

    memory, check = parsers.Memory(), parsers.CHECKS[target]
    return lambda data: check(memory.hold(data), data), parsers.MUTATIONS[target], [parsers.CORPUS / target]


def _kernels() -> tuple[Any, Any, list[Path]]:
    from . import arguments

    arguments.prepare()
    return arguments.check, None, []


if __name__ == "__main__":
    work(sys.argv[1], Path(sys.argv[2]), *map(int, sys.argv[3:]))
