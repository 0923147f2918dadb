"""What `import fastscratch` costs beside `import numpy`: ``python -m benchmarks.import_time``.

Processor time (user and system) of whole interpreters, in turns, the median of each. The bytecode is cached first, as it
is after any installation. Not for Windows, which does not count the time of children.
"""

import os
import resource
import subprocess
import sys
from statistics import median

ROUNDS = 15


def processor_time(module: str) -> float:
    """Milliseconds that a new interpreter takes to import a module and end."""
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-c", f"import {module}"], env=environment, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return 1e3 * (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)


def main() -> None:
    """Print both medians and their difference."""
    times: dict[str, list[float]] = {"numpy": [], "fastscratch": []}
    for module in times:
        processor_time(module)
    for _ in range(ROUNDS):
        for module, samples in times.items():
            samples.append(processor_time(module))
    numpy, ours = median(times["numpy"]), median(times["fastscratch"])
    print(f"import numpy        {numpy:6.1f} ms")
    print(f"import fastscratch  {ours:6.1f} ms, {ours - numpy:.1f} ms more (at most 50 are promised)")


if __name__ == "__main__":
    main()
