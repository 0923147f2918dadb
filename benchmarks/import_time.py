"""What `import fastscratch` costs after `import numpy`: ``python -m benchmarks.import_time``.

Wall-clock time of the two import statements in new interpreters, bytecode cached as after any installation; medians.
"""

import os
import subprocess
import sys
from statistics import median

ROUNDS = 15
PROGRAM = """
import time
start = time.perf_counter()
import numpy
middle = time.perf_counter()
import fastscratch
print(middle - start, time.perf_counter() - middle)
"""


def import_times() -> tuple[float, float]:
    """Milliseconds that NumPy takes, and that fastscratch takes on top, in a new interpreter."""
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    done = subprocess.run([sys.executable, "-c", PROGRAM], env=environment, check=True, capture_output=True, text=True)
    numpy, ours = done.stdout.split()
    return 1e3 * float(numpy), 1e3 * float(ours)


def main() -> None:
    """Print both medians."""
    import_times()
    numpy, ours = zip(*[import_times() for _ in range(ROUNDS)], strict=True)
    print(f"import numpy        {median(numpy):6.1f} ms")
    print(f"import fastscratch  {median(ours):6.1f} ms more (at most 50 are promised)")


if __name__ == "__main__":
    main()
