"""Processes made of a process that has computed: nothing hangs, and every child computes what its parent would."""

import multiprocessing
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from conftest import needs_extension, needs_malloc, on_kernels
from test_processes import run_python

import fastscratch as fs

pytestmark = [needs_extension, on_kernels]
needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")

# What a parent and its children do: a training whose kernels use the pool, and a number of all bits of the network.
WORK = """
import hashlib, os, signal, socket, sys, threading, traceback, warnings
import numpy as np
import fastscratch as fs
from fastscratch import nn
warnings.simplefilter("ignore", DeprecationWarning)  # of fork where there are threads, from Python 3.12 on
fs.set_num_threads(2)

def child(function):
    pid = os.fork()
    if pid == 0:
        right = False
        try:
            signal.alarm(120)  # who hangs dies
            right = function()
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(0 if right else 1)
    return pid

def status(pid):
    return os.waitpid(pid, 0)[1]

def digest(tensors):
    return hashlib.sha256(b"".join(t.detach().numpy().tobytes() for t in tensors)).hexdigest()

def trained(seed=0):
    with fs.random.fork_rng():
        fs.manual_seed(seed)
        net = nn.Sequential(nn.Conv2d(1, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
                            nn.Linear(16 * 144, 64), nn.Tanh(), nn.Linear(64, 10))
        optimizer = fs.optim.Adam(net.parameters())
        x, target = fs.randn(64, 1, 24, 24), fs.randint(0, 10, (64,))
        for _ in range(2):
            optimizer.zero_grad()
            nn.functional.cross_entropy(net(x), target).backward()
            optimizer.step()
    return digest(net.state_dict().values())
"""


def run_work(code: str) -> list[str]:
    """The words that the code prints."""
    done = run_python(WORK + textwrap.dedent(code), timeout=200, OMP_NUM_THREADS="2")
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


@needs_fork
def test_fifty_children_train_as_their_parent() -> None:
    """Between the forks the parent goes on, with its team of threads; five children live at a time."""
    code = """
        expected = trained()
        for _ in range(10):
            children = [child(lambda: fs.get_num_threads() == 1 and trained() == expected) for _ in range(5)]
            print(trained() == expected, *map(status, children))
        print(fs.get_num_threads())
        """
    assert run_work(code) == ["True", *"00000"] * 10 + ["2"]


@needs_fork
@needs_malloc
def test_children_of_a_thread_while_others_compute() -> None:
    """Forked by another thread than the first, with kernels, the allocator, an optimizer and a shared gradient in use."""
    code = """
        expected, stop, statuses = trained(), threading.Event(), []
        shared = nn.Parameter(fs.zeros(600, 300))
        optimizer = fs.optim.SGD([shared], lr=0.0)

        def compute():
            while not stop.is_set():
                (shared * fs.ones(600, 300)).sum().backward()
                optimizer.step()

        def compute_as_well():
            for _ in range(2):
                (shared * 2.0).sum().backward()
            optimizer.step()
            return trained() == expected

        forker = threading.Thread(target=lambda: statuses.extend(status(child(compute_as_well)) for _ in range(10)))
        workers = [threading.Thread(target=compute) for _ in range(3)]
        for thread in (*workers, forker):
            thread.start()
        forker.join()
        stop.set()
        for worker in workers:
            worker.join()
        print(trained() == expected, *statuses)
        """
    assert run_work(code) == ["True", *"0" * 10]


@needs_fork
def test_a_child_does_not_wait_for_a_lock_of_its_parents() -> None:
    """Another thread of the parent was amid a step, and amid adding to a gradient: for ever, as the child sees it."""
    code = """
        leaf = nn.Parameter(fs.ones(3))
        optimizer = fs.optim.SGD([leaf], lr=1.0)
        adding = sys.modules["fastscratch.tensor"]._turn
        held, done = threading.Event(), threading.Event()

        def hold():
            with optimizer._turn.lock, adding.lock:
                held.set()
                done.wait()

        def stepped():
            for _ in range(2):
                (leaf * 2.0).sum().backward()
            optimizer.step()
            return leaf.tolist() == [-3.0] * 3

        holder = threading.Thread(target=hold)
        holder.start()
        held.wait()
        print(status(child(stepped)))
        done.set()
        holder.join()
        """
    assert run_work(code) == ["0"]


@needs_fork
def test_a_server_that_forks_its_workers_beforehand() -> None:
    """Three workers answer on one socket with the parent's model; one dies and is replaced while the parent computes."""
    code = """
        net = nn.Sequential(nn.Linear(256, 512), nn.ReLU(), nn.Linear(512, 10)).eval()
        listening = socket.create_server(("127.0.0.1", 0), backlog=64)

        def predict(seed):
            rng = np.random.default_rng(seed)
            with fs.no_grad():
                return digest([net(fs.from_numpy(rng.standard_normal((200, 256)).astype(np.float32)))])

        def serve():
            while True:
                with listening.accept()[0] as connection:
                    connection.sendall(predict(int(connection.recv(16))).encode())

        def answer(seed):
            with socket.create_connection(listening.getsockname(), timeout=100) as connection:
                connection.sendall(str(seed).encode())
                text = b""
                while part := connection.recv(256):
                    text += part
            return text.decode()

        def end(pid):
            os.kill(pid, signal.SIGKILL)
            status(pid)

        expected = [predict(seed) for seed in range(30)]
        workers = [child(serve) for _ in range(3)]
        right = [answer(seed) == expected[seed] for seed in range(15)]
        end(workers[0])
        right += [predict(seed) == expected[seed] for seed in range(5)]
        workers[0] = child(serve)
        right += [answer(seed) == expected[seed] for seed in range(15, 30)]
        for pid in workers:
            end(pid)
        print(all(right), len(right))
        """
    assert run_work(code) == ["True", "35"]


def run_script(folder: Path, code: str, argument: str = "") -> list[str]:
    """What a file with this under its `if __name__` prints: other processes import it."""
    script = folder / "jobs.py"
    script.write_text(f"{WORK}\nif __name__ == '__main__':\n{textwrap.indent(textwrap.dedent(code), '    ')}")
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("FASTSCRATCH_", "OMP_"))}
    paths = [str(Path(fs.__file__).parent.parent), environment.get("PYTHONPATH", "")]
    environment |= {"OMP_NUM_THREADS": "2", "PYTHONPATH": os.pathsep.join(filter(None, paths))}
    command = [sys.executable, str(script), argument]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=200, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


@pytest.mark.parametrize("method", multiprocessing.get_all_start_methods())
def test_pools_of_processes(method: str, tmp_path: Path) -> None:
    code = """
        import multiprocessing
        expected = [trained(seed) for seed in range(4)]
        with multiprocessing.get_context(sys.argv[1]).Pool(2) as pool:
            print(pool.map(trained, range(4), chunksize=1) == expected, trained(0) == expected[0])
        """
    assert run_script(tmp_path, code, method) == ["True", "True"]


def test_joblib(tmp_path: Path) -> None:
    pytest.importorskip("joblib")
    code = """
        from joblib import Parallel, delayed
        expected = [trained(seed) for seed in range(4)]
        got = Parallel(n_jobs=2)(delayed(trained)(seed) for seed in range(4))
        print(got == expected, trained(0) == expected[0])
        """
    assert run_script(tmp_path, code) == ["True", "True"]
