"""Single operations, forward and backward, through the public interface."""

from collections.abc import Callable, Mapping
from typing import Any, Literal

import numpy as np

from ..library import Call, Library
from .work import Work

Make = Callable[[Library], tuple[Callable[..., Any], list[Any]]]


def normal(*shape: int, seed: int = 0) -> np.ndarray:
    """Standard normal numbers, float32."""
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def forward(
    operation: Callable[..., Any], *arrays: np.ndarray, grads: tuple[int, ...] = (0,)
) -> Callable[[Library], Call]:
    """The operation, recorded for the way back."""

    def build(library: Library) -> Call:
        inputs = [library.tensor(a, grad=i in grads) for i, a in enumerate(arrays)]
        return lambda: operation(library, *inputs)

    return build


def backward(
    operation: Callable[..., Any], *arrays: np.ndarray, grads: tuple[int, ...] = (0,)
) -> Callable[[Library], Call]:
    """The way back alone, of a graph that is kept."""

    def build(library: Library) -> Call:
        inputs = [library.tensor(a, grad=i in grads) for i, a in enumerate(arrays)]
        y = operation(library, *inputs)
        dy = library.tensor(normal(*tuple(y.shape), seed=9))

        def call() -> Any:
            for i in grads:
                inputs[i].grad = None
            y.backward(dy, retain_graph=True)
            return inputs[grads[0]].grad

        return call

    return build


def both(
    operation: Callable[..., Any], *arrays: np.ndarray, grads: tuple[int, ...] = (0,)
) -> Callable[[Library], Call]:
    """Forward and backward of an operation that ends in one number."""

    def build(library: Library) -> Call:
        inputs = [library.tensor(a, grad=i in grads) for i, a in enumerate(arrays)]

        def call() -> Any:
            for i in grads:
                inputs[i].grad = None
            operation(library, *inputs).backward()
            return inputs[grads[0]].grad

        return call

    return build


def _absolute(y: Any) -> float:
    return float(abs(y).sum().item())


# ---- convolution ----


def _conv_works() -> list[Work]:
    works = []
    rows: list[tuple[str, tuple[int, ...], tuple[int, ...], dict[str, int], float]] = [
        ("3x3 32->32 28x28 p1", (64, 32, 28, 28), (32, 32, 3, 3), {"padding": 1}, 2.0),
        ("3x3 32->64 14x14 p1", (64, 32, 14, 14), (64, 32, 3, 3), {"padding": 1}, 2.0),
        ("3x3 64->128 7x7 p1", (64, 64, 7, 7), (128, 64, 3, 3), {"padding": 1}, 2.0),
        ("3x3 1->32 28x28", (64, 1, 28, 28), (32, 1, 3, 3), {}, 1.4),
        ("5x5 1->6 28x28 p2", (64, 1, 28, 28), (6, 1, 5, 5), {"padding": 2}, 1.4),
        ("1x1 64->64 14x14", (64, 64, 14, 14), (64, 64, 1, 1), {}, 1.0),
        ("5x5 6->16 14x14", (64, 6, 14, 14), (16, 6, 5, 5), {}, 1.0),
        ("3x3 32->64 28x28 s2 p1", (64, 32, 28, 28), (64, 32, 3, 3), {"stride": 2, "padding": 1}, 1.0),
        ("3x3 64->64 14x14 p1, 4 groups", (64, 64, 14, 14), (64, 16, 3, 3), {"padding": 1, "groups": 4}, 1.0),
        ("3x3 64 depthwise 14x14 p1", (64, 64, 14, 14), (64, 1, 3, 3), {"padding": 1, "groups": 64}, 1.0),
        ("3x3 32->32 28x28 p2 d2", (64, 32, 28, 28), (32, 32, 3, 3), {"padding": 2, "dilation": 2}, 1.0),
    ]
    for name, x, w, options, target in rows:
        arrays = normal(*x), normal(*w, seed=1), normal(w[0], seed=2)

        def conv(library: Library, *inputs: Any, options: dict[str, int] = options) -> Any:
            return library.functional.conv2d(*inputs, **options)

        side = (x[2] + 2 * options.get("padding", 0) - options.get("dilation", 1) * (w[2] - 1) - 1) // options.get(
            "stride", 1
        ) + 1
        flops = 2.0 * x[0] * side * side * w[0] * w[1] * w[2] * w[3]
        more: dict[str, Any] = {"target": target, "flops": flops, "images": True, "check": _absolute}
        works.append(Work(f"conv2d {name}, forward", forward(conv, *arrays, grads=(1, 2)), **more))
        works.append(Work(f"conv2d {name}, gradient of x", backward(conv, *arrays, grads=(0,)), **more))
        works.append(Work(f"conv2d {name}, gradient of w", backward(conv, *arrays, grads=(1,)), **more))
    return works


# ---- element by element, losses, norms, pools ----


def _pointwise_works() -> list[Work]:
    x = normal(1 << 20)
    positive = np.abs(x) + 0.1
    works = []
    for name, target in (("tanh", 6.0), ("sigmoid", 1.3), ("gelu", 1.3), ("exp", 1.3), ("log", 1.3), ("relu", 0.95)):

        def function(library: Library, x: Any, name: str = name) -> Any:
            return getattr(library.functional if name == "gelu" else library.module, name)(x)

        a = positive if name == "log" else x
        back = 0.95 if name == "relu" else 1.3
        works.append(Work(f"{name} 1 M, forward", forward(function, a), target, check=_absolute))
        works.append(Work(f"{name} 1 M, backward", backward(function, a), back, check=_absolute))
    return works


def _pool(library: Library, x: Any) -> Any:
    return library.functional.max_pool2d(x, 2)


def _cross_entropy(library: Library, x: Any, labels: Any) -> Any:
    return library.functional.cross_entropy(x, labels)


def _batch_norm_relu(library: Library, x: Any, w: Any, b: Any) -> Any:
    return library.functional.relu(library.functional.batch_norm(x, None, None, w, b, training=True))


def _layer_norm(library: Library, x: Any, w: Any, b: Any) -> Any:
    return library.functional.layer_norm(x, tuple(w.shape), w, b)


def _layer_works() -> list[Work]:
    works = []
    for shape in ((64, 32, 26, 26), (64, 64, 11, 11)):
        name = "max_pool2d 2x2 " + "x".join(map(str, shape))
        works.append(Work(f"{name}, forward", forward(_pool, normal(*shape)), 4.0, images=True, check=_absolute))
        works.append(Work(f"{name}, backward", backward(_pool, normal(*shape)), 2.0, images=True, check=_absolute))
    for rows, classes, target in ((64, 10, 6.0), (4096, 10, 10.0), (4096, 1000, 2.5), (64, 50257, 3.0)):
        labels = np.random.default_rng(3).integers(0, classes, rows)
        call = both(_cross_entropy, normal(rows, classes), labels)
        works.append(Work(f"cross_entropy {rows}x{classes}, forward and backward", call, target, check=_absolute))
    for rows, width in ((4096, 256), (64, 1024)):
        arrays = normal(rows, width), normal(width, seed=1), normal(width, seed=2)
        name = f"layer_norm {rows}x{width}"
        works.append(Work(f"{name}, forward", forward(_layer_norm, *arrays, grads=(0, 1, 2)), 2.0, check=_absolute))
        works.append(Work(f"{name}, backward", backward(_layer_norm, *arrays, grads=(0, 1, 2)), 2.0, check=_absolute))
    return works


def _fused_norm(part: str) -> Callable[[Library], Call]:
    """Batch norm and ReLU as a network has them: modules in a Sequential."""

    def operation(library: Library, x: Any, net: Any) -> Any:
        return net(x)

    def build(library: Library) -> Call:
        net = library.network(lambda nn: nn.Sequential(nn.BatchNorm2d(32), nn.ReLU()))
        x = library.tensor(normal(64, 32, 28, 28), grad=True)
        if part == "forward":
            return lambda: operation(library, x, net)
        y = operation(library, x, net)
        dy = library.tensor(normal(64, 32, 28, 28, seed=9))

        def call() -> Any:
            x.grad = None
            for p in net.parameters():
                p.grad = None
            y.backward(dy, retain_graph=True)
            return x.grad

        return call

    return build


def _adam(library: Library) -> Call:
    p = library.tensor(normal(1 << 20), grad=True)
    p.grad = library.tensor(normal(1 << 20, seed=1))
    return library.optimizer("Adam", [p], lr=1e-4).step


def _norm_works() -> list[Work]:
    return [
        Work("batch norm + ReLU 64x32x28x28, forward", _fused_norm("forward"), 3.0, images=True, check=_absolute),
        Work("batch norm + ReLU 64x32x28x28, backward", _fused_norm("backward"), 1.4, images=True, check=_absolute),
        Work("Adam, 1 M parameters", _adam, 1.5, target_installed=4.0),
    ]


# ---- matrix products ----


def matmul(m: int, n: int, k: int, kind: str, dtype: str) -> Work:
    """C = A B with A or B transposed in memory (T), against PyTorch and NumPy."""

    def operands() -> list[np.ndarray]:
        a = normal(*((k, m) if kind[0] == "T" else (m, k))).astype(dtype)
        b = normal(*((n, k) if kind[1] == "T" else (k, n)), seed=1).astype(dtype)
        return [a, b]

    def build(library: Library) -> Call:
        a, b = (library.tensor(x) for x in operands())
        a, b = a.T if kind[0] == "T" else a, b.T if kind[1] == "T" else b
        if library.name == "torch":
            out = library.module.empty(m, n, dtype=a.dtype)
            return lambda: library.module.mm(a, b, out=out)
        return lambda: a @ b

    def with_numpy(threads: int) -> Call:
        a, b = operands()
        a, b = a.T if kind[0] == "T" else a, b.T if kind[1] == "T" else b
        out = np.empty((m, n), dtype)
        return lambda: np.matmul(a, b, out=out)

    square = m == n == k
    name = f"matmul {kind} {dtype} " + (f"{m}^3" if square else f"{m}x{n}x{k}")
    target = 1.0 if square else 1.1
    flops = 2.0 * m * n * k
    share = 0.9 if square and m >= 256 else None
    more: dict[str, Any] = {"check": _absolute, "peers": {"numpy": with_numpy}}
    return Work(name, build, target, flops=flops, dtype=dtype, target_share=share, **more)


LAYERS = [  # m, n, k, kind: forward, gradient of x and gradient of w of the networks' linear layers
    *((64, 128, 784, "NT"), (128, 784, 64, "TN")),
    *((64, 10, 128, "NT"), (64, 128, 10, "NN"), (10, 128, 64, "TN")),
    *((64, 256, 784, "NT"), (256, 784, 64, "TN"), (64, 128, 256, "NT"), (64, 256, 128, "NN"), (128, 256, 64, "TN")),
    *((64, 128, 1600, "NT"), (64, 1600, 128, "NN"), (128, 1600, 64, "TN"), (256, 128, 784, "NT")),
    *((1, 128, 1600, "NT"), (1024, 128, 1600, "NT")),
    *((32, 128, 784, "NT"), (128, 784, 32, "TN"), (32, 10, 128, "NT"), (32, 128, 10, "NN"), (10, 128, 32, "TN")),
    *((32, 128, 1600, "NT"), (32, 1600, 128, "NN"), (128, 1600, 32, "TN")),
    *((128, 784, 256, "TN"), (256, 10, 128, "NT"), (256, 128, 10, "NN"), (10, 128, 256, "TN")),
    *((256, 128, 1600, "NT"), (256, 1600, 128, "NN"), (128, 1600, 256, "TN")),
    *((64, 128, 3136, "NT"), (64, 3136, 128, "NN"), (128, 3136, 64, "TN")),
    *((64, 100, 12512, "NT"), (64, 12512, 100, "NN"), (100, 12512, 64, "TN")),
    *((64, 10, 100, "NT"), (64, 100, 10, "NN"), (10, 100, 64, "TN")),
]


def _matmul_works() -> list[Work]:
    works = []
    for dtype in ("float32", "float64"):
        for size in (64, 128, 256, 512, 1024, 2048):
            works += [matmul(size, size, size, kind, dtype) for kind in ("NN", "NT", "TN")]
        works += [matmul(*layer, dtype) for layer in LAYERS]
    return works


# ---- Gram matrices and Cholesky ----


def _rbf(n: int, d: int, dtype: str, target: float) -> Work:
    x = normal(n, d).astype(dtype)
    gamma = 1 / d

    def build(library: Library) -> Call:
        a = library.tensor(x)
        return lambda: library.module.rbf_kernel(a, a, gamma)

    def with_sklearn(threads: int) -> Call:
        from sklearn.metrics.pairwise import rbf_kernel

        return lambda: rbf_kernel(x, x, gamma)

    more: dict[str, Any] = {"flops": 1.0 * n * n * d, "check": _absolute, "peers": {"sklearn": with_sklearn}}
    return Work(f"rbf_kernel {dtype} {n}x{d}", build, target, dtype=dtype, ours_alone=True, **more)


def _rbf_times(n: int, d: int, columns: int, dtype: str) -> Work:
    """K v, what conjugate gradients repeat; we never store K."""
    x, v = normal(n, d).astype(dtype), normal(n, columns, seed=1).astype(dtype)

    def build(library: Library) -> Call:
        return lambda: library.module.backend.gram_matmul(x, None, v, "rbf", 1 / d, 0.0, 0.0)

    def with_sklearn(threads: int) -> Call:
        from sklearn.metrics.pairwise import rbf_kernel

        return lambda: rbf_kernel(x, x, 1 / d) @ v

    more: dict[str, Any] = {"flops": 1.0 * n * n * d, "check": _absolute, "peers": {"sklearn": with_sklearn}}
    return Work(f"rbf_kernel times {columns} columns {dtype} {n}x{d}", build, ours_alone=True, **more)


def _cholesky(n: int) -> Work:
    x = normal(n, n + 8).astype(np.float64)
    a = x @ x.T / n + np.eye(n)

    def build(library: Library) -> Call:
        matrix = library.tensor(a)
        return lambda: library.module.linalg.cholesky(matrix)

    peers: dict[str, Callable[[int], Call]] = {"numpy": lambda threads: lambda: np.linalg.cholesky(a)}
    return Work(f"cholesky float64 {n}", build, flops=n**3 / 3, dtype="float64", check=_absolute, peers=peers)


def _definite(n: int, dtype: str, order: Literal["C", "F"]) -> tuple[np.ndarray, np.ndarray]:
    """A positive definite matrix, and room for its factor."""
    a = np.full((n, n), 0.5, dtype, order)
    a += np.sin(np.arange(n, dtype=dtype))
    a += a[:1].T
    a.flat[:: n + 1] += n
    return a, np.empty_like(a)


def _logarithms(factor: np.ndarray) -> float:
    return float(np.log(np.diagonal(factor)).sum())


def _cholesky_in_place(n: int, dtype: str, target: float | Mapping[int, float], share: float | None = None) -> Work:
    """The matrix copied and factored where the copy lies, against LAPACK."""

    def build(library: Library) -> Call:
        a, room = _definite(n, dtype, "C")

        def call() -> np.ndarray:
            room[...] = a
            library.module.backend.cholesky_(room)
            return room

        return call

    def with_scipy(threads: int) -> Call:
        from scipy.linalg import cholesky

        a, room = _definite(n, dtype, "F")

        def call() -> Any:
            room[...] = a
            return cholesky(room, lower=True, overwrite_a=True, check_finite=False)

        return call

    name = f"cholesky in place {dtype} {n}"
    more: dict[str, Any] = {"check": _logarithms, "peers": {"sklearn": with_scipy}}
    return Work(name, build, target, flops=n**3 / 3, dtype=dtype, ours_alone=True, target_share=share, **more)


def _cholesky_solve(n: int, r: int) -> Work:
    """Solutions for r right-hand sides from a factor that is there, against LAPACK."""

    def build(library: Library) -> Call:
        a, b = _definite(n, "float64", "C")[0] / n, np.ones((n, r))
        return lambda: library.module.backend.cholesky_solve(a, b)

    def with_scipy(threads: int) -> Call:
        from scipy.linalg import cho_solve

        a, b = _definite(n, "float64", "F")[0] / n, np.ones((n, r), order="F")
        return lambda: cho_solve((a, True), b, check_finite=False)

    name, peers = f"cholesky_solve float64 {n}, {r} right-hand sides", {"sklearn": with_scipy}
    return Work(name, build, 1.0, flops=2.0 * n * n * r, dtype="float64", check=_absolute, peers=peers, ours_alone=True)


def _kernel_machine_works() -> list[Work]:
    points = [(64, "float32", 3.0), (784, "float32", 2.5), (64, "float64", 2.0), (784, "float64", 1.2)]
    grams = [_rbf(4000, d, dtype, target) for d, dtype, target in points]
    grams += [_rbf_times(4000, 784, 10, dtype) for dtype in ("float32", "float64")]
    points_64 = [(4000, 1.0, None), (8000, 1.15, 0.85)]
    doubles = [_cholesky_in_place(n, "float64", {1: alone, 2: 1.3}, share) for n, alone, share in points_64]
    factors = [*(_cholesky(n) for n in (500, 2000)), *doubles]
    factors += [_cholesky_in_place(n, "float32", 1.0) for n in (4000, 8000)]
    return [*grams, *factors, *(_cholesky_solve(4000, r) for r in (1, 10, 100))]


WORKS = [
    *_conv_works(),
    *_layer_works(),
    *_norm_works(),
    *_pointwise_works(),
    *_matmul_works(),
    *_kernel_machine_works(),
]
