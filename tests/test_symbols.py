"""What the extension asks of the system: nothing of the mathematical library, whose newest symbols bar older systems."""

import re
import shutil
import subprocess
import sys

import pytest
from conftest import needs_extension

# sqrt, fabs and the like are instructions; ldexp is the C library's own
MATHEMATICAL = re.compile(
    r"(a?(sin|cos|tan)h?|atan2|sincos|exp(2|10|m1)?|log(2|10|1p|b)?|pow|cbrt|hypot|erfc?|[lt]gamma|fmod|fmax|fmin|fma|fdim"
    r"|floor|ceil|trunc|nearbyint|(l?l)?r(ound|int)|remainder|remquo|nextafter|nexttoward|ilogb)[fl]?"
)


@needs_extension
@pytest.mark.skipif(sys.platform != "linux" or shutil.which("nm") is None, reason="nm lists the symbols of ELF")
def test_no_function_of_the_mathematical_library_is_asked_for() -> None:
    from fastscratch.backend import _c

    listed = subprocess.run(["nm", "-D", "--undefined-only", _c.__file__], capture_output=True, text=True, check=True)
    names = {line.split()[-1].split("@")[0] for line in listed.stdout.splitlines()}
    assert "malloc" in names
    assert not [name for name in sorted(names) if MATHEMATICAL.fullmatch(name)]
