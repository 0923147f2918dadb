"""A progress bar for the steps of a fit: one line in a terminal, one line for each long step where there is none."""

import shutil
import sys
import threading
import time
from collections.abc import Callable
from typing import Any, TypeVar

T = TypeVar("T")
INTERVAL = 0.2  # seconds between two pictures
MANY = 1e10  # operations of a call that may be long
LONG = 3.0  # a step of so many seconds leaves a line behind


class Meter:
    """Silent unless verbose: then it shows which step is running, how far it is, and for how long."""

    def __init__(self, verbose: Any) -> None:
        self.verbose = bool(verbose) and sys.stderr is not None
        self.live = self.verbose and sys.stderr.isatty()
        self.label, self.start, self.drawn = "", 0.0, 0.0

    def run(self, label: str, flops: float, call: Callable[[], T], done: Callable[[], float] | None = None) -> T:
        """The result of a call; what takes so many operations may be long, and is watched from here while it runs.

        done() is the share that is done, where one can tell.
        """
        if not self.verbose or flops < MANY:
            return call()
        start, outcome = time.perf_counter(), _Outcome(call)
        worker = threading.Thread(target=outcome, daemon=True)
        worker.start()
        while worker.is_alive():
            worker.join(INTERVAL)
            self._draw(label, done() if done else None, time.perf_counter() - start)
        self._leave(label, time.perf_counter() - start)
        return outcome.result()

    def say(self, label: str, share: float, note: str = "") -> None:
        """This share of a step is done; all of it ends the step."""
        if not self.verbose:
            return
        now = time.perf_counter()
        if label != self.label:
            self.label, self.start, self.drawn = label, now, 0.0
        if now - self.drawn >= INTERVAL:
            self.drawn = now
            self._draw(label + note, share, now - self.start)
        if share >= 1:
            self._leave(label + note, now - self.start)
            self.label = ""

    def end(self) -> None:
        """Take the bar away."""
        if self.live:
            sys.stderr.write("\r" + " " * (shutil.get_terminal_size().columns - 1) + "\r")
            sys.stderr.flush()

    def _draw(self, what: str, share: float | None, seconds: float) -> None:
        if not self.live:
            return
        from ..train.progress import bar, clock

        width = shutil.get_terminal_size().columns - 1
        left = f", {clock(seconds * (1 / share - 1))} left" if share and seconds > 1 else ""
        shown = f"|{bar(share, 30)}| " if share is not None else ""
        sys.stderr.write("\r" + f"{what} {shown}{clock(seconds)}{left}"[:width].ljust(width))
        sys.stderr.flush()

    def _leave(self, label: str, seconds: float) -> None:
        self.end()
        if seconds >= LONG:
            print(f"{label}: {seconds:.1f} s", file=sys.stderr, flush=True)


class _Outcome:
    """What a call returned or raised in its thread."""

    def __init__(self, call: Callable[[], Any]) -> None:
        self.call = call
        self.value: Any = None
        self.error: BaseException | None = None

    def __call__(self) -> None:
        try:
            self.value = self.call()
        except BaseException as error:
            self.error = error

    def result(self) -> Any:
        if self.error is not None:
            raise self.error
        return self.value
