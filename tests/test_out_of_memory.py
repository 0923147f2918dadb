"""The system refuses memory: MemoryError, and everything is as it was before.

Each test runs in a process of its own that takes what it has and a little more as its limit (RLIMIT_AS). What it did is
done once more in a process without a limit, and must have the same bits.
"""

import subprocess
import sys
import textwrap

import pytest
from conftest import needs_extension, needs_malloc, on_kernels
from test_processes import run_python

pytestmark = [
    needs_extension,
    needs_malloc,
    on_kernels,
    pytest.mark.skipif(sys.platform != "linux", reason="needs RLIMIT_AS and /proc"),
]

WORK = """
import gc, hashlib, resource
import numpy as np
import fastscratch as fs
from fastscratch import nn
F = nn.functional
fs.set_num_threads(2)
fs.manual_seed(0)

def limit(more=64 << 20, keep=False):
    \"\"\"From here on, so many bytes more than there are and no more; what lies idle is given back first, or kept.\"\"\"
    gc.collect()
    if not keep:
        fs.backend.empty_cache()
    pages = int(open("/proc/self/statm").read().split()[0])
    wanted = pages * resource.getpagesize() + more
    resource.setrlimit(resource.RLIMIT_AS, (wanted, resource.getrlimit(resource.RLIMIT_AS)[1]))

def unlimited():
    resource.setrlimit(resource.RLIMIT_AS, (resource.getrlimit(resource.RLIMIT_AS)[1],) * 2)

def refused(function):
    \"\"\"Is it?\"\"\"
    try:
        function()
    except MemoryError:
        return True
    return False

def bits(tensors):
    return hashlib.sha256(b"".join(t.detach().numpy().tobytes() for t in tensors)).hexdigest()

def everything():
    held = [t for s in optimizer.state.values() for t in s.values() if isinstance(t, fs.Tensor)]
    return bits([*net.state_dict().values(), *held]), [s.get("step") for s in optimizer.state.values()]

net = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
                    nn.Linear(2048, 32), nn.Tanh(), nn.Linear(32, 10))
optimizer = fs.optim.Adam(net.parameters())
rng = np.random.default_rng(0)
x = fs.from_numpy(rng.standard_normal((16, 3, 32, 32)).astype(np.float32))
target = fs.from_numpy(rng.integers(0, 10, 16))

def step():
    optimizer.zero_grad()
    F.cross_entropy(net(x), target).backward()
    optimizer.step()
"""


def run(code: str) -> subprocess.CompletedProcess[str]:
    return run_python(WORK + textwrap.dedent(code), timeout=120, OMP_NUM_THREADS="2")


# Each far beyond 64 MiB: in the result, in the workspace, in a copy, or in what NumPy makes.
TOO_LARGE = {
    "result of a product": "ones @ ones.T",
    "result of a convolution": "F.conv2d(image, fs.ones(64, 3, 3, 3))",
    "result of an activation": "large.exp()",
    "gradient of a reduction": "large.detach().requires_grad_().max().backward()",
    "copy in another order": "fs.sum(large.reshape(5000, 4000).T.exp())",
    "result of NumPy": "fs.cat([large, large])",
    "broadcast": "ones[:, :1] + ones[:, :1].T",
    "cast": "large.to(fs.float64)",
    "Gram matrix": "fs.backend.gram(ones.numpy(), None, 'rbf', 1.0, 0.0, 0.0)",
    "in place": "large.add_(large[:1])",
    "batch norm": "net[1](maps)",
    "random numbers": "fs.randn(20_000_000)",
    "dropout": "F.dropout(large, 0.5)",
    "softmax": "F.softmax(large.reshape(-1, 10), 1)",
    "sorted": "fs.sort(large)",
}


def test_too_large_operations_raise_and_leave_everything_as_it_was() -> None:
    """All in one process, each between two steps of a training."""
    done = run(
        f"""
        ones, large, image, maps = fs.ones(9000, 8), fs.ones(20_000_000), fs.ones(4, 3, 512, 512), fs.ones(8, 8, 600, 600)
        for _ in range(3):
            step()
        limit()
        for name, text in {TOO_LARGE!r}.items():
            loss = F.cross_entropy(net(x), target)
            before, settings = everything(), np.geterr()
            if not refused(lambda: eval(text)):
                print("not refused:", name)
            if everything() != before or np.geterr() != settings or not fs.is_grad_enabled():
                print("changed:", name)
            if not (large.numpy()[::1000] == 1).all():
                print("overwritten:", name)
            optimizer.zero_grad()
            loss.backward()  # the tape from before is whole
            optimizer.step()
        print(everything())
        """
    )
    undisturbed = run(f"for _ in range({3 + len(TOO_LARGE)}): step()\nprint(everything())")
    assert done.stdout == undisturbed.stdout, done.stdout + done.stderr
    assert undisturbed.stdout.startswith("('"), undisturbed.stderr


def test_an_optimizer_without_memory_for_its_state() -> None:
    """Parameters are as they were, and the step can be made once there is memory."""
    done = run(
        """
        parameters = [nn.Parameter(fs.ones(n)) for n in (10, 1_000_000, 16_000_000, 10)]
        for kind in (fs.optim.Adam, fs.optim.RMSprop, lambda p: fs.optim.SGD(p, 0.1, momentum=0.9)):
            optimizer = kind(parameters)
            for p in parameters:
                p.grad = fs.full(p.shape, 0.5)
            limit(48 << 20)
            print(refused(optimizer.step), all((p.detach().numpy()[:: 7] == 1).all() for p in parameters))
            unlimited()
            optimizer.step()
            values = [p.detach().numpy() for p in parameters]
            print(len({float(v[0]) for v in values}), all((v < 1).all() for v in values))
            with fs.no_grad():
                for p in parameters:
                    p.fill_(1.0)
        """
    )
    assert done.stdout.splitlines() == ["True True", "1 True"] * 3, done.stderr


def test_backward_without_memory_can_be_made_again_from_the_start() -> None:
    done = run(
        """
        wide = nn.Sequential(nn.Linear(8, 4_000), nn.Tanh(), nn.Linear(4_000, 2))
        y = fs.ones(3_000, 8)
        def forward_and_back():
            for p in wide.parameters():
                p.grad = None
            loss = wide(y).pow(2).sum()
            if limited:
                limit(24 << 20)
            loss.backward()
        limited = False
        forward_and_back()
        expected, before = bits([p.grad for p in wide.parameters()]), bits(wide.parameters())
        limited = True
        print(refused(forward_and_back))
        unlimited()
        limited = False
        print(bits(wide.parameters()) == before, fs.is_grad_enabled())
        forward_and_back()
        print(bits([p.grad for p in wide.parameters()]) == expected)
        step()
        """
    )
    assert done.stdout.split() == ["True"] * 4, done.stderr


def test_threads_that_cannot_be_started_are_done_without() -> None:
    """A thread's stack is refused too: the caller computes alone, the same bits."""
    done = run(
        """
        import os

        def threads():
            return len(os.listdir("/proc/self/task"))

        a = fs.from_numpy(rng.standard_normal((200, 200)).astype(np.float32))
        fs.set_num_threads(1)
        before, expected = threads(), bits([a @ a])
        fs.set_num_threads(2)
        limit(512 << 10, keep=True)
        print(bits([a @ a]) == expected, threads() - before)
        unlimited()
        print(bits([a @ a]) == expected, threads() - before)
        """
    )
    assert done.stdout.split() == ["True", "0", "True", "1"], done.stderr


def test_estimators_without_memory() -> None:
    done = run(
        """
        from fastscratch.kernel_ridge import KernelRidge
        from fastscratch.linear_model import Ridge
        points, values = rng.standard_normal((6000, 3)), rng.standard_normal(6000)
        fitted = Ridge().fit(points, values)
        coefficients = fitted.coef_.copy()
        limit()
        print(refused(lambda: KernelRidge(kernel="rbf", solver="cholesky").fit(points, values)))
        print((Ridge().fit(points, values).coef_ == coefficients).all(), (fitted.coef_ == coefficients).all())
        """
    )
    assert done.stdout.split() == ["True"] * 3, done.stderr
