"""What a wheel must hold, and what it must not."""

import base64
import csv
import hashlib
import io
import re
from email.parser import Parser
from pathlib import Path
from zipfile import ZipFile

LIMIT = 3_000_000  # bytes
_ALLOWED = re.compile(
    r"fastscratch/[\w/]+\.py|fastscratch/py\.typed|fastscratch/backend/_c\.[\w.-]+\.so|fastscratch\.libs/libgomp-[\w.-]+"
    r"|fastscratch-[\w.]+\.dist-info/(METADATA|WHEEL|RECORD|top_level\.txt|entry_points\.txt|sboms/[\w.-]+)"
    r"|fastscratch-[\w.]+\.dist-info/licenses/[\w./]+"
)


def faults(path: Path, *, grafted: bool) -> list[str]:
    """Everything that is wrong with a wheel; ``grafted``: auditwheel has put OpenMP's runtime into it."""
    found = []
    if path.stat().st_size > LIMIT:
        found.append(f"{path.stat().st_size:,} bytes, more than {LIMIT:,}")
    with ZipFile(path) as wheel:
        names = [name for name in wheel.namelist() if not name.endswith("/")]  # auditwheel names folders too
        found += [f"{name} does not belong into it" for name in names if not _ALLOWED.fullmatch(name)]
        found += _missing(names, grafted)
        found += _record_faults(wheel)
        found += _metadata_faults(wheel)
    return found


def _missing(names: list[str], grafted: bool) -> list[str]:
    wanted = [r"fastscratch/py\.typed", r"fastscratch/backend/_c\..*"]
    wanted += [r".*\.dist-info/licenses/LICENSE", r".*\.dist-info/licenses/licenses/libgomp\.txt"]
    wanted += [r"fastscratch\.libs/libgomp.*"] if grafted else []
    counts = {pattern: sum(bool(re.fullmatch(pattern, name)) for name in names) for pattern in wanted}
    return [f"{count} files like {pattern}, not one" for pattern, count in counts.items() if count != 1]


def _record_faults(wheel: ZipFile) -> list[str]:
    """RECORD must name every file with its sum."""
    (name,) = [name for name in wheel.namelist() if name.endswith(".dist-info/RECORD")]
    rows = csv.reader(io.StringIO(wheel.read(name).decode()))
    told = {path: checksum for path, checksum, _ in rows if path != name}
    there = {path: _sum(wheel.read(path)) for path in wheel.namelist() if path != name and not path.endswith("/")}
    wrong = sorted(path for path in told.keys() | there.keys() if told.get(path) != there.get(path))
    return [f"RECORD has {told.get(path)} for {path}, which has {there.get(path)}" for path in wrong]


def _sum(content: bytes) -> str:
    return "sha256=" + base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()


def _metadata_faults(wheel: ZipFile) -> list[str]:
    (name,) = [name for name in wheel.namelist() if name.endswith(".dist-info/METADATA")]
    metadata = Parser().parsestr(wheel.read(name).decode())
    wanted = {"License-Expression": ["MIT"], "Requires-Python": [">=3.11"]}
    wanted["License-File"] = ["LICENSE", "licenses/libgomp.txt"]
    found = {key: metadata.get_all(key) for key in wanted}
    return [f"METADATA has {key}: {found[key]}, not {value}" for key, value in wanted.items() if found[key] != value]
