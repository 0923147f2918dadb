"""The profiler: what it sees, what it counts, what it says, and that it leaves no trace."""

import json
import re
import threading
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from cases import CASES, Case
from conftest import needs_extension
from harness import kernels_used, run

import fastscratch as fs
from fastscratch import nn
from fastscratch.backend import _numpy
from fastscratch.nn import functional as F
from fastscratch.profiler import FORMULAS, Formula, Limits, measure, profile, record_function
from fastscratch.profiler.averages import average
from fastscratch.profiler.formulas import Work
from fastscratch.profiler.recording import Event
from fastscratch.viz.roofline import Dot, roofline_svg

# A machine of round numbers: 100 GFLOP/s, and 10 GB/s whatever is in use.
ROUND = Limits("avx2", 1, {"float32": 100e9, "float64": 50e9}, ((1000, 10e9), (1_000_000, 10e9)))


def kernels_bound() -> list[Any]:
    return [getattr(fs.backend, name) for name in _numpy.__all__]


@pytest.fixture(autouse=True)
def _no_trace() -> Iterator[None]:
    """After each test the kernels are those of the backend, as they are."""
    yield
    assert all(
        kernel is fs.backend._kernels[name] for name, kernel in zip(_numpy.__all__, kernels_bound(), strict=True)
    )


def mlp_step() -> None:
    """Outside a Sequential, which would take two of these for one."""
    fs.manual_seed(0)
    hidden, out = nn.Linear(8, 16), nn.Linear(16, 3)
    optimizer = fs.optim.Adam([*hidden.parameters(), *out.parameters()])
    loss = F.cross_entropy(out(hidden(fs.randn(4, 8)).tanh()), fs.tensor([0, 1, 2, 0]))
    loss.backward()
    optimizer.step()


# ---- formulas ----


def test_every_kernel_has_a_formula() -> None:
    assert set(_numpy.__all__) - set(FORMULAS) == set(), "add the kernel to fastscratch/profiler/formulas.py"
    assert set(FORMULAS) - set(_numpy.__all__) == set(), "these kernels are no more"


@pytest.mark.parametrize("name", sorted(FORMULAS))
def test_formulas_speak_of_arguments_and_results(name: str) -> None:
    formula = FORMULAS[name]
    known = {*formula._defaults, *formula.results, *formula.letters, "given"}
    assert set(re.findall(r"[A-Za-z_]\w*", f"{formula.flops} {formula.bytes}")) <= known
    for meaning in formula.letters.values():
        assert re.findall(r"[A-Za-z_]\w*", meaning)[0] in known


@pytest.mark.parametrize("case", [case for case in CASES if kernels_used(case)], ids=str)
def test_formulas_count_whatever_is_called(case: Case) -> None:
    """On every row of the table: whole numbers, and no more bytes in one dtype than twice those in half of it."""
    sizes = []
    for dtype in (np.float32, np.float64):
        with profile(limits=ROUND) as prof:
            run(case, case.draw(dtype))
        kernels = [event for event in prof.events() if event.work]
        fixed = case.name.startswith("cast") or case.name == "to" or all(a.dtype.kind != "f" for a in case.draw(dtype))
        assert {event.name for event in kernels} >= (kernels_used(case) if dtype == np.float64 else set())
        for event in kernels:
            assert event.work.flops >= 0 and event.work.bytes >= 0
            assert event.work.dtype == np.dtype(dtype).name or fixed
        sizes.append(sum(event.work.bytes for event in kernels))
    assert sizes[0] <= sizes[1] <= 2 * sizes[0]


def work(kernel: str, *args: Any) -> tuple[int, int, str]:
    """FLOPs, bytes and dtype."""
    return FORMULAS[kernel].count(args, {}, getattr(fs.backend, kernel)(*args))[:3]


def ones(*shape: int, dtype: Any = np.float32) -> np.ndarray:
    return np.ones(shape, dtype)


def test_matmul_by_hand() -> None:
    # 2 x 3 sums of 4 products; 8 + 12 elements in, 6 out
    assert work("matmul", ones(2, 4), ones(4, 3)) == (2 * 2 * 3 * 4, 4 * (8 + 12 + 6), "float32")
    assert work("matmul", ones(5, 2, 4, dtype=float), ones(4, 3, dtype=float)) == (
        5 * 48,
        8 * (40 + 12 + 30),
        "float64",
    )


def test_linear_by_hand() -> None:
    x, w, b, dy = ones(4, 8), ones(3, 8), ones(3), ones(4, 3)
    assert work("linear_forward", x, w, b) == (2 * 4 * 3 * 8 + 12, 4 * (32 + 24 + 3 + 12), "float32")
    assert work("linear_forward", x, w, None) == (2 * 4 * 3 * 8, 4 * (32 + 24 + 12), "float32")
    assert FORMULAS["linear_forward"].count((x, w), {"b": b}, dy).flops == 2 * 4 * 3 * 8 + 12
    assert work("linear_forward", x, w, b, "tanh")[0] == 2 * 4 * 3 * 8 + 12 + 12
    both = 2 * (2 * 4 * 3 * 8) + 12
    assert work("linear_backward", dy, x, w, True, True, True) == (both, 4 * (12 + 24 + 32 + 32 + 24 + 3), "float32")
    assert work("linear_backward", dy, x, w, False, True, False) == (192, 4 * (12 + 32 + 24), "float32")
    assert work("linear_backward", dy, x, w, False, True, False, dy, "tanh") == (216, 4 * (24 + 32 + 24), "float32")


def test_conv2d_by_hand() -> None:
    # 2 images 5 x 6 of 4 channels, 6 filters 3 x 2 in 2 groups, stride 1: out 3 x 5
    x, w, b = ones(2, 4, 5, 6), ones(6, 2, 3, 2), ones(6)
    geometry = (1, 1), (0, 0), (1, 1), 2
    out = 2 * 6 * 3 * 5
    plain = (out * (2 * 12 + 1), 4 * (240 + 72 + 6 + out), "float32")
    assert work("conv2d_forward", x, w, b, *geometry, False) == plain
    assert work("conv2d_forward", x, w, b, *geometry, True)[0] == plain[0] + out
    backward = work("conv2d_backward", ones(2, 6, 3, 5), x, w, *geometry, True, True, True)
    assert backward == (out * (2 * 24 + 1), 4 * (out + 72 + 240 + 240 + 72 + 6), "float32")


def test_conv2d_and_what_follows_by_hand() -> None:
    # 1 image 5 x 6, 3 filters 2 x 3: 4 x 4 pixels, 2 x 2 blocks; a block is 4 pixels, 3 comparisons and the ReLU
    x, w, b, geometry = ones(1, 1, 5, 6), ones(3, 1, 2, 3), ones(3), ((1, 1), (0, 0), (1, 1), 1)
    forward = work("conv2d_pool_forward", x, w, b, *geometry, (2, 2), True)
    assert forward == (12 * (4 * (2 * 6 + 1) + 4), 4 * (30 + 18 + 3 + 12) + 12, "float32")
    dy, code, needs = ones(1, 3, 2, 2), np.zeros((1, 3, 2, 2), np.uint8), (False, True, True)
    backward = work("conv2d_pool_backward", dy, code, x, w, *geometry, (2, 2), *needs)
    assert backward == (48 * 2 * 6 + 12, 4 * (12 + 30 + 18 + 3) + 12, "float32")
    dz = ones(1, 3, 4, 4)
    backward = work("conv2d_relu_backward", dz, dz, x, w, *geometry, *needs)
    assert backward == (48 * (2 * 6 + 1 + 1), 4 * (48 + 48 + 30 + 18 + 3), "float32")


def test_pools_by_hand() -> None:
    x = ones(1, 2, 4, 4)
    assert work("max_pool2d_forward", x, (2, 2), (2, 2), (0, 0), (1, 1), False) == (8 * 3, 4 * (32 + 8 + 8), "float32")
    assert work("max_pool2d_blocks_forward", x, (2, 2)) == (8 * 3, 4 * (32 + 8) + 8, "float32")
    assert work("avg_pool2d_forward", x, (2, 2), (2, 2), (0, 0), False, True, None) == (8 * 4, 4 * 40, "float32")


def test_norms_softmax_and_loss_by_hand() -> None:
    x, w = ones(6, 5), ones(5)
    assert work("layer_norm_forward", x, w, w, 1e-5) == (30 * 8, 4 * (30 + 5 + 5 + 30 + 6 + 6), "float32")
    untracked = (None, None, 0.1, 1e-5)
    assert work("batch_norm_forward", x, None, None, *untracked) == (30 * 6, 4 * (30 + 30 + 15), "float32")
    assert work("batch_norm_forward", x, None, None, *untracked, True)[0] == 30 * 7
    tracked = work("batch_norm_forward", x, None, None, ones(5), ones(5), 0.1, 1e-5)
    assert tracked == (30 * 6 + 5 * 7, 4 * (30 + 30 + 15 + 20), "float32")
    vectors = (w, w, w, w)
    assert work("batch_norm_backward", x, x, *vectors, True) == (30 * 9, 4 * (90 + 15 + 10), "float32")
    assert work("batch_norm_backward", x, x, *vectors, False, True) == (30 * 8, 4 * (90 + 20 + 10), "float32")
    assert work("softmax_forward", x, 1) == (150, 4 * 60, "float32")
    labels = np.zeros(6, np.int64)
    assert work("cross_entropy_forward", x, labels, None, -100, 0.0) == (120, 4 * 30 + 8 * 6 + 4 * 12, "float32")


def test_optimizers_by_hand() -> None:
    def lists(count: int) -> list[list[np.ndarray]]:
        return [[ones(3), ones(2, 2)] for _ in range(count)]  # 7 parameters

    adam = (1, 0.1, 0.9, 0.99, 1e-8, 0.0, False, False)
    assert work("adam_step", *lists(4), None, *adam) == (7 * 14, 4 * 7 * (2 + 1 + 2 + 2), "float32")
    assert work("sgd_step", *lists(2), None, 0.1, 0.0, 0.0, 0.0, False, False) == (7 * 2, 4 * 7 * 3, "float32")
    assert work("sgd_step", *lists(3), 0.1, 0.9, 0.0, 0.01, True, False) == (7 * 9, 4 * 7 * 5, "float32")
    assert work("grad_norm", lists(1)[0], 2.0) == (14, 28, "float32")


def test_what_is_changed_in_place_moves_twice_and_is_in_use_once() -> None:
    arrays = [ones(3), ones(2, 2)]
    assert FORMULAS["scale_arrays"].count((arrays, 2.0), {}, None) == (7, 2 * 28, "float32", 28)
    x, w, dy = ones(4, 8), ones(3, 8), ones(4, 3)
    only_w = FORMULAS["linear_backward"].count((dy, x, w, False, True, False), {}, (None, w, None))
    assert only_w.in_use == only_w.bytes == 4 * (12 + 32 + 24)  # w is not read


def test_linear_algebra_by_hand() -> None:
    a = np.eye(6)
    assert work("cholesky", a) == (6**3 // 3, 8 * (18 + 36), "float64")
    assert work("cholesky_solve", a, ones(6, 2, dtype=float)) == (2 * 36 * 2, 8 * (18 + 12 + 12), "float64")
    x, z = ones(4, 3), ones(5, 3)
    rbf, linear, cube = ("rbf", 1.0, 0.0, 0.0), ("linear", 0.0, 0.0, 0.0), ("polynomial", 1.0, 1.0, 3.0)
    assert work("gram", x, z, *rbf) == (20 * 12, 4 * (12 + 15 + 20), "float32")
    assert work("gram", x, None, *rbf) == (16 * 12 // 2, 4 * (12 + 16), "float32")
    assert work("gram", x, z, *linear)[0] == 20 * 6
    assert work("gram_lower", x, 0.1, *cube, ones(4, 4)) == (16 * 9 // 2, 4 * (12 + 8), "float32")
    assert work("gram_matmul", x, z, ones(5, 2), *rbf) == (20 * 12 + 20 * 4, 4 * (12 + 15 + 10 + 8), "float32")
    assert work("gram_matmul", x, None, ones(4, 2), *rbf)[0] == 16 * 12 // 2 + 16 * 4


def test_formula_reads_and_shows_what_it_says() -> None:
    formula = Formula("2 y k + y given(b)", "x + y", k="x.shape[-1]")
    formula.kernel = "linear_forward"
    assert str(formula) == "2 y k + y given(b) FLOP; x + y bytes; k = x.shape[-1]"
    assert formula.count((ones(2, 3), ones(4, 3), None), {}, ones(2, 4)) == (2 * 8 * 3, 4 * 14, "float32", 4 * 14)


# ---- recording ----


def test_a_training_step_of_an_mlp() -> None:
    with profile(limits=ROUND) as prof:
        mlp_step()
        mlp_step()
    counts = {row.key: row.count for row in prof.key_averages()}
    assert counts == {
        "linear_forward": 4, "tanh_forward": 2, "cross_entropy_forward": 2, "cross_entropy_backward": 2,
        "linear_backward": 4, "tanh_backward": 2, "adam_step": 2, "div": 2,
    }  # fmt: skip
    rows = {row.key: row for row in prof.key_averages()}
    assert rows["linear_forward"].flops == 2 * (4 * 16 * (2 * 8 + 1) + 4 * 3 * (2 * 16 + 1))
    # the first layer's input needs no gradient
    assert rows["linear_backward"].flops == 2 * (4 * 16 * (2 * 8 + 1) + 4 * 3 * (4 * 16 + 1))
    assert rows["adam_step"].flops == 2 * 14 * (8 * 16 + 16 + 16 * 3 + 3)


def test_a_training_step_of_a_cnn_is_in_the_table() -> None:
    fs.manual_seed(0)
    model = nn.Sequential(
        nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(36, 3)
    )
    optimizer = fs.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    with profile(limits=ROUND) as prof:
        with record_function("forward"):
            loss = F.cross_entropy(model(fs.randn(2, 1, 8, 8)), fs.tensor([0, 1]))
        with record_function("backward"):
            loss.backward()
        optimizer.step()
    text = prof.key_averages().table(sort_by="self_cpu_time_total")
    ran = {event.name for event in prof.events() if event.work}
    assert ran >= {"sgd_step", "linear_forward", "linear_backward", "cross_entropy_forward"}
    assert any("conv2d" in name for name in ran) and any("pool" in name for name in ran)
    for name in ran:
        assert re.search(rf"^{name} +1 ", text, re.MULTILINE), name
        assert f"{FORMULAS[name]}" in text
    assert re.search(r"^\[forward\] +1 ", text, re.MULTILINE)
    assert "100 float32" in text and "10 (1 KB)" in text


def test_a_stretch_holds_the_kernels_inside() -> None:
    a, b = fs.ones(4, 4), fs.ones(4, 4)
    with profile(limits=ROUND) as prof:
        with record_function("outer"):
            a @ b
            with record_function("inner"):
                a @ b
        a @ b
    outer, matmul, inner = prof.key_averages()
    assert [row.key for row in (outer, matmul, inner)] == ["outer", "matmul", "inner"]
    assert (outer.flops, matmul.flops, inner.flops) == (256, 384, 128)
    assert outer.formula is None and inner.formula is None
    assert 0 < outer.self_cpu_time_total < outer.cpu_time_total


def event(name: str, start: int, end: int, **more: Any) -> Event:
    return Event(name, start, end, more.pop("thread", 1), **more)


def test_times_add_up() -> None:
    """100 us: in them a kernel of 10 and its notes of 5, and a stretch of 40 with a kernel of 20 and its notes of 10."""
    work = Work(2_000_000, 100, "float32", 100)  # 20 us at 100 GFLOP/s
    events = [
        event("matmul", 10_000, 20_000, work=work, setting=("avx2", 1), noted=25_000),
        event("matmul", 60_000, 80_000, work=work, setting=("avx2", 1), noted=90_000),
        event("inner", 55_000, 95_000),
        event("outer", 0, 100_000),
        event("matmul", 50_000, 90_000, work=work, setting=("avx2", 1), thread=2),
    ]
    outer, matmul, inner = average(events, lambda setting: ROUND, 1e-4, False)
    assert (outer.cpu_time_total, outer.self_cpu_time_total) == (85, 45)
    assert (inner.cpu_time_total, inner.self_cpu_time_total) == (30, 10)
    assert (matmul.cpu_time_total, matmul.cpu_time, matmul.count) == (70, 70 / 3, 3)
    assert matmul.limit_time == pytest.approx(60)
    assert matmul.percent_of_limit == pytest.approx(100 * 60 / 70)
    assert outer.limit_time == pytest.approx(40)


def test_a_stretch_inside_itself_counts_its_time_once() -> None:
    events = [event("again", 10_000, 60_000), event("again", 0, 100_000)]
    (row,) = average(events, lambda setting: ROUND, 1e-4, False)
    assert (row.count, row.cpu_time_total, row.self_cpu_time_total) == (2, 100, 100)


def test_percent_is_that_of_the_lower_roof() -> None:
    def row(flops: int, size: int, dtype: str = "float32") -> Any:
        call = event("matmul", 0, 100_000, work=Work(flops, size, dtype, size), setting=("avx2", 1))
        return average([call], lambda setting: ROUND, 1e-4, False)[0]

    dense = row(5_000_000, 1000)  # 50 GFLOP/s under 100
    assert (dense.gflops, dense.bound) == (pytest.approx(50), "arithmetic")
    assert dense.percent_of_limit == pytest.approx(50)
    assert row(5_000_000, 1000, "float64").percent_of_limit == pytest.approx(100)
    light = row(1000, 250_000)  # 2.5 GB/s under 10
    assert (light.gbytes, light.bound) == (pytest.approx(2.5), "memory")
    assert light.percent_of_limit == pytest.approx(25)
    # min(peak, intensity * bandwidth), as the formula has it
    assert light.percent_of_limit == pytest.approx(100 * light.gflops / min(100, 1000 / 250_000 * 10))


def test_kernels_are_as_they_were() -> None:
    before = kernels_bound()
    with profile():
        assert all(a is not b for a, b in zip(kernels_bound(), before, strict=True))
    assert all(a is b for a, b in zip(kernels_bound(), before, strict=True))


def test_an_exception_goes_through_and_everything_is_put_back() -> None:
    before = kernels_bound()
    with pytest.raises(RuntimeError, match="mine"), profile(limits=ROUND) as prof:
        fs.ones(2, 2) @ fs.ones(2, 2)
        raise RuntimeError("mine")
    assert all(a is b for a, b in zip(kernels_bound(), before, strict=True))
    assert [row.key for row in prof.key_averages()] == ["matmul"]


def test_a_call_that_raises_is_not_counted() -> None:
    with profile() as prof, pytest.raises(ValueError):
        fs.backend.matmul(ones(2, 3), ones(2, 3))
    assert prof.events() == []


def test_profiles_inside_profiles() -> None:
    a = fs.ones(2, 2)
    with profile(limits=ROUND) as outer:
        a @ a
        with profile(limits=ROUND) as inner:
            a @ a
        a @ a
    assert (outer.key_averages()[0].count, inner.key_averages()[0].count) == (3, 1)


def test_profiles_that_overlap() -> None:
    a, first, second = fs.ones(2, 2), profile(), profile()
    first.start()
    second.start()
    a @ a
    first.stop()
    a @ a
    second.stop()
    assert (len(first.events()), len(second.events())) == (1, 2)


def test_start_and_stop_in_order() -> None:
    prof = profile()
    with pytest.raises(RuntimeError, match="not running"):
        prof.stop()
    with prof:
        with pytest.raises(RuntimeError, match="running already"):
            prof.start()
        fs.ones(2, 2) @ fs.ones(2, 2)
    with prof:
        pass
    assert prof.events() == []


def test_threads_are_told_apart() -> None:
    def compute() -> None:
        with record_function("work"):
            for _ in range(50):
                fs.backend.matmul(ones(4, 4), ones(4, 4))

    with profile(limits=ROUND) as prof:
        threads = [threading.Thread(target=compute) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    rows = {row.key: row for row in prof.key_averages()}
    assert (rows["matmul"].count, rows["work"].count) == (200, 4)
    assert rows["work"].flops == rows["matmul"].flops == 200 * 128
    assert len({e.thread for e in prof.events()}) == len({e["tid"] for e in bars(prof)})


def test_another_backend_inside_a_profile() -> None:
    a = fs.ones(2, 2)
    with profile(limits=ROUND) as prof:
        with fs.backend.use("numpy"):
            a @ a
        a @ a
    assert prof.key_averages()[0].count == 2
    assert prof.events()[0].setting == ("numpy", 1)


def test_a_backend_chosen_inside_a_profile_stays() -> None:
    with profile():
        fs.backend.use("numpy")
    assert fs.backend.matmul is _numpy.matmul


def test_stretches_that_began_before_the_profile_are_not_in_it() -> None:
    prof = profile()
    with record_function("early"):
        prof.start()
    late = record_function("late")
    late.__enter__()
    prof.stop()
    late.__exit__(None, None, None)
    assert prof.events() == []


def test_decorated_functions_may_call_themselves() -> None:
    @record_function("fall")
    def fall(n: int) -> int:
        return fall(n - 1) + 1 if n else 0

    assert fall(3) == 3
    with profile() as prof:
        assert fall(3) == 3
    (row,) = prof.key_averages()
    assert row.count == 4


def test_rows_by_shape() -> None:
    with profile(record_shapes=True, limits=ROUND) as prof:
        for n in (2, 3, 2):
            fs.backend.matmul(ones(n, n), ones(n, n))
    rows = prof.key_averages(group_by_input_shape=True)
    assert [(row.input_shapes, row.count) for row in rows] == [
        ("float32(2, 2), float32(2, 2)", 2),
        ("float32(3, 3), float32(3, 3)", 1),
    ]
    assert "matmul(float32(3, 3), float32(3, 3))" in str(rows)
    with profile() as prof:
        pass
    with pytest.raises(RuntimeError, match="record_shapes=True"):
        prof.key_averages(group_by_input_shape=True)


# ---- what comes out ----


def test_table_sorts_and_stops() -> None:
    with profile(limits=ROUND) as prof:
        mlp_step()
    averages = prof.key_averages()
    for name in ("count", "cpu_time", "cpu_time_total", "self_cpu_time_total", "flops", "bytes", "percent_of_limit"):
        order = [getattr(row, name) for row in averages._sorted(name)]
        assert order == sorted(order, reverse=True)
    names = [line.split()[0] for line in averages.table(sort_by="key", row_limit=2).splitlines()]
    assert names[2:4] == ["adam_step", "cross_entropy_backward"]
    assert set(names[4]) == {"-"}
    with pytest.raises(
        ValueError, match=r"sort_by must be one of key, count, cpu_time, .*percent_of_limit, got 'speed'"
    ):
        averages.table(sort_by="speed")
    assert str(prof).splitlines()[0].split()[:2] == ["Name", "Calls"]


def test_an_empty_profile_has_an_empty_table(tmp_path: Path) -> None:
    with profile() as prof:
        pass
    assert len(prof.key_averages()) == 0
    assert "0.00 ms in kernels" in str(prof)
    prof.export_chrome_trace(tmp_path / "trace.json")
    with pytest.raises(ValueError, match="no kernels to draw"):
        prof.export_roofline(tmp_path / "roofline.svg")
    assert not (tmp_path / "roofline.svg").exists()


def bars(prof: profile) -> list[dict[str, Any]]:
    from fastscratch.profiler.trace import chrome_trace

    trace = chrome_trace(prof.events(), prof._start, lambda setting: ROUND)
    return [entry for entry in trace["traceEvents"] if entry["ph"] == "X"]


def test_chrome_trace(tmp_path: Path) -> None:
    with profile(record_shapes=True, limits=ROUND) as prof, record_function("step"):
        mlp_step()
    prof.export_chrome_trace(tmp_path / "trace.json")
    trace = json.loads((tmp_path / "trace.json").read_text())
    entries = [entry for entry in trace["traceEvents"] if entry["ph"] == "X"]
    assert len(entries) == len(prof.events())
    for entry in entries:
        assert entry["ts"] >= 0 and entry["dur"] >= 0
        assert isinstance(entry["pid"], int) and isinstance(entry["tid"], int)
        assert entry["cat"] == ("user_annotation" if entry["name"] == "step" else "kernel")
    step, linear = entries[0], entries[1]
    assert step["name"] == "step" and step["ts"] + step["dur"] >= max(e["ts"] + e["dur"] for e in entries[1:])
    assert linear["args"]["FLOP"] == 4 * 16 * 17
    assert linear["args"]["shapes"].startswith("float32(4, 8), float32(16, 8)")
    assert {e["name"] for e in trace["traceEvents"] if e["ph"] == "M"} == {"process_name", "thread_name"}


def test_json(tmp_path: Path) -> None:
    with profile(limits=ROUND) as prof, record_function("step"):
        mlp_step()
    prof.export_json(tmp_path / "profile.json")
    content = json.loads((tmp_path / "profile.json").read_text())
    assert content["limits"][0]["peak"] == {"float32": 100e9, "float64": 50e9}
    rows = {row["key"]: row for row in content["rows"]}
    assert not rows["step"]["kernel"] and rows["step"]["flops"] == sum(r["flops"] for r in rows.values() if r["kernel"])
    for name, row in rows.items():
        if row["kernel"]:
            assert (row["flops_formula"], row["bytes_formula"]) == (FORMULAS[name].flops, FORMULAS[name].bytes)
            assert row["percent_of_limit"] == pytest.approx(100 * row["limit_time"] / row["cpu_time_total"])


SVG = "{http://www.w3.org/2000/svg}"


def test_roofline_picture(tmp_path: Path) -> None:
    with profile(limits=ROUND) as prof:
        mlp_step()
        fs.backend.embedding_forward(ones(3, 2), np.zeros(2, np.int64))  # computes nothing: no place on this chart
    prof.export_roofline(tmp_path / "roofline.svg")
    root = ElementTree.parse(tmp_path / "roofline.svg").getroot()
    assert len(root.findall(f".//{SVG}circle")) == 8
    text = {element.text for element in root.iter(f"{SVG}text")}
    assert {"linear_forward", "adam_step", "float32 100 GFLOP/s", "FLOP per byte", "GFLOP/s"} <= text
    assert "embedding_forward" not in text
    assert not any(line and line.startswith("float64") for line in text)  # nothing computed in it


def test_dots_lie_where_they_belong() -> None:
    """At the corner of the roof, 10 FLOP per byte and 100 GFLOP/s: where the slope meets the peak."""
    root = ElementTree.fromstring(roofline_svg([Dot("corner", 10.0, 100e9, 1.0, 100.0)], [ROUND]))
    circle = root.find(f".//{SVG}circle")
    assert circle is not None
    place = float(circle.attrib["cx"]), float(circle.attrib["cy"])
    lines = [line.attrib for line in root.findall(f".//{SVG}line") if "stroke-width" in line.attrib]
    ends = [(float(line[f"x{i}"]), float(line[f"y{i}"])) for line in lines for i in (1, 2)]
    assert sum(end == place for end in ends) == 3  # the slope of least and of most in use are one here, and the peak
    with pytest.raises(ValueError, match="no kernels to draw"):
        roofline_svg([], [ROUND])


# ---- the machine ----


@needs_extension
def test_measured_limits_are_plausible() -> None:
    """Relations that hold on any machine, wide enough for one that is busy."""
    for isa in fs.backend.isas():
        found = fs.profiler.limits(isa=isa, threads=1)
        assert (found.isa, found.threads) == (isa, 1)
        single, double = found.peak["float32"], found.peak["float64"]
        assert 1e8 < double < 2 * single < 1e14
        rates = [rate for _, rate in found.bandwidth]
        assert rates == sorted(rates, reverse=True)
        assert 1e8 < rates[-1] <= rates[0] < 1e14
    assert fs.profiler.limits(isa=fs.backend.isas()[0], threads=1) is fs.profiler.limits(fs.backend.isas()[0], 1)


def test_the_twins_are_held_to_what_numpy_reaches() -> None:
    with fs.backend.use("numpy"):
        found = fs.profiler.limits()
    assert found.isa == "numpy" and min(*found.peak.values(), *(rate for _, rate in found.bandwidth)) > 0


@needs_extension
def test_measuring_leaves_the_settings_alone() -> None:
    fs.backend.use("c", isa=fs.backend.isas()[0])
    fs.set_num_threads(2)
    before = fs.get_num_threads()  # 2, or 1 where more are not allowed
    measure._measure(fs.backend.isas()[-1], 1)
    assert (fs.backend.get_isa(), fs.get_num_threads()) == (fs.backend.isas()[0], before)


def test_bandwidth_between_the_sizes_measured() -> None:
    limits = Limits("avx2", 1, {"float32": 1.0}, ((100, 80.0), (10_000, 20.0)))
    assert limits.bytes_per_second(10) == 80
    assert limits.bytes_per_second(1000) == pytest.approx(40)  # half way in logarithms, in both
    assert limits.bytes_per_second(10_000) == pytest.approx(20)
    assert limits.bytes_per_second(1_000_000) == 20
    assert limits.memory_seconds(2000, 1000) == pytest.approx(50)


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "cache" / "roofline.json"
    monkeypatch.setattr(measure, "_path", lambda: path)
    monkeypatch.setattr(measure, "_measured", {})
    monkeypatch.setattr(measure, "_measure", lambda isa, threads: ROUND._replace(isa=isa, threads=threads))
    return path


def test_saved_limits_are_not_measured_again(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    isa, threads = measure.current_setting()
    fs.profiler.limits()
    assert not cache.exists()
    saved = fs.profiler.measure_limits(save=True)
    assert list(json.loads(cache.read_text())) == [f"{measure.processor()} | {isa} | {threads}"]

    def refuse(isa: str, threads: int) -> Limits:
        raise AssertionError("measured again")

    monkeypatch.setattr(measure, "_measure", refuse)
    monkeypatch.setattr(measure, "_measured", {})
    assert fs.profiler.limits() == saved


@pytest.mark.parametrize("content", ["", "[1]", "{", "\x00\xff"])
def test_a_broken_file_of_limits_is_said_and_passed_over(cache: Path, content: str) -> None:
    cache.parent.mkdir()
    cache.write_bytes(content.encode("latin-1"))
    with pytest.warns(RuntimeWarning, match="the saved limits of this machine cannot be read"):
        assert fs.profiler.limits().peak == ROUND.peak


@pytest.mark.parametrize("entry", [1, {}, {"peak": {"float32": 1, "float64": 0}, "bandwidth": [[1, 1]]}, {"peak": {}}])
def test_a_wrong_entry_is_measured_anew(cache: Path, entry: Any) -> None:
    isa, threads = measure.current_setting()
    cache.parent.mkdir()
    cache.write_text(json.dumps({f"{measure.processor()} | {isa} | {threads}": entry}))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert fs.profiler.limits().peak == ROUND.peak


@needs_extension
def test_what_is_timed_refuses_nonsense() -> None:
    from fastscratch.backend import _c

    room = ones(30)
    assert _c.run_stream(room, 2, 3, True) == 3 * 3 * 40
    np.testing.assert_array_equal(room[:10], 1.5)
    assert _c.run_fma("float32", 1, 10) == 2 * _c.run_fma("float64", 1, 10) == _c.run_fma("float32", 1, 20) / 2 > 0
    for wrong in (ones(30, dtype=float), ones(60)[::2]):
        with pytest.raises(TypeError, match="contiguous, writable float32"):
            _c.run_stream(wrong, 1, 1, True)
    with pytest.raises(ValueError, match="chunks >= 1"):
        _c.run_stream(room, 0, 1, True)
    with pytest.raises(ValueError, match="chunks >= 1"):
        _c.run_fma("float32", 0, 1)
