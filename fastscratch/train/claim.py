"""One training at a time in a folder."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ..files import leftovers

try:
    import fcntl
except ImportError:  # Windows, which has no locks on folders
    fcntl = None  # type: ignore[assignment]


@contextmanager
def claim(folder: str | Path) -> Iterator[None]:
    """Have a run folder to oneself for the length of a ``with``.

    What a training that was killed left half-written is removed: under the lock nobody else is writing.

    Raises
    ------
    BlockingIOError
        If another training has it, in this process or another; nothing was changed.
    OSError
        If the folder is not there.

    Notes
    -----
    A lock on the folder itself, which the system lets go of with the process, however that ends. Where the file system has
    no locks, and on Windows, everybody is let in, and nothing is removed.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder, claim(folder):
    ...     try:
    ...         with claim(folder):
    ...             pass
    ...     except BlockingIOError as error:
    ...         print(error.strerror)
    another training is writing to it
    """
    descriptor = _lock(Path(folder)) if fcntl else None
    if descriptor is None:
        yield
        return
    try:
        for path in leftovers(folder):
            with suppress(OSError):
                path.unlink()
        yield
    finally:
        os.close(descriptor)


def _lock(folder: Path) -> int | None:
    """An open descriptor that holds the lock; None where there are no locks."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise BlockingIOError(errno.EAGAIN, "another training is writing to it", str(folder)) from None
    except OSError:  # a file system without locks
        os.close(descriptor)
        return None
    return descriptor
