"""A piece of work that several libraries do."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..library import Call, Library


@dataclass(frozen=True)
class Work:
    """One row of a benchmark.

    build(library) returns the call to time. It computes the same in every library: check(result of the call), where given,
    is a number that must agree. peers holds the same work in libraries that do not speak PyTorch; ours_alone: PyTorch has
    no such operation; flops: of products, in dtype. agree: by how much, relatively, the numbers of `check` may differ.
    target: the ratio to reach, or one for each number of threads that has one. Beside it there may be target_share, the
    share of the machine's peak that its products are to reach; target_seconds, what it may take; target_avx2, how many
    times as long our AVX2 kernels may take.
    """

    name: str
    build: Callable[[Library], Call]
    target: float | Mapping[int, float] | None = None
    target_installed: float | None = None
    flops: float | None = None
    dtype: str = "float32"
    images: bool = False
    check: Callable[[Any], float] | None = None
    peers: dict[str, Callable[[int], Call]] = field(default_factory=dict)
    ours_alone: bool = False
    agree: float = 1e-3
    target_share: float | None = None
    target_seconds: float | None = None
    target_avx2: float | None = None

    def target_for(self, threads: int) -> float | None:
        """The ratio to reach with so many threads."""
        return self.target.get(threads) if isinstance(self.target, Mapping) else self.target
