"""A seed gives the same weights: in two runs, on 1, 2, 3 and 4 threads, and after a resume; on every instruction set.

Two processes for each instruction set. The first trains on one thread and leaves checkpoints from the middle of an epoch;
the second trains with other numbers of threads, and goes on from those checkpoints.
"""

from pathlib import Path

import pytest
from conftest import needs_extension, on_kernels
from test_processes import run_python

import fastscratch as fs

WORK = """
import hashlib, os
import numpy as np
import fastscratch as fs
from fastscratch import nn
from fastscratch.data import DataLoader, TensorDataset
from fastscratch.data.transforms import Compose, ElasticTransform, RandomAffine
from fastscratch.train import Callback, Trainer

class Stop(Callback):
    def __init__(self, path):
        self.path = path

    def on_batch_end(self, trainer, logs):
        if self.path and trainer.global_step == 4:
            trainer.save(self.path)

def checkpoint(make):
    return os.path.join(os.environ["FOLDER"], f"{make.__name__}.safetensors")

def mlp():
    net = nn.Sequential(nn.Flatten(), nn.Linear(400, 96), nn.Tanh(), nn.Linear(96, 40), nn.GELU(), nn.Linear(40, 10))
    return net, fs.optim.SGD(net.parameters(), lr=0.05, momentum=0.9, weight_decay=1e-3)

def cnn():
    net = nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU(), nn.MaxPool2d(2), nn.Dropout(0.25),
        nn.Conv2d(16, 24, 3), nn.BatchNorm2d(24), nn.ReLU(), nn.AvgPool2d(2), nn.Flatten(), nn.Linear(384, 10),
    )
    return net, fs.optim.Adam(net.parameters(), lr=0.01)

def trained(make, threads, save=None, resume=None):
    fs.set_num_threads(threads)
    assert fs.get_num_threads() == threads
    fs.manual_seed(1 if resume else 0)
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (96, 1, 20, 20)).astype(np.float32) / 255
    move = Compose([RandomAffine(degrees=15, translate=(0.1, 0.1)), ElasticTransform(20.0, 4.0)])
    data = TensorDataset(images, rng.integers(0, 10, 96))
    loader = DataLoader(data, 32, shuffle=True, transform=move, num_workers=threads % 2)
    net, optimizer = make()
    trainer = Trainer(net, optimizer, nn.functional.cross_entropy, callbacks=[Stop(save)], clip_grad_norm=5.0)
    if resume:
        trainer.resume(resume)
    trainer.fit(loader, epochs=3)
    state = list(net.state_dict().values())
    state += [v for kept in optimizer.state.values() for v in kept.values() if isinstance(v, fs.Tensor)]
    bits = b"".join(t.detach().numpy().tobytes() for t in state)
    return f"{make.__name__} {len(bits)} {hashlib.sha256(bits).hexdigest()}"
"""


def results(code: str, isa: str, folder: Path) -> list[str]:
    done = run_python(WORK + code, timeout=200, OMP_NUM_THREADS="4", FASTSCRATCH_ISA=isa, FOLDER=str(folder))
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


@on_kernels
@needs_extension
@pytest.mark.parametrize("isa", fs.backend.isas())
def test_a_seed_gives_the_same_bits(isa: str, tmp_path: Path) -> None:
    first = results("for make in (mlp, cnn): print(trained(make, 1, save=checkpoint(make)))", isa, tmp_path)
    assert [line.split()[0] for line in first] == ["mlp", "cnn"]
    again = """
for make in (mlp, cnn):
    for threads in (2, 3, 4):
        print(trained(make, threads))
    print(trained(make, 3, resume=checkpoint(make)))
"""
    mlp, cnn = first
    assert results(again, isa, tmp_path) == [mlp] * 4 + [cnn] * 4
