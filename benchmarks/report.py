"""Tables, pictures and the README's section from results: ``python -m benchmarks.report``.

It reads benchmarks/results/*.json, writes a table and a picture beside each, and puts the chief rows into README.md, each
between its two marks. Nothing is measured here.
"""

import json
import re
from pathlib import Path
from typing import Any

from fastscratch.files import atomic_write

from . import mnist_report
from .contest import AVX2, JUDGES, disagreement, judged, verdicts
from .reasons import reason
from .timing import table
from .vs_sklearn import shown
from .works import GROUPS

RESULTS = Path(__file__).parent / "results"
README = Path(__file__).parent.parent / "README.md"
_COMMANDS = {  # name of the results, and how they were made
    "steps": "steps --against torch,jax --threads 1,2",
    "kernels": "kernels --against numpy,torch,sklearn --threads 1,2 --rounds 7",
    "overhead": "overhead --against torch",
    "estimators": "estimators --against sklearn --threads 1,2 --rounds 3",
    "scaling": "scaling --threads 1,2",
    "isa": "steps --against avx2,baseline",
    "twins": "kernels",
    "twins_baseline": "kernels --isa baseline --match conv,pool,softmax",
    "twins_baseline_equal": "kernels --isa baseline --equal --match conv,pool,softmax",
}
COMMANDS = {k: f"python -m benchmarks {v} --json benchmarks/results/{k}.json" for k, v in _COMMANDS.items()}
Result = dict[str, Any]


def save(path: str | Path, result: Result) -> None:
    """Write a result as JSON, the whole of it or nothing."""
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(path, "w") as file:
        file.write(json.dumps(result, indent=1) + "\n")


def _time(seconds: float) -> str:
    if seconds >= 10:
        return f"{seconds:.1f} s"
    return f"{1e6 * seconds:.1f} µs" if seconds < 1e-3 else f"{1e3 * seconds:.2f} ms"


def threads(count: int) -> str:
    """How many, in words that agree."""
    return "1 thread" if count == 1 else f"{count} threads"


def _peers(rows: list[dict[str, Any]]) -> list[str]:
    return list(dict.fromkeys(name for row in rows for name in (*row["ratios"], *row.get("disagree", {}))))


def _contest_table(rows: list[dict[str, Any]]) -> str:
    """Median times and, for each peer, how many times ours it takes (of the minima in brackets)."""
    peers, lines = _peers(rows), []
    for row in rows:
        line = {"work": row["work"], "threads": row["threads"], "ours": _time(row["figures"]["fastscratch"]["median"])}
        for peer in peers:
            known = peer in row["ratios"]
            line[f"{peer} / ours"] = f"{row['ratios'][peer]:.2f} ({row['ratios_of_minima'][peer]:.2f})" if known else ""
            if peer in row.get("disagree", {}):
                line[f"{peer} / ours"] = "disagrees"
        line["GFLOP/s"] = f"{row['gflops']:.0f}" if "gflops" in row else ""
        if any("limit" in other for other in rows):
            line["share of peak"] = _percent(_share(row)) if "limit" in row else ""
        line["target"] = "; ".join(_written(row, key) for key in verdicts(row))
        line["reached"] = {True: "yes", False: "**no**", None: ""}[row.get("reached")]
        lines.append(line)
    return table(lines, dict.fromkeys(lines[0], ""))


def _written(row: dict[str, Any], key: str) -> str:
    """One of a row's targets, as the table has it."""
    goal = row[key]
    if key == "target_share":
        return f"{100 * goal:.0f} % of peak"
    if key == "target_seconds":
        return f"≤ {_time(goal)}"
    return f"avx2 ≤ {goal:g}" if key == "target_avx2" else f"{goal:g}"


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def _share(row: dict[str, Any], figure: str = "median") -> float:
    """Of our time, what the products take at the machine's peak."""
    return row["limit"] / row["figures"]["fastscratch"][figure]


def missed(rows: list[dict[str, Any]]) -> str:
    """What missed a target, by how much, and why."""
    lines, last = [], ""
    for row in rows:
        if "disagree" in row:
            lines.append(f"- {row['work']}, {threads(row['threads'])}: {disagreement(row)}.")
        elif row.get("reached") is False:
            short = [key for key, reached in verdicts(row).items() if not reached]
            by = "; ".join(_shortfall(row, key) for key in short)
            why = _why(row, short)
            lines.append(f"- {row['work']}, {threads(row['threads'])}: {by}. {'As above.' if why == last else why}")
            last = why
    return "\n".join(["", MISSED, "", *lines]) if lines else ""


def _shortfall(row: dict[str, Any], key: str) -> str:
    """How far a row is from one of its targets."""
    ours = row["figures"]["fastscratch"]
    if key == "target_share":
        share, fastest = _percent(_share(row)), _percent(_share(row, "min"))
        return f"{share} of the peak, {fastest} in its fastest sample, of {100 * row[key]:.0f} %"
    if key == "target_seconds":
        return f"{1e6 * ours['median']:.2f} µs, {_time(row[key])} allowed"
    if key == "target_avx2":
        return f"AVX2 takes {row['ratios'][AVX2]:.2f} of AVX-512's time, {row[key]:g} allowed"
    best = min(ratio for name, ratio in row["ratios"].items() if name in JUDGES)
    return f"{best:.2f} of {row[key]:g}"


def _why(row: dict[str, Any], short: list[str]) -> str:
    """The reason for each kind of target that was missed, every sentence once."""
    found = [reason(row["work"])] if "target" in short else []
    found += [reason(f"{row['work']}, {key}") for key in short if key != "target"]
    return " ".join(dict.fromkeys(found)) + (_at_best(row) if "target" in short else "")


def _at_best(row: dict[str, Any]) -> str:
    """What the ratio would be if the products ran at the machine's peak and nothing else took any time."""
    if "limit" not in row:
        return ""
    ratio = min(f["median"] for name, f in row["figures"].items() if name in JUDGES) / row["limit"]
    return (
        f" At the peak measured in the same run, {row['peak_gflops']:.0f} GFLOP/s, the products alone take "
        f"{_time(row['limit'])}, {_percent(_share(row))} of our time: a ratio of {ratio:.2f} if nothing else took any time."
    )


def _scaling_table(rows: list[dict[str, Any]]) -> str:
    lines = [
        {
            "network": row["network"],
            "axis": row["axis"],
            "value": row["value"],
            "threads": row["threads"],
            "time": _time(row["seconds"]),
            "peak MB": f"{row['peak_bytes'] / 1e6:.1f}",
            "slope of time": f"{row['slope']:.2f}",
            "slope of memory": f"{row['memory_slope']:.2f}",
        }
        for row in rows
    ]
    return table(lines, dict.fromkeys(lines[0], ""))


def _twins_table(rows: list[dict[str, Any]], opponent: str) -> str:
    columns = {"operation": "", "inputs": "", "threads": "d", "c (us)": ".1f", "numpy (us)": ".1f"}
    lines = table(rows, {**columns, "c min": ".1f", "numpy min": ".1f", "ratio": ".2f"})
    goals = [row for row in rows if "reached" in row]
    if not goals:
        return lines
    short = [
        f"- {row['operation']}, {threads(row['threads'])}: {row['ratio']:.2f} of {row['target']:g}."
        f" {reason(row['operation'] + opponent)}"
        for row in goals
        if not row["reached"]
    ]
    reached = f"{len(goals) - len(short)} of {len(goals)} rows reach {goals[0]['target']:g}."
    return "\n".join([lines, "", reached, *(["", MISSED, "", *short] if short else [])])


HEADS = {
    "twins": "Forward and, where there is one, backward, float32; microseconds, medians and minima; ratio = NumPy / C.",
    "scaling": "Median time of a training step, a fit or a prediction, and the bytes of memory at its peak.",
    "overhead": "One operation on 8 float32, its gradient recorded where there is one.",
    "estimators": "Whole calls of fit or predict, the check of the data included.",
}
MISSED = "Missed, and why:"
CONTEST = "Medians; peer / ours, and in brackets the ratio of the minima."
TENSORS = "torch: its faster layout, tuned malloc, fused optimizer; jax: compiled."


def text(result: Result) -> str:
    """A result as a table in Markdown."""
    kind, rows = result["benchmark"], result["rows"]
    if not rows:
        return "nothing measured"
    if kind == "scaling":
        return f"{HEADS[kind]}\n\n{_scaling_table(rows)}"
    if kind == "twins":
        return f"{HEADS[kind]}\n\n{_twins_table(rows, _opponent(result))}"
    parts = [HEADS.get(kind), CONTEST, None if kind == "estimators" else TENSORS]
    if "unfinished" in result:
        parts.append("The run was interrupted: only what was finished.")
    if "disturbed" in result:
        counts = " and ".join(threads(count) for count in result["disturbed"])
        parts.append(f"With {counts} the peak was disturbed as it was measured: no shares of it.")
    return f"{' '.join(filter(None, parts))}\n\n{_contest_table(rows)}\n{missed(rows)}"


def _opponent(result: Result) -> str:
    """Which NumPy the narrowest kernels meet: names a reason."""
    held = "NPY_DISABLE_CPU_FEATURES" in result.get("machine", {}).get("environment", {})
    return " against NumPy held to the baseline" if held else " against NumPy as installed"


def where(result: Result) -> str:
    """The machine and the versions, in a sentence."""
    m = result["machine"]
    parts = [f"{m['cpus']} cores of {m['processor']}", f"{m['instruction_set']}", f"{m['compiler']}"]
    told, blas = m["environment"], m["numpy_blas"]
    if "NPY_DISABLE_CPU_FEATURES" in told:
        blas += f" as {told['OPENBLAS_CORETYPE']}, without {told['NPY_DISABLE_CPU_FEATURES']}"
    parts += [f"Python {m['python']}", f"NumPy {m['numpy']} ({blas})"]
    for name, about in result.get("contestants", {}).items():
        if name not in ("fastscratch", "numpy") and "-" not in name and " " not in name:
            parts.append(f"{name} {about['version']}")
    return ", ".join(parts) + f"; {m['date']}."


def plot(path: str | Path, result: Result) -> None:
    """Draw the ratios as bars, or the scaling as lines."""
    import matplotlib as mpl

    mpl.use("Agg")
    mpl.rcParams["svg.hashsalt"] = "fastscratch"  # the same picture, the same file
    from matplotlib import pyplot as plt

    figure = (
        _plot_scaling(plt, result["rows"]) if result["benchmark"] == "scaling" else _plot_ratios(plt, result["rows"])
    )
    figure.savefig(path, bbox_inches="tight", dpi=110, metadata={"Date": None} if str(path).endswith(".svg") else None)
    plt.close(figure)


def _ratio_of(row: dict[str, Any]) -> float:
    if "ratio" in row:
        return row["ratio"]
    judged = [ratio for name, ratio in row["ratios"].items() if name in JUDGES]
    return min(judged or row["ratios"].values(), default=float("nan"))


def _goal(row: dict[str, Any]) -> float | None:
    """The ratio that a bar is held to."""
    if "ratio" in row:
        return row.get("target")
    held = verdicts(row)
    return next((row[key] for key in ("target", "target_avx2") if key in held), None)


def _plot_ratios(plt: Any, rows: list[dict[str, Any]]) -> Any:
    labels = [row.get("work") or row["operation"] for row in rows]
    counts = sorted({row["threads"] for row in rows})
    names = list(dict.fromkeys(labels))
    figure, axes = plt.subplots(figsize=(9, 0.6 + (0.16 + 0.13 * len(counts)) * len(names)))
    height = 0.8 / len(counts)
    for i, count in enumerate(counts):
        of = {label: row for label, row in zip(labels, rows, strict=True) if row["threads"] == count}
        y = [n + (i - (len(counts) - 1) / 2) * height for n, name in enumerate(names) if name in of]
        width = [_ratio_of(of[name]) - 1 for name in names if name in of]
        axes.barh(y, width, height, left=1, label=threads(count))
    targets = [
        (goal, names.index(label) + (counts.index(row["threads"]) - (len(counts) - 1) / 2) * height)
        for label, row in zip(labels, rows, strict=True)
        if (goal := _goal(row))
    ]
    if targets:
        axes.plot(*zip(*targets, strict=True), "k|", markersize=5, label="target")
    axes.axvline(1, color="black", linewidth=0.8)
    axes.set_yticks(range(len(names)), names, fontsize=8)
    axes.invert_yaxis()
    axes.set_xscale("log", base=2)
    axes.xaxis.set_major_formatter(lambda value, position: f"{value:g}")
    axes.set_xlabel("the peer's time / ours (median); more is faster")
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.legend(loc="upper left", bbox_to_anchor=(1, 1), fontsize=8)
    return figure


def _plot_scaling(plt: Any, rows: list[dict[str, Any]]) -> Any:
    kinds = list(dict.fromkeys(row["axis"] for row in rows))
    figure, grid = plt.subplots(2, len(kinds), figsize=(3.6 * len(kinds), 6), squeeze=False)
    for column, axis in enumerate(kinds):
        for network in dict.fromkeys(row["network"] for row in rows if row["axis"] == axis):
            line = [row for row in rows if (row["axis"], row["network"]) == (axis, network)]
            x = [row["value"] for row in line]
            for panel, key, slope, scale in zip(
                grid[:, column], ("seconds", "peak_bytes"), ("slope", "memory_slope"), (1e3, 1e-6), strict=True
            ):
                label = f"{network}: slope {line[0][slope]:.2f}" if len(line) > 1 else network
                panel.plot(x, [scale * row[key] for row in line], "o-", label=label)
                panel.set_xscale("log", base=2)
                panel.set_yscale("log")
                panel.xaxis.set_major_formatter(lambda value, position: f"{value:g}")
                panel.set_xlabel(axis)
                panel.legend(fontsize=6)
                panel.grid(which="both", alpha=0.3)
    grid[0][0].set_ylabel("ms")
    grid[1][0].set_ylabel("MB at the peak")
    figure.tight_layout()
    return figure


def section(results: dict[str, Result]) -> str:
    """The README's section on performance: the steps, then what is in the other tables in a line each."""
    parts = []
    if "steps" in results:
        result = results["steps"]
        parts += [where(result), "", f"`{COMMANDS['steps']}`", "", text(result), ""]
    for name, result in results.items():
        if name in COMMANDS and name != "steps":
            parts.append(f"- [{name}](benchmarks/results/{name}.md), `{COMMANDS[name]}`: {_count(result)}")
    return "\n".join(parts)


def _count(result: Result) -> str:
    rows = [row for row in result["rows"] if row.get("reached") is not None]
    if not rows:
        return f"{len(result['rows'])} rows."
    return f"{sum(row['reached'] for row in rows)} of {len(rows)} rows reach their target."


def _mistrust(result: Result) -> None:
    """Take the shares of the peak from a run in which something was faster than the peak: it was disturbed as measured."""
    rows = [row for row in result["rows"] if "limit" in row]
    false = {(row["threads"], row["peak_gflops"]) for row in rows if _share(row, "min") > 1}
    for row in rows:
        if (row["threads"], row["peak_gflops"]) in false:
            del row["limit"], row["peak_gflops"]
    if false:
        result["disturbed"] = sorted({count for count, _ in false})


def read_results() -> dict[str, Result]:
    """Those of ``python -m benchmarks``, by name, judged by the targets of today."""
    found = {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in sorted(RESULTS.glob("*.json"))}
    found = {name: result for name, result in found.items() if "benchmark" in result}
    for result in found.values():
        _mistrust(result)
        works = {work.name: work for work in GROUPS.get(result["benchmark"], [])}
        if works:
            result["rows"] = [judged(row, works.get(row["work"])) for row in result["rows"]]
    return found


def main() -> None:
    """Write every table, every picture, and the README's section."""
    results = read_results()
    for name, result in results.items():
        (RESULTS / f"{name}.md").write_text(f"{where(result)}\n\n{text(result)}\n", encoding="utf-8")
        plot(RESULTS / f"{name}.svg", result)
    learnt = RESULTS / "vs_sklearn.json"
    if learnt.exists():
        learnt.with_suffix(".md").write_text(
            shown.text(json.loads(learnt.read_text(encoding="utf-8"))), encoding="utf-8"
        )
    readme = between(README.read_text(encoding="utf-8"), "mnist", mnist_report.section(RESULTS))
    README.write_text(between(readme, "performance", section(results)), encoding="utf-8")


def between(page: str, name: str, body: str) -> str:
    """The page with this between its two marks of that name."""
    begin, end = (f"<!-- {name}: {where} -->" for where in ("begin", "end"))
    return re.sub(f"{begin}.*?{end}", lambda match: f"{begin}\n{body}\n{end}", page, flags=re.DOTALL)


if __name__ == "__main__":
    main()
