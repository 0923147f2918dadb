"""Forks, threads and settings: nothing hangs, nothing of anybody else's changes."""

import copy
import os
import shutil
import subprocess
import sys
import textwrap
import threading
from ctypes.util import find_library
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import OPENMP, needs_cache, needs_extension, use_threads

import fastscratch as fs
from fastscratch.backend import threads


def run_python(code: str, timeout: float = 60, **environment: str) -> subprocess.CompletedProcess[str]:
    """A fresh interpreter, killed if it hangs."""
    variables = {k: v for k, v in os.environ.items() if not k.startswith(("FASTSCRATCH_", "OMP_"))}
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)],
        env={**variables, **environment},
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )


@needs_extension
def test_threads_of_python_get_the_right_results() -> None:
    rng = np.random.default_rng(0)
    arrays = [rng.standard_normal((64, 64)) for _ in range(8)]
    expected = [fs.from_numpy(a) @ fs.from_numpy(a) for a in arrays]
    wrong: list[int] = []

    def work(i: int) -> None:
        for _ in range(50):
            got = fs.from_numpy(arrays[i]) @ fs.from_numpy(arrays[i])
            if not np.array_equal(got.array, expected[i].array):
                wrong.append(i)

    workers = [threading.Thread(target=work, args=(i,)) for i in range(8)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert wrong == []


@needs_extension
def test_settings_change_while_kernels_run_in_another_thread() -> None:
    """A kernel that changed its tables half-way would read what was packed for other tiles."""
    rng = np.random.default_rng(0)
    x = fs.from_numpy(rng.standard_normal((2, 16, 30, 30)).astype(np.float32))
    w = fs.from_numpy(rng.standard_normal((24, 16, 3, 3)).astype(np.float32))
    a = fs.from_numpy(rng.standard_normal((150, 170)).astype(np.float32))
    expected = [fs.nn.functional.conv2d(x, w).array, (a @ a.T).array]
    wrong: list[float] = []
    stop = threading.Event()

    def work() -> None:
        while not stop.is_set():
            for got, wanted in zip([fs.nn.functional.conv2d(x, w).array, (a @ a.T).array], expected, strict=True):
                error = float(np.abs(got - wanted).max())
                if not error < 1e-2:  # another algorithm's rounding, at most
                    wrong.append(error)

    workers = [threading.Thread(target=work) for _ in range(2)]
    for worker in workers:
        worker.start()
    try:
        for i in range(300):
            fs.backend.use("c", isa=fs.backend.isas()[i % len(fs.backend.isas())])
            fs.backend.set_conv_algorithm(("direct", "winograd", "im2col", "auto")[i % 4])
    finally:
        stop.set()
        for worker in workers:
            worker.join()
        fs.backend.set_conv_algorithm("auto")
    assert wrong == []


@needs_extension
@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_settings_change_in_a_child_forked_while_kernels_ran() -> None:
    done = run_python(
        """
        import os, threading
        import fastscratch as fs
        a = fs.ones(600, 600)
        stop = threading.Event()

        def work():
            while not stop.is_set():
                a @ a

        worker = threading.Thread(target=work)
        worker.start()
        for _ in range(10):
            pid = os.fork()
            if pid == 0:
                fs.backend.use("c", isa="baseline")
                os._exit(0 if fs.backend.get_isa() == "baseline" else 1)
            assert os.waitpid(pid, 0)[1] == 0
        stop.set()
        worker.join()
        print("ok")
        """
    )
    assert done.stdout.split() == ["ok"], done.stderr


@pytest.mark.parametrize("kind", ["SGD", "Adam"])
def test_threads_that_step_one_optimizer_take_turns(kind: str) -> None:
    """As many steps as were asked for, each whole, and the same as one thread makes."""

    def stepped(threads: int, steps: int) -> list[np.ndarray]:
        params = [fs.ones(n, 40).requires_grad_() for n in (3, 50, 400)]
        optimizer = getattr(fs.optim, kind)(params, lr=0.125)
        copy.deepcopy(optimizer).step()  # it can be copied, and a copy has its own lock

        def work() -> None:
            for _ in range(steps):
                for p in params:  # a new array each time, which nobody else holds
                    p.grad = fs.ones(*p.shape)
                optimizer.step()

        workers = [threading.Thread(target=work) for _ in range(threads)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        return [p.detach().numpy() for p in params]

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        for got, wanted in zip(stepped(4, 50), stepped(1, 200), strict=True):
            np.testing.assert_array_equal(got, wanted)
    finally:
        sys.setswitchinterval(interval)


def test_no_grad_is_of_one_thread_only() -> None:
    seen: list[bool] = []
    with fs.no_grad():
        worker = threading.Thread(target=lambda: seen.append(fs.is_grad_enabled()))
        worker.start()
        worker.join()
    assert seen == [True]


def test_import_needs_only_numpy() -> None:
    done = run_python(
        """
        import sys
        import numpy
        before = set(sys.modules)
        import fastscratch
        new = {name.partition(".")[0] for name in set(sys.modules) - before}
        cython = {name for name in new if name.startswith(("_cython", "cython"))}
        print(sorted(new - cython - {"numpy", "fastscratch"} - set(sys.stdlib_module_names)))
        slow = {"concurrent.futures", "email", "importlib.metadata", "multiprocessing", "unittest", "urllib.request"}
        print(sorted(slow & set(sys.modules) - before))
        """
    )
    assert done.stdout.split() == ["[]", "[]"], done.stdout + done.stderr


@pytest.mark.parametrize(("name", "message"), [("cuda", "backend must be one of"), ("C", "backend must be one of")])
def test_unknown_backend(name: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        fs.backend.use(name)
    done = run_python("import fastscratch", FASTSCRATCH_BACKEND=name)
    assert done.returncode != 0
    assert message in done.stderr


@needs_extension
def test_unknown_instruction_set() -> None:
    with pytest.raises(ValueError, match="instruction set 'sse9' is not available here; available: baseline"):
        fs.backend.use("c", isa="sse9")


@needs_extension
@pytest.mark.parametrize("isa", fs.backend.isas())
def test_instruction_set_from_the_environment(isa: str) -> None:
    code = "import fastscratch as fs; print(fs.backend.get_isa())"
    assert run_python(code, FASTSCRATCH_ISA=isa).stdout.strip() == isa


def test_missing_extension() -> None:
    """Without it: one warning and NumPy; asked for by name: an error."""
    hide = "import sys; sys.modules['fastscratch.backend._c'] = None\n"
    done = run_python(hide + "import fastscratch as fs; print(fs.backend.name(), fs.backend.available())")
    assert done.stdout.strip() == "numpy ['numpy']"
    assert done.stderr.count("RuntimeWarning") == 1
    for backend in ("c", "check"):
        done = run_python(hide + "import fastscratch", FASTSCRATCH_BACKEND=backend)
        assert "ImportError: the C extension of fastscratch is not there" in done.stderr


def test_numpy_backend_computes_without_the_extension() -> None:
    hide = "import sys, warnings; warnings.simplefilter('error'); sys.modules['fastscratch.backend._c'] = None\n"
    code = hide + "import fastscratch as fs; print((fs.ones(2, 3) @ fs.ones(3, 2)).tolist())"
    assert run_python(code, FASTSCRATCH_BACKEND="numpy").stdout.strip() == "[[3.0, 3.0], [3.0, 3.0]]"


def test_use_restores_what_was_in_force() -> None:
    before = fs.backend.name()
    with fs.backend.use("numpy"):
        assert fs.backend.name() == "numpy"
    assert fs.backend.name() == before


@needs_extension
def test_number_of_threads_from_the_environment() -> None:
    code = "import fastscratch as fs; print(fs.get_num_threads())"
    assert run_python(code, OMP_NUM_THREADS="1").stdout.strip() == "1"
    assert run_python(code, FASTSCRATCH_NUM_THREADS="1", OMP_NUM_THREADS="2").stdout.strip() == "1"
    done = run_python(code, FASTSCRATCH_NUM_THREADS="many")
    assert "FASTSCRATCH_NUM_THREADS must be a whole number of at least 1, got 'many'" in done.stderr


@needs_extension
@pytest.mark.parametrize("text", ["x", "-1", "9" * 30])
def test_any_text_for_openmp_lets_the_import_succeed(text: str) -> None:
    done = run_python("import fastscratch as fs; print(fs.get_num_threads() >= 1)", OMP_NUM_THREADS=text)
    assert done.stdout.strip() == "True", done.stderr


@needs_extension
@pytest.mark.skipif(OPENMP is None, reason="needs OpenMP")
def test_threadpoolctl_sees_and_limits_our_threads() -> None:
    threadpoolctl = pytest.importorskip("threadpoolctl")
    use_threads(3)
    assert "openmp" in {pool["user_api"] for pool in threadpoolctl.threadpool_info()}
    with threadpoolctl.threadpool_limits(1):
        assert fs.get_num_threads() == 1
    assert fs.get_num_threads() == 3


@needs_extension
@pytest.mark.skipif(OPENMP is None or not os.path.isdir("/proc/self/task"), reason="needs OpenMP and Linux")
def test_kernels_that_threadpoolctl_limits_start_no_threads() -> None:
    pytest.importorskip("threadpoolctl")
    done = run_python(
        """
        import os
        import fastscratch as fs
        from threadpoolctl import threadpool_limits
        fs.set_num_threads(3)
        a = fs.ones(512, 512)
        threads = [len(os.listdir("/proc/self/task"))]
        with threadpool_limits(1, user_api="openmp"):
            a @ a
            threads.append(len(os.listdir("/proc/self/task")))
        a @ a
        threads.append(len(os.listdir("/proc/self/task")))
        print([count - threads[0] for count in threads])
        """,
        OMP_NUM_THREADS="3",
    )
    assert done.stdout.strip() == "[0, 0, 2]", done.stderr


@needs_extension
@pytest.mark.skipif(OPENMP is None or find_library("gomp") is None, reason="needs libgomp")
@pytest.mark.parametrize("allowed", ["1", "5"])
def test_nobody_elses_openmp_settings_change(allowed: str) -> None:
    """The runtime is there before us, as it is in a program that uses it, and is asked again after each thing we do."""
    done = run_python(
        f"""
        import ctypes
        openmp = ctypes.CDLL({find_library("gomp")!r})
        seen = [openmp.omp_get_max_threads()]
        import fastscratch as fs
        seen.append(openmp.omp_get_max_threads())
        fs.set_num_threads(2)
        seen.append(openmp.omp_get_max_threads())
        a = fs.ones(300, 300)
        a @ a
        seen.append(openmp.omp_get_max_threads())
        print(*seen, openmp.omp_get_dynamic(), openmp.omp_get_max_active_levels())
        """,
        OMP_NUM_THREADS=allowed,
    )
    assert done.stdout.split() == [allowed] * 4 + ["0", "1"], done.stderr


@needs_extension
@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="needs affinity")
def test_tests_of_threads_run_with_threads_on_one_processor() -> None:
    """Where OpenMP allows one thread, use_threads() still gets what it asks for."""
    done = run_python(
        f"""
        import os, sys
        os.sched_setaffinity(0, [min(os.sched_getaffinity(0))])
        sys.path.insert(0, {os.path.dirname(__file__)!r})
        import conftest
        import fastscratch as fs
        default = fs.get_num_threads()
        conftest.use_threads(4)
        print(default, fs.get_num_threads())
        """,
        OMP_NUM_THREADS="1",
    )
    assert done.stdout.split() == ["1", "4"], done.stderr


@pytest.mark.parametrize(("n", "error"), [(0, ValueError), (-1, ValueError), (1.5, TypeError), (True, TypeError)])
def test_bad_number_of_threads(n: object, error: type[Exception]) -> None:
    with pytest.raises(error, match="number of threads must be"):
        fs.set_num_threads(n)  # type: ignore[arg-type]


@pytest.mark.parametrize(("quota", "expected"), [(float("inf"), 6), (8.0, 6), (2.5, 3), (2.0, 2), (0.3, 1)])
def test_without_a_wish_threads_are_the_smaller_of_affinity_and_quota(
    quota: float, expected: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("FASTSCRATCH_NUM_THREADS", "OMP_NUM_THREADS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(threads.os, "sched_getaffinity", lambda pid: set(range(6)), raising=False)
    monkeypatch.setattr(threads, "_cgroup_quota", lambda: quota)
    number, reason = threads.default_threads()
    assert number == expected
    assert reason == ("CPU affinity" if quota >= 6 else f"cgroup quota of {quota:g} processors")
    monkeypatch.setenv("OMP_NUM_THREADS", "5,2")
    assert threads.default_threads() == (5, "OMP_NUM_THREADS=5")
    monkeypatch.setenv("FASTSCRATCH_NUM_THREADS", "4")
    assert threads.default_threads() == (4, "FASTSCRATCH_NUM_THREADS=4")


@pytest.mark.parametrize(
    ("text", "expected"),
    [("2", 2), (" 2 ", 2), ("2,1", 2), ("007", 7), ("9" * 30, threads.MOST), ("9" * 5000, threads.MOST)]
    + [(text, 6) for text in ("", "0", "-1", "x", "1.5", "+2", "²", "٣", ",4", "2;1")],
)
def test_what_openmp_is_told(text: str, expected: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is no number of threads is passed over, as OpenMP does: it is not ours to complain about."""
    monkeypatch.delenv("FASTSCRATCH_NUM_THREADS", raising=False)
    monkeypatch.setattr(threads, "_usable", lambda: (6, "CPU affinity"))
    monkeypatch.setenv("OMP_NUM_THREADS", text)
    assert threads.default_threads()[0] == expected
    monkeypatch.setenv("FASTSCRATCH_NUM_THREADS", text)
    if expected == 6 and text.partition(",")[0].strip():
        with pytest.raises(ValueError, match="FASTSCRATCH_NUM_THREADS must be a whole number of at least 1"):
            threads.default_threads()
    else:
        assert threads.default_threads()[0] == expected


@pytest.mark.parametrize("error", [AttributeError("no such function"), PermissionError("not allowed")])
def test_where_affinity_cannot_be_asked(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(pid: int) -> set[int]:
        raise error

    monkeypatch.setattr(threads.os, "sched_getaffinity", refused, raising=False)
    monkeypatch.setattr(threads.os, "cpu_count", lambda: 12)
    monkeypatch.setattr(threads, "_cgroup_quota", lambda: float("inf"))
    assert threads._usable() == (12, "the number of processors")
    monkeypatch.setattr(threads.os, "cpu_count", lambda: None)
    assert threads.usable_cores() == 1


@needs_extension
def test_more_threads_than_c_can_count_are_as_many_as_there_may_be() -> None:
    fs.set_num_threads(10**30)
    assert 1 <= fs.get_num_threads() <= threads.MOST
    assert (fs.ones(300, 300) @ fs.ones(300, 300)).sum().item() == 300**3


@needs_extension
@pytest.mark.skipif(shutil.which("taskset") is None, reason="needs taskset")
def test_taskset_limits_the_threads() -> None:
    """What the system lets us run on is what we take, and what OpenMP would take."""
    mine = sorted(os.sched_getaffinity(0))
    code = "import fastscratch as fs; print(fs.get_num_threads(), fs.backend.threads.why(fs.get_num_threads()))"
    for allowed in (mine[:1], mine[:2]):
        listed = ",".join(map(str, allowed))
        environment = {k: v for k, v in os.environ.items() if not k.startswith(("FASTSCRATCH_", "OMP_"))}
        command = ["taskset", "-c", listed, sys.executable, "-c", code]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
        number, reason = done.stdout.strip().split(" ", 1)
        assert int(number) <= len(allowed), done.stderr
        assert reason.startswith("cgroup") or (int(number), reason) == (len(allowed), "CPU affinity")


INF = float("inf")
V1, V2 = "cpu/x/cpu.cfs_quota_us", "cpu/x/cpu.cfs_period_us"


@pytest.mark.parametrize(
    ("files", "lines", "expected"),
    [
        ({"a/b/cpu.max": "150000 100000"}, "0::/a/b", 1.5),
        ({"a/b/cpu.max": "30000 100000\n"}, "0::/a/b", 0.3),
        ({"a/cpu.max": "100000 100000", "a/b/cpu.max": "max 100000"}, "0::/a/b", 1.0),
        ({"a/cpu.max": "400000 100000", "a/b/cpu.max": "90000 30000", "a/b/c/cpu.max": "max 100000"}, "0::/a/b/c", 3.0),
        ({"a/b/cpu.max": "100000 100000"}, "0::/a", INF),  # a group within ours
        ({"cpu.max": "200000 100000"}, "0::/", 2.0),
        ({"cpu.max": "200000 100000"}, "0::/docker/of/the/host", 2.0),
        ({"cpu.max": "200000 100000", "b/cpu.max": "100000 100000"}, "0::/../b", 2.0),  # beside our namespace
        ({"cpu.max": "max 100000"}, "0::/", INF),
        ({"cpu.max": "max"}, "0::/", INF),
        ({V1: "300000", V2: "100000"}, "4:cpu,cpuacct:/x", 3.0),
        ({V1: "-1", V2: "100000"}, "4:cpu:/x", INF),
        ({V1: "50000", V2: "100000", "cpu/cpu.cfs_quota_us": "-1", "cpu/cpu.cfs_period_us": "1"}, "4:cpu:/x/y", 0.5),
        ({"cpu,cpuacct/cpu.cfs_quota_us": "150000", "cpu,cpuacct/cpu.cfs_period_us": "50000"}, "4:cpu,cpuacct:/", 3.0),
        ({V1: "300000", V2: "100000"}, "5:cpuset:/x\n3:cpuacct:/x", INF),  # other controllers
        ({V1: "300000", V2: "100000", "a/cpu.max": "200000 100000"}, "4:cpu:/x\n0::/a", 2.0),  # both at once
        ({V1: "300000"}, "4:cpu:/x", INF),
        ({}, "0::/nowhere", INF),
        ({}, "", INF),
        *[
            ({"cpu.max": text}, "0::/", INF)
            for text in ("", "x y", "1 2 3", "100000", "-5 100000", "0 100000", "5 0", "5 -1")
        ],
        ({"cpu.max": "9" * 400 + " 1"}, "0::/", INF),
        ({"cpu.max": "9" * 5000 + " 1"}, "0::/", INF),
        ({"cpu.max": b"\xff\xfe 100000"}, "0::/", INF),
        *([({"\udcff/cpu.max": "100000 100000"}, b"0::/\xff", 1.0)] if sys.platform == "linux" else []),  # not UTF-8
        *[
            ({"cpu.max": "100000 100000"}, text, INF)
            for text in ("nonsense", "0", "0:", ":", "4:memory:/", b"\xff\xff")
        ],
        ({"cpu.max": "100000 100000"}, "broken\n0::/", 1.0),
        ({"cpu.max": "100000 100000"}, "0::/a\0b", 1.0),
    ],
)
def test_cgroup_quota(tmp_path: Path, files: dict[str, Any], lines: Any, expected: float) -> None:
    """Groups of both versions, nested, without a limit, and files that are missing or say anything at all."""

    def write(path: Path, content: Any) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())

    for name, content in files.items():
        write(tmp_path / "cgroup" / name, content)
    write(tmp_path / "self", lines)
    assert threads._cgroup_quota(str(tmp_path / "cgroup"), str(tmp_path / "self")) == expected


def test_without_a_cgroup_there_is_no_quota(tmp_path: Path) -> None:
    assert threads._cgroup_quota(str(tmp_path), str(tmp_path / "nothing")) == INF
    assert threads._cgroup_quota(str(tmp_path), str(tmp_path)) == INF  # a folder


@needs_cache
@needs_extension
def test_memory_goes_back_to_the_allocator() -> None:
    a = fs.from_numpy(np.ones((256, 256), np.float32))
    with fs.backend.use("c"):
        (a @ a).array  # noqa: B018
        before = fs.backend.memory_stats()
        for _ in range(20):
            view = (a @ a).array[3:5]
        assert fs.backend.memory_stats()["used"] >= before["used"] + 256 * 256 * 4  # the view keeps it all
        del view
        after = fs.backend.memory_stats()
    assert after["used"] == before["used"]
    assert after["misses"] - before["misses"] <= 2
    fs.backend.empty_cache()
    assert fs.backend.memory_stats()["cached"] == 0


@needs_extension
def test_array_outlives_empty_cache_and_its_thread() -> None:
    held: list[np.ndarray] = []

    def make() -> None:
        held.append((fs.ones(100, 100) @ fs.ones(100, 100)).array)

    worker = threading.Thread(target=make)
    worker.start()
    worker.join()
    fs.backend.empty_cache()
    assert (held[0] == 100).all()
