"""A progress bar in one line of the terminal; one line per epoch where there is no terminal."""

from __future__ import annotations

import shutil
import sys
import time
from typing import TYPE_CHECKING, Any, TextIO

from .callbacks import Callback, Logs

if TYPE_CHECKING:
    from .trainer import Trainer

_BLOCKS = " ▏▎▍▌▋▊▉█"


def bar(fraction: float, width: int) -> str:
    """A bar of so many characters, filled to the eighth of a character.

    >>> bar(0.5, 4)
    '██  '
    """
    eighths = round(max(0.0, min(1.0, fraction)) * width * 8)
    full, part = divmod(eighths, 8)
    return ("█" * full + (_BLOCKS[part] if part else "")).ljust(width)


def clock(seconds: float) -> str:
    """Seconds as m:ss or h:mm:ss.

    >>> clock(75)
    '1:15'
    """
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


class _Line:
    """One line of a terminal that is drawn again and again; where there is no terminal, nothing."""

    def __init__(self, stream: TextIO | None, interval: float) -> None:
        self.stream = stream or sys.stderr
        self.interval = interval
        self.live = self.stream is not None and self.stream.isatty()  # None: the caller closed stderr
        encoding = getattr(self.stream, "encoding", None) or "ascii"
        self.unicode = encoding.lower().replace("-", "").startswith("utf")

    def _bar(self, fraction: float, width: int) -> str:
        return bar(fraction, width) if self.unicode else ("#" * round(width * fraction)).ljust(width)

    def _columns(self) -> int:
        return shutil.get_terminal_size().columns - 1

    def _draw(self, text: str) -> None:
        if self.live:
            width = self._columns()
            self.stream.write("\r" + text[:width].ljust(width) + ("\r" if not text else ""))
            self.stream.flush()


class ProgressBar(_Line, Callback):
    """Loss and metrics, images per second and time left, redrawn a few times a second; a line that stays per epoch."""

    def __init__(self, stream: TextIO | None = None, interval: float = 0.1) -> None:
        super().__init__(stream, interval)

    def on_fit_begin(self, trainer: Trainer) -> None:
        self.fit_start = time.perf_counter()
        self.steps_at_start = trainer.global_step

    def on_epoch_begin(self, trainer: Trainer) -> None:
        self.start = self.drawn = time.perf_counter()
        self.seen_at_start = trainer.seen

    def on_batch_end(self, trainer: Trainer, logs: Logs) -> None:
        now = time.perf_counter()
        if not self.live or now - self.drawn < self.interval:
            return
        self.drawn = now
        done = trainer.step / trainer.steps_per_epoch
        total = trainer.steps_per_epoch * trainer.epochs
        pace = (now - self.fit_start) / max(1, trainer.global_step - self.steps_at_start)
        head = f"epoch {trainer.epoch + 1}/{trainer.epochs} "
        left = clock(pace * (total - trainer.global_step))
        tail = f" {_numbers(logs)}  {self._rate(trainer, now):,.0f} images/s  {left} left"
        room = max(4, min(30, self._columns() - len(head) - len(tail) - 2))
        self._draw(f"{head}|{self._bar(done, room)}|{tail}")

    def on_epoch_end(self, trainer: Trainer, logs: Logs) -> None:
        seconds = logs.get("seconds", time.perf_counter() - self.start)
        shown = {k: v for k, v in logs.items() if k not in ("epoch", "seconds", "lr", "images_per_second")}
        line = f"epoch {trainer.epoch}/{trainer.epochs}  {_numbers(shown)}  {seconds:.1f} s"
        if "images_per_second" in logs:
            line += f"  {logs['images_per_second']:,.0f} images/s"
        self._draw("")
        print(line, file=self.stream, flush=True)

    def _rate(self, trainer: Trainer, now: float) -> float:
        return (trainer.seen - self.seen_at_start) / max(now - self.start, 1e-9)


class StepBar(_Line):
    """The same for steps that no Trainer does: a bar in a terminal, else a line for each step; silent unless verbose."""

    def __init__(self, label: str, steps: int, verbose: Any = True) -> None:
        super().__init__(None, 0.1)
        self.label, self.steps, self.verbose = label, steps, bool(verbose) and self.stream is not None
        self.start, self.drawn, self.last = time.perf_counter(), 0.0, ""

    def tell(self, done: int, **numbers: float) -> None:
        """So many steps are done."""
        if not self.verbose:
            return
        now = time.perf_counter()
        head, seconds = f"{self.label} {done}/{self.steps}", now - self.start
        self.last = f"{head}  {_numbers(numbers)}  {seconds:.1f} s"
        if not self.live:
            print(self.last, file=self.stream, flush=True)
        elif now - self.drawn >= self.interval:
            self.drawn = now
            left = clock(seconds / done * (self.steps - done))
            self._draw(f"{head} |{self._bar(done / self.steps, 30)}| {_numbers(numbers)}  {left} left")

    def end(self) -> None:
        """Leave the last step's line in the place of the bar."""
        if self.verbose and self.live and self.last:
            self._draw("")
            print(self.last, file=self.stream, flush=True)


def _numbers(logs: Logs) -> str:
    return "  ".join(f"{name} {value:.4f}" for name, value in logs.items())
