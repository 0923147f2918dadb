"""Beside PyTorch, scikit-learn and SciPy, imported in any order: all work, and none of their settings changes."""

import functools
import json
from importlib.util import find_spec
from typing import Any

import pytest
from conftest import needs_extension, on_kernels
from test_processes import run_python

OTHERS = [name for name in ("scipy", "sklearn", "torch") if find_spec(name) is not None]
OURS = "fastscratch"

# Imports what it is told to, in that order, lets all of them compute, and prints what the others are set to and got.
PROGRAM = """
import hashlib, json, locale, os, signal, sys, threading, warnings
import numpy as np
np.random.seed(7)  # else its state is another in every process
from importlib import import_module

def settings():
    known = {
        "numpy": [np.geterr(), np.get_printoptions(), np._core.multiarray.get_handler_name()],
        "random": hashlib.sha256(repr(np.random.get_state()).encode()).hexdigest(),
        "denormal": float(np.float32(1e-40) * np.float32(0.5)),
        "environment": {k: v for k, v in os.environ.items() if k not in ("ORDER", "PYTEST_CURRENT_TEST")},
        "signals": [str(signal.getsignal(s)) for s in (signal.SIGINT, signal.SIGTERM, signal.SIGSEGV, signal.SIGFPE)],
        "warnings": len(warnings.filters),
        "interpreter": [sys.getswitchinterval(), sys.getrecursionlimit(), threading.stack_size()],
        "locale": locale.setlocale(locale.LC_ALL),
        "affinity": sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None,
    }
    if "torch" in sys.modules:
        torch = sys.modules["torch"]
        known["torch"] = [torch.get_num_threads(), torch.get_num_interop_threads(), str(torch.get_default_dtype()),
                          torch.is_grad_enabled(), float(torch.tensor(1e-40) * 0.5)]
    try:
        from threadpoolctl import threadpool_info
    except ImportError:
        return known
    # by kind: which file a kind comes from may depend on who came first
    known["pools"] = sorted({(pool["user_api"], pool["internal_api"], pool["num_threads"]) for pool in threadpool_info()})
    return known

def some(array):
    return array.ravel()[:: array.size // 7].astype(float).tolist()

def computed(name):
    a = np.random.default_rng(0).standard_normal((300, 300))
    if name == "scipy":
        from scipy import linalg
        return some(linalg.solve(a, a[0]))
    if name == "sklearn":
        from sklearn.cluster import KMeans
        from sklearn.linear_model import Ridge
        if threading.current_thread() is threading.main_thread():  # it sets the threads of BLAS, and back
            KMeans(3, n_init=1, random_state=0).fit(a)
        return some(Ridge().fit(a, a[0]).coef_)
    if name == "torch":
        import torch
        x = torch.from_numpy(a.astype(np.float32)).requires_grad_()
        (x @ x).tanh().sum().backward()
        return some(x.grad.numpy())
    fs = sys.modules["fastscratch"]
    x = fs.from_numpy(a.astype(np.float32)).requires_grad_()
    (x @ x).tanh().sum().backward()
    fs.nn.functional.conv2d(fs.ones(4, 3, 20, 20), fs.ones(8, 3, 3, 3))
    return some(x.grad.numpy())

order = os.environ["ORDER"].split(",")
for name in order:
    import_module(name)
imported = settings()
got = [{name: computed(name) for name in order} for _ in range(2)]
def side_by_side(i):
    got.append({name: computed(name) for name in (order, order[::-1])[i]})
workers = [threading.Thread(target=side_by_side, args=(i,)) for i in range(2)]
for worker in workers:
    worker.start()
for worker in workers:
    worker.join()
if "fastscratch" in order:
    sys.modules["fastscratch"].set_num_threads(1)
print(json.dumps({"imported": imported, "after": settings(), "got": got}))
"""


@functools.cache
def told(*order: str) -> Any:
    done = run_python(PROGRAM, timeout=200, ORDER=",".join(order))
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def without_ours(settings: Any, others: Any) -> Any:
    """The settings, of the pools of threads only those that the others have without us."""
    pools = [pool for pool in settings.get("pools", []) if pool in others.get("pools", [])]
    return settings | ({"pools": pools} if "pools" in settings else {})


@on_kernels
@needs_extension
@pytest.mark.skipif(not OTHERS, reason="needs SciPy, scikit-learn or PyTorch")
@pytest.mark.parametrize("place", ["first", "between", "last"])
def test_libraries_side_by_side(place: str) -> None:
    others = OTHERS[::-1] if place == "last" else OTHERS
    at = {"first": 0, "between": 1, "last": len(others)}[place]
    alone, beside = told(*others), told(*others[:at], OURS, *others[at:])
    for when in ("imported", "after"):
        assert without_ours(beside[when], alone[when]) == alone[when]
    for got in beside["got"]:
        assert got[OURS] == beside["got"][0][OURS]  # the same bits
        for name in others:
            assert got[name] == pytest.approx(alone["got"][0][name], rel=1e-3, abs=1e-6), name


@on_kernels
@needs_extension
def test_what_would_change_is_noticed() -> None:
    changed = PROGRAM.replace("imported = settings()", "imported = settings(); np.seterr(all='raise')")
    assert changed != PROGRAM
    done = run_python(changed, ORDER="fastscratch")
    known = json.loads(done.stdout)
    assert known["imported"] != known["after"], done.stderr
