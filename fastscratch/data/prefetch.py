"""What an iterator gives, made ahead in a thread."""

import os
import threading
import weakref
from collections.abc import Callable, Iterator
from queue import SimpleQueue
from typing import Any

_END = object()


class Prefetcher:
    """Iterate over `source` while a thread is up to `ahead` items ahead of what was taken.

    What the source raises is raised here, after the items before it. The thread ends with the source, with :meth:`close`,
    when nothing refers to the prefetcher any more, and when the interpreter ends; it is joined each time.

    Parameters
    ----------
    source : iterator
        Used by the thread alone.
    ahead : int
        At least 1.
    """

    def __init__(self, source: Iterator[Any], ahead: int) -> None:
        self._items: SimpleQueue[tuple[Any, BaseException | None]] = SimpleQueue()
        self._room = threading.Semaphore(ahead)
        self._pid = os.getpid()
        stop = threading.Event()
        # The thread knows nothing of self: else it would keep alive what it is to end with.
        thread = threading.Thread(
            target=_work, args=(source, self._items, self._room, stop), name="fastscratch-prefetch", daemon=True
        )
        self.close: Callable[[], Any] = weakref.finalize(self, _end, thread, self._room, stop, self._pid)
        thread.start()

    @property
    def lost(self) -> bool:
        """Is this a forked child, where the thread does not exist?"""
        return os.getpid() != self._pid

    def __iter__(self) -> "Prefetcher":
        return self

    def __next__(self) -> Any:
        if not self._alive():
            raise StopIteration
        item, error = self._items.get()
        if item is not _END:
            self._room.release()
            return item
        self.close()
        if error is not None:
            raise error
        raise StopIteration

    def _alive(self) -> bool:
        return bool(getattr(self.close, "alive", False)) and not self.lost


def _work(source: Iterator[Any], items: Any, room: threading.Semaphore, stop: threading.Event) -> None:
    error = None
    try:
        while True:
            room.acquire()
            if stop.is_set():
                break
            items.put((next(source), None))
    except StopIteration:
        pass
    except BaseException as raised:
        error = raised
    items.put((_END, error))


def _end(thread: threading.Thread, room: threading.Semaphore, stop: threading.Event, pid: int) -> None:
    if os.getpid() != pid:
        return
    stop.set()
    room.release()
    if thread is not threading.current_thread() and thread.is_alive():
        thread.join()
