"""The benchmarks: every work runs, libraries are compared on equal results, and the tables say what was measured."""

import json
import platform
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from conftest import needs_cache, needs_extension, on_kernels

import fastscratch as fs
from fastscratch.models import build
from fastscratch.train.grid import read_grid

ROOT = Path(__file__).resolve().parent.parent
pytestmark = pytest.mark.skipif(not (ROOT / "benchmarks").is_dir(), reason="the benchmarks are not part of a wheel")
sys.path.insert(0, str(ROOT))


@pytest.fixture
def threads():
    before = fs.get_num_threads()
    yield before
    fs.set_num_threads(before)


@pytest.mark.parametrize("group", ["steps", "overhead"])
def test_every_work_runs(group, threads):
    from benchmarks.library import Library
    from benchmarks.works import GROUPS

    for work in GROUPS[group]:
        if "1024" in work.name or "256" in work.name:
            continue
        result = work.build(Library("fastscratch", threads))()
        if work.check:
            assert np.isfinite(work.check(result)), work.name


def test_a_worker_times_a_work_and_names_what_fails():
    from benchmarks.worker import Worker

    worker = Worker("fastscratch", 1)
    before = fs.get_num_threads()
    try:
        prepared = worker.prepare("steps", "step, MLP 2-16-16-2, SGD, batch 32")
        assert prepared["variants"] == [""] and np.isfinite(prepared["check"])
        sample = worker.sample("")
        assert sample["seconds"] > 0 and sample["faults"] >= 0
        assert worker.about()["version"] == fs.__version__
        with pytest.raises(StopIteration):
            worker.prepare("steps", "no such work")
    finally:
        fs.set_num_threads(before)


def test_an_estimator_is_fitted_by_both_libraries(threads):
    from benchmarks.library import Library
    from benchmarks.works.estimators import fit, regression, squared_error

    data = regression(60, 4, "float64")
    work = fit("linear_model.Ridge", "60 x 4", data, 1.5, squared_error, params={"alpha": 2.0}, theirs={"tol": 1e-9})
    assert work.name == "Ridge 60 x 4" and work.ours_alone
    value = work.check(work.build(Library("fastscratch", threads))())
    model = fs.linear_model.Ridge(2.0).fit(*data())
    assert value == squared_error(model, data()) != squared_error(fs.linear_model.Ridge(3.0).fit(*data()), data())
    pytest.importorskip("sklearn")
    assert work.check(work.peers["sklearn"](1)()) == pytest.approx(value, rel=1e-9)


@pytest.mark.parametrize("solver", ["cholesky", "cg", "nystrom"])
def test_kernel_ridge_is_chosen_on_validation_images_and_judged_once(tmp_path, capsys, solver):
    pytest.importorskip("resource")
    from benchmarks.kernel_ridge_mnist import main

    small = [
        "--data",
        "digits",
        "--train",
        "600",
        "--search",
        "200",
        "--scales",
        "pixels",
        "--widths",
        "0.1,5",
        "--alphas",
        "0.01",
    ]
    main([*small, "--solver", solver, "--components", "150", "--output", str(tmp_path)])
    (row,) = json.loads((tmp_path / f"{solver}.json").read_text())["rows"]
    assert row["width"] == 5 and row["search"][1]["validation"] > row["search"][0]["validation"]
    assert row["n_train"] == 600 and row["test_accuracy"] > 0.6 and row["peak_bytes"] > 1e6
    assert f"{row['test_accuracy']:.2%} of 2,000 test images" in capsys.readouterr().out


def test_every_estimator_of_the_benchmarks_exists():
    from benchmarks.works import GROUPS
    from benchmarks.works.estimators import find

    assert find("fastscratch", "linear_model.Ridge") is fs.linear_model.Ridge
    names = [work.name for work in GROUPS["estimators"]]
    assert len(set(names)) == len(names)
    assert all(work.check and "sklearn" in work.peers for work in GROUPS["estimators"])


def test_a_long_call_is_a_sample_by_itself(monkeypatch, threads):
    from benchmarks import worker

    calls = []
    monkeypatch.setattr(worker.Worker, "_variants", lambda self, work: {"": lambda: calls.append(1)})
    one = worker.Worker("fastscratch", 1)
    for longest, expected in ((-1.0, 2), (1e9, None)):  # no call is short, every call is
        calls.clear()
        monkeypatch.setattr(worker, "LONG", longest)
        one.prepare("overhead", "x * y")
        one.sample("")
        assert len(calls) == expected if expected else len(calls) > 3


@on_kernels
@needs_cache
def test_memory_is_watched_for_each_network(threads):
    from benchmarks import memory

    rows = memory.run(10, 1)
    assert len(rows) == 4
    for row in rows:
        assert row["steps"] == 10 and row["ms"] > 0 and row["misses_per_step"] == 0
        assert len(row["rss_bytes"]) == memory.TENTHS + 1 and min(row["rss_bytes"]) > 0
    assert all(row["step"] in memory.text(rows) for row in rows)


class _Played:
    """A contestant that is no process: it says 1 and takes a second, but for what `other` gives it to say."""

    other, closed = {}, 0

    def __init__(self, name, threads):
        self.name = name

    def ask(self, do, **arguments):
        if do == "sample":
            return {"seconds": 1.0, "faults": 0}
        said = self.other.get((self.name, arguments.get("name")), 1.0)
        if isinstance(said, BaseException):
            raise said
        return {"variants": [""], "check": said, "version": "0"}

    def close(self):
        type(self).closed += 1


@pytest.fixture
def played(monkeypatch):
    """Three works with played contestants; their answers are set in what is returned."""
    from benchmarks import contest
    from benchmarks.works import GROUPS, Work

    works = [Work(name, lambda library: lambda: None, 0.5) for name in ("first", "second", "third")]
    monkeypatch.setitem(GROUPS, "estimators", works)
    monkeypatch.setattr(contest, "Contestant", _Played)
    monkeypatch.setattr(_Played, "other", {})
    monkeypatch.setattr(_Played, "closed", 0)
    return _Played.other


@pytest.mark.parametrize("value", [1.1, float("nan")])
def test_contestants_that_disagree_are_a_row_that_says_so(played, value):
    from benchmarks import report
    from benchmarks.contest import contest

    played["sklearn", "second"] = value
    rows = list(contest("estimators", ["sklearn", "torch"], 1, rounds=2))
    assert [row["reached"] for row in rows] == [True, False, True]
    assert "sklearn" not in rows[1]["ratios"] and rows[1]["ratios"]["torch"] == 1  # and still no target is reached
    text = report.text({"benchmark": "estimators", "rows": rows})
    assert f"second, 1 thread: not compared: sklearn computes {value}, fastscratch 1." in text
    assert "disagrees" in next(line for line in text.splitlines() if "| " in line and "second" in line)
    assert text.count("disagrees") == 1 and text.count("**no**") == 1
    assert _Played.closed == 4


def test_a_library_that_disagrees_is_not_timed_in_any_setting(played):
    from benchmarks import report
    from benchmarks.contest import contest

    played["torch", "first"] = 2.0
    (row,) = contest("estimators", ["torch"], 1, match="first", rounds=1)
    assert row["ratios"] == {} and row["disagree"] == {"torch": 2.0}
    assert "disagrees" in report.text({"benchmark": "steps", "rows": [row]})


def test_numbers_agree_within_the_work_s_own_bound(played):
    from benchmarks.contest import _disagreeing
    from benchmarks.works import Work

    work = Work("w", lambda library: lambda: None)
    assert _disagreeing(work, {"fastscratch": 1.0, "torch": 1.0009}) == {}
    assert _disagreeing(work, {"fastscratch": 1.0, "torch": 1.002}) == {"torch": 1.002}
    assert _disagreeing(work, {}) == {}


@pytest.mark.parametrize("fault", [KeyboardInterrupt(), RuntimeError("the process ended")])
def test_rows_that_are_finished_outlive_an_interruption(played, monkeypatch, tmp_path, capsys, fault):
    from benchmarks import __main__ as command

    monkeypatch.setattr(command, "_installed", lambda peers: peers)
    monkeypatch.setattr(
        sys, "argv", ["benchmarks", "estimators", "--against", "sklearn", "--json", str(tmp_path / "e.json")]
    )
    played["sklearn", "third"] = fault
    with pytest.raises(type(fault)):
        command.main()
    result = json.loads((tmp_path / "e.json").read_text())
    assert [row["work"] for row in result["rows"]] == ["first", "second"] and result["unfinished"]
    shown = capsys.readouterr().out
    assert "The run was interrupted" in shown and "second" in shown
    del played["sklearn", "third"]
    command.main()
    result = json.loads((tmp_path / "e.json").read_text())
    assert len(result["rows"]) == 3 and "unfinished" not in result
    assert "interrupted" not in capsys.readouterr().out


def test_a_target_may_be_of_one_number_of_threads():
    from benchmarks.contest import _row as row
    from benchmarks.works import GROUPS, Work

    figures = {name: {"median": t, "min": t, "spread": 0.0} for name, t in (("fastscratch", 1.0), ("sklearn", 1.2))}
    work = Work("w", lambda library: lambda: None, {1: 1.15, 2: 1.3})
    assert [row(work, n, figures)["target"] for n in (1, 2, 3)] == [1.15, 1.3, None]
    assert [row(work, n, figures).get("reached") for n in (1, 2, 3)] == [True, False, None]
    targets = {w.name: w.target for w in GROUPS["kernels"] if w.name.startswith("cholesky in place float64")}
    assert targets == {
        "cholesky in place float64 4000": {1: 1.0, 2: 1.3},
        "cholesky in place float64 8000": {1: 1.15, 2: 1.3},
    }


def test_the_products_at_the_peak_stand_beside_what_was_missed() -> None:
    from benchmarks.contest import _row as row
    from benchmarks.report import text
    from benchmarks.works import GROUPS

    work = next(w for w in GROUPS["steps"] if "MLP 784-128" in w.name)
    figures = {name: {"median": t, "min": t, "spread": 0.0} for name, t in (("fastscratch", 2e-4), ("torch", 3e-4))}
    made = row(work, 1, figures, 1e11)
    assert made["limit"] == work.flops / 1e11
    shown = text({"benchmark": "steps", "rows": [made]})
    assert "100 GFLOP/s, the products alone take" in shown
    assert f"a ratio of {3e-4 / made['limit']:.2f} if nothing else took any time" in shown
    images = next(w for w in GROUPS["steps"] if w.images)
    assert "limit" not in row(images, 1, figures, 1e11)


def _row(ours, torch, target):
    from benchmarks.contest import _row as row
    from benchmarks.works.work import Work

    figures = {
        name: {"median": t, "min": t / 2, "spread": 0.1} for name, t in (("fastscratch", ours), ("torch", torch))
    }
    return row(Work("a step", lambda library: lambda: None, target, flops=1e6), 2, figures)


def test_the_table_shows_what_was_missed():
    from benchmarks import report

    reached, missed = _row(1e-3, 3e-3, 2.0), _row(1e-3, 1.5e-3, 2.0)
    assert reached["reached"] is True and missed["reached"] is False
    assert reached["ratios"]["torch"] == pytest.approx(3) and reached["gflops"] == pytest.approx(1.0)
    text = report.text({"benchmark": "steps", "rows": [reached, missed]})
    assert "1.50 (1.50)" in text and "**no**" in text
    assert "a step, 2 threads: 1.50 of 2" in text
    assert text.count("Missed, and why") == 1
    assert "Missed" not in report.text({"benchmark": "steps", "rows": [reached]})


def _judged(name, seconds, *, threads=1, **more):
    """A row with our time, told of by the work of that name as the report does."""
    from benchmarks.contest import judged
    from benchmarks.works import GROUPS

    figures = {"fastscratch": {"median": seconds, "min": seconds / 2, "spread": 0.1}}
    row = {"work": name, "threads": threads, "target": None, "figures": figures, "ratios": {}, "ratios_of_minima": {}}
    works = {work.name: work for group in GROUPS.values() for work in group}
    return judged(row | more, works.get(name))


@pytest.mark.parametrize(
    ("name", "share"),
    [
        *((f"matmul {kind} {dtype} 256^3", 0.9) for kind in ("NN", "NT", "TN") for dtype in ("float32", "float64")),
        ("matmul NN float32 2048^3", 0.9),
        ("cholesky in place float64 8000", 0.85),
    ],
)
def test_a_row_without_a_share_of_the_peak_has_that_of_its_work(name, share):
    from benchmarks import report

    high, low = (_judged(name, 1 / s, limit=1.0, peak_gflops=100.0) for s in (share + 1e-3, share - 1e-3))
    assert high["reached"] is True and low["reached"] is False
    text = report.text({"benchmark": "kernels", "rows": [high, low]})
    assert f"{100 * share:.0f} % of peak" in text and f"{100 * share + 0.1:.1f} %" in text
    assert f"{100 * share - 0.1:.1f} % of the peak" in text and f"of {100 * share:.0f} %" in text
    assert "multiply-adds in registers" in text and "a ratio of" not in text


@pytest.mark.parametrize("name", ["matmul NN float32 128^3", "cholesky in place float64 4000", "no work of today"])
def test_what_has_no_target_is_not_judged(name):
    assert "reached" not in _judged(name, 2.0, limit=1.0, peak_gflops=100.0)


def test_a_row_reaches_its_target_only_if_all_hold():
    from benchmarks import report

    ratios = {"ratios": {"torch": 3.0}, "ratios_of_minima": {"torch": 3.0}, "target": 2.0}
    both, slow = _judged("x + y", 0.9e-6, **ratios), _judged("x.mean()", 1.2e-6, **ratios)
    assert both["reached"] is True and slow["reached"] is False
    assert _judged("x + y", 0.9e-6, **ratios | {"target": 3.1})["reached"] is False
    assert _judged("(x * y).sum().backward()", 9e-6, **ratios)["reached"] is True
    text = report.text({"benchmark": "overhead", "rows": [both, slow]})
    assert "2; ≤ 1.0 µs" in text and "x.mean(), 1 thread: 1.20 µs, 1.0 µs allowed. What Python and the tape do" in text
    assert text.count("- x") == 1


def test_a_peak_that_is_no_peak_is_not_believed(tmp_path, monkeypatch):
    from benchmarks import report

    figures = {"fastscratch": {"median": 2.0, "min": 1.5, "spread": 0.1}}
    row = {"target": None, "figures": figures, "ratios": {}, "ratios_of_minima": {}, "peak_gflops": 9.0}
    name = "matmul NN float32 256^3"
    rows = [row | {"work": name, "threads": n, "limit": limit} for n, limit in ((1, 1.4), (2, 1.4), (2, 1.6))]
    (tmp_path / "kernels.json").write_text(json.dumps({"benchmark": "kernels", "rows": rows}))
    monkeypatch.setattr(report, "RESULTS", tmp_path)
    result = report.read_results()["kernels"]
    assert [row.get("reached") for row in result["rows"]] == [False, None, None]
    text = report.text(result)
    assert "With 2 threads the peak was disturbed" in text and text.count("70.0 %") == 2


def test_the_same_reason_is_given_once():
    from benchmarks import report

    rows = [_judged(f"matmul {kind} float32 256^3", 2.0, limit=1.0, peak_gflops=9.0) for kind in ("NN", "NT")]
    text = report.text({"benchmark": "kernels", "rows": rows})
    assert text.count("As above.") == 1 and text.count("packing of the operands") == 1


def test_our_avx2_kernels_are_held_to_those_of_avx512():
    from benchmarks import report

    name = "step, CNN, SGD with momentum, batch 64"
    near, far = (
        _judged(name, 1e-3, target=2.5, ratios={"fastscratch-avx2": r}, ratios_of_minima={"fastscratch-avx2": r})
        for r in (1.25, 1.26)
    )
    assert near["reached"] is True and far["reached"] is False
    text = report.text({"benchmark": "steps", "rows": [near, far]})
    assert "avx2 ≤ 1.25" in text and "AVX2 takes 1.26 of AVX-512's time, 1.25 allowed" in text and "2.5" not in text
    assert report._goal(near) == 1.25


def test_the_twins_say_why_a_row_is_short():
    from benchmarks import report

    row = {"operation": "conv2d", "inputs": "", "threads": 1, "c (us)": 1.0, "numpy (us)": 1.5, "c min": 1.0}
    row |= {"numpy min": 1.5, "ratio": 1.5, "target": 2.0, "reached": False}
    enough = row | {"operation": "conv1d", "ratio": 2.5, "reached": True}
    result = {"benchmark": "twins", "rows": [row, row | {"operation": "log_softmax"}, enough]}
    told = report.text(result)
    assert (
        "1 of 3 rows reach 2." in told and "- conv2d, 1 thread: 1.50 of 2. The baseline multiplies four lanes" in told
    )
    assert "- log_softmax, 1 thread: 1.50 of 2. The baseline has four lanes; the twin's exponential" in told
    assert "- conv1d" not in told
    held = report.text(result | {"machine": {"environment": {"NPY_DISABLE_CPU_FEATURES": "X86_V4"}}})
    assert "Four lanes without FMA on both sides" in held
    assert report.MISSED not in report.text(result | {"rows": [enough]})


def test_every_work_has_a_name_of_its_own_and_a_reason():
    from benchmarks.reasons import reason
    from benchmarks.works import GROUPS

    for group, works in GROUPS.items():
        names = [work.name for work in works]
        assert len(set(names)) == len(names), group
    timed = [*GROUPS["steps"], *GROUPS["overhead"], *GROUPS["estimators"]]
    without = [work.name for work in timed if reason(work.name).startswith("No reason")]
    assert not without


def test_the_layers_of_every_network_are_measured():
    from benchmarks.works import GROUPS

    names = {work.name for work in GROUPS["kernels"]}
    for shape in ("NT {d} 32x128x784", "TN {d} 128x784x256", "NN {d} 64x3136x128", "TN {d} 100x12512x64"):
        assert all(f"matmul {shape.format(d=dtype)}" in names for dtype in ("float32", "float64"))


@needs_extension
def test_a_spread_is_the_interquartile_range_over_the_median(threads):
    from benchmarks import scaling, twins
    from benchmarks.timing import spread

    assert spread([4.0, 1.0, 3.0, 2.0, 5.0]) == pytest.approx(2 / 3)
    (row,) = scaling.run([1], "MLP 784-128-10, batch 256")
    assert 0 <= row["spread"] < 100
    (row,) = twins.run(1, "adaptive_avg_pool2d")
    assert row["c spread"] >= 0 and row["numpy spread"] >= 0


def test_what_scikit_learn_learns_is_shown_with_the_machine():
    from benchmarks.timing import machine
    from benchmarks.vs_sklearn import shown

    spiral = [{"model": "m", "fastscratch": "97.0%", "sklearn": "-"}]
    result = {"machine": machine(), "sklearn": "1.9", "rows": [], "spiral": spiral, "convergence": {"a": []}}
    text = shown.text(result)
    assert f"NumPy {np.__version__}" in text and "sklearn 1.9;" in text and shown.COMMAND in text
    assert "(vs_sklearn_spiral.png)" in text and "(vs_sklearn_convergence.png)" in text
    assert "convergence.png" not in shown.text(result | {"convergence": {}})
    assert shown.COMMAND in (ROOT / "README.md").read_text(encoding="utf-8")


def test_slopes_of_known_lines():
    from benchmarks.scaling import slope

    line = [{"value": v, "seconds": 3 * v**2} for v in (1, 2, 4, 8)]
    assert slope(line, "seconds") == pytest.approx(2)
    assert np.isnan(slope(line[:1], "seconds"))


def test_the_command_writes_what_it_measured(tmp_path):
    command = [sys.executable, "-m", "benchmarks", "overhead", "--match", "x * y", "--rounds", "2"]
    done = subprocess.run(
        [*command, "--json", str(tmp_path / "o.json")],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    result = json.loads((tmp_path / "o.json").read_text())
    assert result["benchmark"] == "overhead" and result["machine"]["numpy"] == np.__version__
    assert result["contestants"]["fastscratch"]["instruction_set"] == fs.backend.get_isa()
    assert all(row["figures"]["fastscratch"]["median"] > 0 for row in result["rows"])
    assert "x * y" in done.stdout


@needs_extension
@pytest.mark.skipif(platform.machine().lower() not in ("x86_64", "amd64"), reason="the names are those of x86-64")
def test_numpy_is_held_to_our_instruction_set(tmp_path):
    command = [sys.executable, "-m", "benchmarks", "kernels", "--isa", "baseline", "--equal"]
    done = subprocess.run(
        [*command, "--match", "adaptive_avg_pool2d", "--json", str(tmp_path / "e.json")],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    result = json.loads((tmp_path / "e.json").read_text())
    assert result["machine"]["instruction_set"] == "baseline" and result["machine"]["numpy_features"] == []
    assert result["machine"]["environment"]["OPENBLAS_CORETYPE"] == "Nehalem"
    assert result["rows"][0]["target"] == 2 and "of 1 rows reach 2" in done.stdout


def test_an_unknown_peer_is_refused():
    command = [sys.executable, "-m", "benchmarks", "steps", "--against", "tensorflow"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2 and "no peer is called tensorflow" in done.stderr


@needs_extension
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_accuracy_finds_the_worst_error(dtype):
    from benchmarks.accuracy import measure

    for row in measure("tanh", dtype, fs.backend.isas(), 1 << 14):
        assert 0.5 <= row["ULP"] <= row["stated"]
        assert row["points"] > 1000
        assert abs(row["at"]) < 20


@pytest.mark.parametrize("name", ["augmented", "bn_dropout", "table", "three_convolutions"])
def test_the_grids_on_mnist_are_made_of_networks_that_train(name, monkeypatch):
    from benchmarks.mnist_grids import GRIDS, NAMES

    monkeypatch.chdir(ROOT)
    assert name in NAMES
    cells = read_grid(GRIDS / f"{name}.toml")
    assert len(cells) == (12 if name == "table" else 3)
    for model in {cell.settings.model for cell in cells}:
        net = build(model)
        fs.nn.functional.cross_entropy(net(fs.zeros(2, 1, 28, 28)), fs.tensor([3, 7])).backward()
        assert all(parameter.grad is not None for parameter in net.parameters()), model


def test_a_grid_of_seeds_tells_their_median():
    from benchmarks.mnist_grids import seeds_line

    rows = [
        {"run": str(i), "seed": i, "error": "", "test_accuracy": a, "seconds": 10 * a}
        for i, a in enumerate((0.9, 0.7, 0.8))
    ]
    assert seeds_line(rows) == "Test accuracy, median of 3 seeds: 80.00%; the longest training 9 s.\n"
    assert seeds_line([row | {"error": "not finite"} for row in rows]) == ""
    assert seeds_line([{"run": "a", "model": "cnn", **row} for row in rows]) == ""


@pytest.mark.skipif(not (ROOT / "benchmarks" / "results").is_dir(), reason="results are not part of a source archive")
def test_the_readme_says_what_the_results_say():
    from benchmarks import mnist_report, report

    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert report.between(readme, "mnist", mnist_report.section(report.RESULTS)) == readme
    assert report.between(readme, "performance", report.section(report.read_results())) == readme
    assert report.between("a<!-- x: begin -->old<!-- x: end -->b", "x", "new") == (
        "a<!-- x: begin -->\nnew\n<!-- x: end -->b"
    )
