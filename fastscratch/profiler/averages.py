"""Events added up: a row for each kernel and named stretch, and the table of them."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ..machine import processor
from .formulas import FORMULAS, Formula, Work
from .measure import Limits

if TYPE_CHECKING:
    from .recording import Event

LimitsOf = Callable[[tuple[str, int]], Limits]


@dataclass
class Row:
    """One line of the table. Times are in microseconds, as in torch.profiler."""

    key: str
    formula: Formula | None = None  # None for a record_function
    input_shapes: str = ""
    count: int = 0
    cpu_time_total: float = 0.0
    self_cpu_time_total: float = 0.0  # without what was recorded inside
    flops: int = 0  # of all calls; for a record_function, of the kernels inside
    bytes: int = 0
    arithmetic_time: float = 0.0  # what the machine needs at least to compute,
    memory_time: float = 0.0  # to move,
    limit_time: float = 0.0  # and, call by call, for the longer of the two
    dtypes: set[str] = field(default_factory=set)  # of the arithmetic

    @property
    def cpu_time(self) -> float:
        """Of one call."""
        return self.cpu_time_total / self.count

    @property
    def gflops(self) -> float:
        """GFLOP/s."""
        return _rate(self.flops, self.cpu_time_total)

    @property
    def gbytes(self) -> float:
        """GB/s."""
        return _rate(self.bytes, self.cpu_time_total)

    @property
    def percent_of_limit(self) -> float:
        """100 times what the machine needs at least, over what was needed: FLOP/s over min(peak, intensity * bandwidth)."""
        return 100 * self.limit_time / self.cpu_time_total if self.cpu_time_total else 0.0

    @property
    def bound(self) -> str:
        """What sets the limit: "arithmetic" or "memory"; "" where there is no work."""
        if self.limit_time == 0:
            return ""
        return "arithmetic" if self.arithmetic_time > self.memory_time else "memory"

    def as_dict(self) -> dict[str, Any]:
        """The row for JSON."""
        row = {name: getattr(self, name) for name in (*_NUMBERS, "bound", "limit_time", "input_shapes")}
        row["dtypes"] = sorted(self.dtypes)
        if self.formula:
            row |= {"flops_formula": self.formula.flops, "bytes_formula": self.formula.bytes}
            row["letters"] = self.formula.letters
        return {"key": self.key, "kernel": self.formula is not None, **row}


_NUMBERS = (
    "count", "cpu_time", "cpu_time_total", "self_cpu_time_total", "flops", "bytes", "gflops", "gbytes", "percent_of_limit",
)  # fmt: skip


def _rate(amount: int, microseconds: float) -> float:
    return amount / microseconds / 1e3 if microseconds else 0.0


@dataclass
class Averages(Sequence[Row]):
    """The rows of a profile, in the order of their first calls; str() is the table."""

    rows: list[Row]
    limits: list[Limits]  # of the settings that were in force, the most used first
    seconds: float
    profiler_seconds: float = 0.0  # spent on writing down

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: Any) -> Any:
        return self.rows[index]

    def __iter__(self) -> Iterator[Row]:
        return iter(self.rows)

    def __str__(self) -> str:
        return self.table()

    def table(self, sort_by: str | None = None, row_limit: int = 100) -> str:
        """The rows as text, with their formulas below.

        Parameters
        ----------
        sort_by : str, optional
            "key", or one of the numbers of a :class:`Row`, the largest first: "count", "cpu_time", "cpu_time_total",
            "self_cpu_time_total", "flops", "bytes", "gflops", "gbytes", "percent_of_limit".
        row_limit : int, optional

        Raises
        ------
        ValueError
            For a name that is not one of these.
        """
        rows = self._sorted(sort_by)[: max(0, row_limit)]
        lines = _columns([list(_HEAD), *(_cells(row, self.seconds) for row in rows)])
        rule = "-" * max(map(len, lines))
        kernels = {row.key: row.formula for row in rows if row.formula}
        width = max(map(len, kernels), default=0)
        formulas = [f"  {name.ljust(width)}  {formula}" for name, formula in kernels.items()]
        return "\n".join(
            [lines[0], rule, *lines[1:], rule, self._sum()]
            + [f"Limits of {limits}" for limits in self.limits]
            + ["Formulas (an array's name is its elements in FLOP, its bytes in bytes; a multiply-add is two):"]
            * bool(kernels)
            + formulas
        )

    def _sorted(self, sort_by: str | None) -> list[Row]:
        choices = ("key", *_NUMBERS)
        if sort_by is None:
            return self.rows
        if sort_by not in choices:
            raise ValueError(f"sort_by must be one of {', '.join(choices)}, got {sort_by!r}")
        return sorted(self.rows, key=lambda row: getattr(row, sort_by), reverse=sort_by != "key")

    def _sum(self) -> str:
        wall, inside = 1e3 * self.seconds, sum(row.cpu_time_total for row in self.rows if row.formula) / 1e3
        return (
            f"{wall:,.2f} ms in all: {inside:,.2f} ms in kernels, {1e3 * self.profiler_seconds:,.2f} ms in the profiler; "
            "the rest is Python and NumPy"
        )

    def roofline(self) -> str:
        """The kernels under the roof of these limits, as an SVG; ValueError if none computes anything."""
        from ..viz.roofline import Dot, roofline_svg

        kernels = [row for row in self.rows if row.formula and row.flops and row.bytes and row.cpu_time_total]
        inside = sum(row.cpu_time_total for row in kernels)
        dots = [
            Dot(row.key, row.flops / row.bytes, 1e9 * row.gflops, row.cpu_time_total / inside, row.percent_of_limit)
            for row in kernels
        ]
        used = set().union(*(row.dtypes for row in kernels))
        roofs = [
            limits._replace(peak={dtype: rate for dtype, rate in limits.peak.items() if dtype in used})
            for limits in self.limits
        ]
        title = f"Roofline: {processor()}, {self.limits[0].setting}" if self.limits else ""
        return roofline_svg(dots, roofs, title)

    def as_dict(self) -> dict[str, Any]:
        """Everything, for JSON."""
        return {
            "processor": processor(),
            "limits": [limits._asdict() for limits in self.limits],
            "seconds": self.seconds,
            "profiler_seconds": self.profiler_seconds,
            "rows": [row.as_dict() for row in self.rows],
        }


_HEAD = [
    "Name",
    "Calls",
    "Self ms",
    "Self %",
    "Total ms",
    "us/call",
    "MFLOP",
    "GFLOP/s",
    "MB",
    "GB/s",
    "% of limit",
    "Bound by",
]


def _cells(row: Row, seconds: float) -> list[str]:
    name = f"{row.key}({row.input_shapes})" if row.input_shapes else row.key
    cells = [
        name if row.formula else f"[{name}]",
        f"{row.count:,}",
        f"{row.self_cpu_time_total / 1e3:,.3f}",
        f"{row.self_cpu_time_total / seconds / 1e4:.1f}" if seconds else "-",
        f"{row.cpu_time_total / 1e3:,.3f}",
        f"{row.cpu_time:,.1f}",
    ]
    if not row.limit_time:
        return [*cells, *["-"] * 6]
    work = [row.flops / 1e6, row.gflops, row.bytes / 1e6, row.gbytes]
    return [*cells, *(_short(number) for number in work), _short(row.percent_of_limit), row.bound]


def _short(number: float) -> str:
    """About three digits."""
    return f"{number:,.0f}" if number >= 100 else f"{number:.1f}" if number >= 10 else f"{number:.2f}"


def _columns(table: list[list[str]]) -> list[str]:
    """Names to the left, numbers to the right."""
    widths = [max(len(row[i]) for row in table) for i in range(len(table[0]))]
    last = len(widths) - 1
    return [
        "  ".join(
            row[i].rjust(widths[i]) if 0 < i < last else row[i].ljust(widths[i]) for i in range(last + 1)
        ).rstrip()
        for row in table
    ]


# ---- adding up ----


@dataclass
class _Span:
    """An event, what it is inside of, and its nanoseconds: without the profiler's own, and without what is inside it."""

    event: "Event"
    inside: tuple["_Span", ...]
    total: int
    own: int


def average(events: Iterable["Event"], limits_of: LimitsOf, seconds: float, by_shape: bool) -> Averages:
    """Add up the events of a profile."""
    rows: dict[tuple[str, str, bool], Row] = {}
    uses: dict[tuple[str, int], int] = {}
    spans = _nested(events)

    def row_of(span: _Span) -> Row:
        event = span.event
        shapes = event.shapes if by_shape else ""
        key = event.name, shapes, event.work is None
        return rows.setdefault(key, Row(event.name, FORMULAS[event.name] if event.work else None, shapes))

    for span in spans:
        row, outer = row_of(span), {id(row): row for row in map(row_of, span.inside)}
        row.count += 1
        row.self_cpu_time_total += span.own / 1e3
        if id(row) not in outer:  # a stretch inside itself is a part of its own time
            row.cpu_time_total += span.total / 1e3
        if span.event.work:
            setting = span.event.setting
            uses[setting] = uses.get(setting, 0) + 1
            for to in (row, *outer.values()):
                _add_work(to, span.event.work, limits_of(setting))
    used = [limits_of(setting) for setting in sorted(uses, key=lambda setting: -uses[setting])]
    distinct = [limits for i, limits in enumerate(used) if limits not in used[:i]]
    return Averages(list(rows.values()), distinct, seconds, sum(_noting(span.event) for span in spans) / 1e9)


def _add_work(row: Row, work: Work, limits: Limits) -> None:
    arithmetic = 1e6 * limits.arithmetic_seconds(work.flops, work.dtype)
    memory = 1e6 * limits.memory_seconds(work.bytes, work.in_use)
    row.dtypes.add(work.dtype)
    row.flops += work.flops
    row.bytes += work.bytes
    row.arithmetic_time += arithmetic
    row.memory_time += memory
    row.limit_time += max(arithmetic, memory)


def _nested(events: Iterable["Event"]) -> list[_Span]:
    """The events as they began, with what each is inside of on its thread."""
    spans: list[_Span] = []
    stacks: dict[int, list[_Span]] = {}
    for event in sorted(events, key=lambda event: (event.start, -event.end)):
        stack = stacks.setdefault(event.thread, [])
        while stack and stack[-1].event.end <= event.start:
            stack.pop()
        taken = event.end - event.start
        spans.append(_Span(event, tuple(stack), taken, taken))
        if stack:
            stack[-1].own -= taken + _noting(event)
        for outer in stack:
            outer.total -= _noting(event)
        stack.append(spans[-1])
    return spans


def _noting(event: "Event") -> int:
    """Nanoseconds that the profiler took to write this down."""
    return event.noted - event.end if event.noted else 0
