"""Builds the kernels: each file of csrc/ for both types, each file of csrc/simd/ for every instruction set as well.

The extension is optional: where there is no compiler the install succeeds and the package runs on NumPy.

FASTSCRATCH_REQUIRE_EXT=1   fail if the extension cannot be built (wheels are made with this)
FASTSCRATCH_NO_EXT=1        do not try
FASTSCRATCH_SANITIZE=1      AddressSanitizer and UndefinedBehaviorSanitizer, allocator cache bypassed
FASTSCRATCH_WERROR=1        warnings are errors
"""

import os
import subprocess
import sys
import sysconfig
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

CSRC = Path("csrc")
UNTYPED = {"alloc", "dispatch", "kept", "threads"}  # compiled once; everything else once per type
TYPES = {"f32": [], "f64": ["FS_F64"]}


def flag(name: str) -> bool:
    return os.environ.get(f"FASTSCRATCH_{name}", "0") not in ("", "0")


def target_machine() -> str:
    """The architecture compiled for, which under cross-compilation is not the one we run on."""
    platform = sysconfig.get_platform().lower()
    if sys.platform == "darwin" and "ARCHFLAGS" in os.environ:
        platform = os.environ["ARCHFLAGS"].lower()
    if "arm64" in platform or "aarch64" in platform:
        return "arm64"
    return "x86_64" if "x86_64" in platform or "amd64" in platform else "other"


def instruction_sets(msvc: bool) -> dict[str, list[str]]:
    """Name -> compiler flags of every instruction set that is built, the baseline first."""
    machine = target_machine()
    if machine == "arm64":
        return {"baseline": [], "neon": []}
    if machine == "x86_64" and msvc:
        return {"baseline": [], "avx2": ["/arch:AVX2"], "avx512": ["/arch:AVX512"]}
    if machine == "x86_64":
        avx2 = ["-mavx2", "-mfma"]
        wide = ["-mavx512f", "-mavx512vl", "-mavx512bw", "-mavx512dq", "-mprefer-vector-width=512"]
        return {"baseline": [], "avx2": avx2, "avx512": avx2 + wide}
    return {"baseline": []}


def base_flags(msvc: bool) -> list[str]:
    if msvc:
        return ["/O2", "/std:c11", "/experimental:c11atomics", "/W3"]
    flags = ["-std=c11", "-O3", "-pthread", "-Wall", "-Wextra", "-fvisibility=hidden"]
    flags += ["-fno-math-errno", "-fno-trapping-math", "-ffp-contract=fast"]
    if flag("WERROR"):
        flags += ["-Werror"]
    if flag("SANITIZE"):
        flags += ["-O1", "-g", "-fno-omit-frame-pointer", "-fsanitize=address,undefined"]
        flags += ["-fno-sanitize-recover=undefined", "-DFS_NO_CACHE"]
    else:  # Python's own flags ask for debugging sections: a third of the time, and ten times the size of the code
        flags += ["-g0"]
    return flags


class BuildKernels(build_ext):
    """build_ext that compiles csrc/ to objects, each with its own flags, and links them in."""

    def build_extension(self, ext: Extension) -> None:
        msvc = self.compiler.compiler_type == "msvc"
        isas = instruction_sets(msvc)
        flags = base_flags(msvc)
        openmp = self.openmp_flags(msvc)
        have = [f"FS_HAVE_{isa.upper()}" for isa in isas if isa != "baseline"]
        jobs = []
        for source in sorted(CSRC.glob("*.c")):
            for kind, defines in {"": []}.items() if source.stem in UNTYPED else TYPES.items():
                jobs.append((source, kind, have + defines, flags + openmp))
        for source in sorted((CSRC / "simd").glob("*.c")):
            for kind, defines in TYPES.items():
                for isa, extra in isas.items():
                    isa_defines = [*defines, f"FS_ISA_{isa.upper()}"]
                    jobs.append((source, f"{kind}_{isa}", isa_defines, flags + extra))
        with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
            ext.extra_objects = list(pool.map(lambda job: self.compile_one(*job), jobs))
        ext.depends = ext.extra_objects  # or a changed kernel would not be linked again
        ext.include_dirs = [str(CSRC), __import__("numpy").get_include()]
        # Cython's own code is not ours to keep free of warnings.
        ext.extra_compile_args = [f for f in flags + openmp if f not in ("-Wextra", "-Werror")]
        ext.extra_link_args = [] if msvc else ["-pthread", *openmp]
        if flag("SANITIZE"):
            ext.extra_link_args += ["-fsanitize=address,undefined"]
        super().build_extension(ext)

    def compile_one(self, source: Path, kind: str, defines: list[str], flags: list[str]) -> str:
        """One object, unless it is newer than its source and every header."""
        folder = Path(self.build_temp) / ("sanitize" if flag("SANITIZE") else "plain") / kind
        target = folder / source.with_suffix(".obj" if os.name == "nt" else ".o")
        headers = [Path(__file__), *CSRC.rglob("*.h"), *CSRC.rglob("*.def"), source]
        newest = max(path.stat().st_mtime for path in headers)
        if not self.force and target.exists() and target.stat().st_mtime > newest:
            return str(target)
        macros = [(name, None) for name in defines]
        return self.compiler.compile([str(source)], str(folder), macros, [str(CSRC)], extra_preargs=flags)[0]

    def openmp_flags(self, msvc: bool) -> list[str]:
        """The flag that switches OpenMP on, if the compiler and linker take it."""
        if msvc:
            return ["/openmp"]
        if sys.platform == "darwin":  # two OpenMP runtimes in one process crash: none is bundled
            return []
        program = "#include <omp.h>\nint main(void) { return omp_get_max_threads() < 1; }\n"
        with tempfile.TemporaryDirectory() as folder:
            source, binary = Path(folder, "probe.c"), Path(folder, "probe")
            source.write_text(program)
            command = [*self.compiler.compiler_so, "-fopenmp", str(source), "-o", str(binary)]
            try:
                done = subprocess.run(command, capture_output=True, check=False)
            except OSError:
                return []
        return ["-fopenmp"] if done.returncode == 0 else []


extension = Extension(
    "fastscratch.backend._c",
    sources=["fastscratch/backend/_c.pyx"],
    define_macros=[
        ("NPY_NO_DEPRECATED_API", "NPY_2_0_API_VERSION"),
        ("NPY_TARGET_VERSION", "NPY_2_0_API_VERSION"),
    ],
    optional=not flag("REQUIRE_EXT"),
)

setup(
    ext_modules=[] if flag("NO_EXT") else [extension],
    cmdclass={"build_ext": BuildKernels},
)
