"""One face for the libraries compared: fastscratch has PyTorch's names, so a piece of work is written once for both."""

import importlib
import os
from collections.abc import Callable
from typing import Any

import numpy as np

Call = Callable[[], Any]


class Library:
    """fastscratch or PyTorch, in one memory layout.

    best : use everything that makes the peer faster: fused optimizers, inference mode, channels-last images.
    """

    def __init__(self, name: str, threads: int, *, best: bool = True, layout: str = "") -> None:
        self.name, self.best, self.layout = name, best, layout
        self.module: Any = importlib.import_module(name)
        self.nn, self.optim, self.functional = self.module.nn, self.module.optim, self.module.nn.functional
        self.module.set_num_threads(threads)

    def tensor(self, array: np.ndarray, *, grad: bool = False) -> Any:
        """A tensor in the library's own memory; images in its layout."""
        x = self.module.tensor(array)
        if self.layout == "channels_last" and x.ndim == 4:
            x = x.contiguous(memory_format=self.module.channels_last)
        if grad:
            x.requires_grad_()
        return x

    def network(self, make: Callable[[Any], Any]) -> Any:
        """make(nn) with the same weights in every library, and in this library's layout."""
        net = make(self.nn)
        rng = np.random.default_rng(1)
        with self.module.no_grad():
            for p in net.parameters():
                shape = tuple(p.shape)
                spread = 1 / np.sqrt(np.prod(shape[1:])) if len(shape) > 1 else 0.1
                p.copy_(self.module.from_numpy((rng.standard_normal(shape) * spread).astype(np.float32)))
        if self.layout == "channels_last" and self.name == "torch":  # ours lays filters as its kernels want them
            net = net.to(memory_format=self.module.channels_last)
        return net

    def optimizer(self, name: str, parameters: Any, **options: Any) -> Any:
        """An optimizer by its name; PyTorch's fused one at its best."""
        if self.name == "torch" and self.best:
            options["fused"] = True
        return getattr(self.optim, name)(parameters, **options)

    def inference(self) -> Any:
        """The context for predictions."""
        return self.module.inference_mode() if self.best and self.name == "torch" else self.module.no_grad()


def libraries(contestant: str, threads: int, *, images: bool) -> dict[str, Library]:
    """The variants in which a contestant is timed; the fastest counts."""
    if contestant == "torch as installed":
        return {"": Library("torch", threads, best=False)}
    name = contestant.split("-", maxsplit=1)[0]
    layouts = ("nchw", "channels_last") if images else ("",)
    return {layout: Library(name, threads, layout=layout) for layout in layouts}


def about(contestant: str) -> dict[str, Any]:
    """Versions and settings that a contestant's figures depend on."""
    names = {"torch as installed": "torch", "numpy": "numpy", "jax": "jax", "sklearn": "sklearn"}
    module: Any = importlib.import_module(names.get(contestant, contestant.split("-", maxsplit=1)[0]))
    answer = {"version": module.__version__, "environment": settings()}
    if module.__name__ == "fastscratch":
        answer["instruction_set"] = module.backend.get_isa()
        answer["compiler"] = module.backend.compiler()
    return answer


def settings() -> dict[str, str]:
    """What the environment says about memory and threads."""
    wanted = ("MALLOC_", "OPENBLAS_", "OMP_", "MKL_", "FASTSCRATCH_ISA", "XLA_FLAGS")
    return {key: value for key, value in os.environ.items() if key.startswith(wanted)}
