"""Files that are whole or not there.

Every file the package writes goes through :func:`atomic_write`, every file it reads through
:func:`open_regular`, and every fault in a file's content is a :class:`FileFormatError`.
"""

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from io import BufferedReader
from pathlib import Path
from typing import IO, Any, Literal

StrPath = str | os.PathLike[str]

_PREFIX, _SUFFIX = ".fastscratch-", ".tmp"  # of temporary files

# What the disk can answer to a write; the interpreter does not say which file it was about.
_DISK_FAULTS = frozenset(
    getattr(errno, name) for name in ("ENOSPC", "EDQUOT", "EFBIG", "EIO", "EROFS") if hasattr(errno, name)
)


class FileFormatError(ValueError):
    """What a file holds is not what it should hold.

    Parameters
    ----------
    path : str or path-like
        The file.
    fault : str
        What is wrong with it.

    Examples
    --------
    >>> raise FileFormatError("a.idx", "cut short")
    Traceback (most recent call last):
    fastscratch.files.FileFormatError: a.idx: cut short
    """

    def __init__(self, path: StrPath, fault: str) -> None:
        super().__init__(f"{os.fspath(path)}: {fault}")
        self.path = os.fspath(path)
        self.fault = fault

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.path, self.fault)


def open_regular(path: StrPath, error: type[FileFormatError] = FileFormatError) -> BufferedReader:
    """Open an ordinary file for reading bytes.

    A folder, pipe or device is refused before it is opened: a pipe would wait for ever, and the
    checks of the readers rest on a size that is known beforehand.

    Parameters
    ----------
    path : str or path-like
    error : type, optional
        The exception for what is not an ordinary file.

    Raises
    ------
    FileFormatError
        Of the type given, if `path` is a folder, pipe or device.
    OSError
        If the file is not there or may not be read.
    """
    if not stat.S_ISREG(os.stat(path).st_mode):
        raise error(path, "not a regular file")
    return open(path, "rb")


@contextmanager
def atomic_write(path: StrPath, mode: Literal["wb", "w"] = "wb") -> Iterator[IO[Any]]:
    """Write a file completely or leave what was there.

    The body writes to a temporary file in the same folder, which is synced and renamed over
    `path` when the body ends. Whatever the body raises, `KeyboardInterrupt` included, the
    temporary file is removed and the old file is untouched.

    Parameters
    ----------
    path : str or path-like
        The file to make or replace. A symbolic link is followed, the mode of a replaced file kept.
    mode : {"wb", "w"}
        Bytes, or UTF-8 text with ``\\n`` line ends.

    Yields
    ------
    file
        The open temporary file.

    Raises
    ------
    OSError
        Naming `path`: no such folder, read-only, disk full, or `path` is there and not a file.

    Notes
    -----
    Two syncs per call, a few milliseconds on most disks.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with atomic_write(Path(folder) / "notes.txt", "w") as file:
    ...         _ = file.write("whole")
    ...     (Path(folder) / "notes.txt").read_text()
    'whole'
    """
    if mode not in ("wb", "w"):
        raise ValueError(f"mode must be 'wb' or 'w', got {mode!r}")
    target = os.path.realpath(os.fspath(path))
    permissions = _permissions_of(target)
    temporary = os.path.join(os.path.dirname(target), f"{_PREFIX}{os.urandom(6).hex()}{_SUFFIX}")
    text: dict[str, Any] = {"encoding": "utf-8", "newline": "\n"} if mode == "w" else {}
    try:
        with open(temporary, mode.replace("w", "x"), **text) as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        if permissions is not None:
            os.chmod(temporary, permissions)
        rename(temporary, target)
    except BaseException as error:
        with suppress(OSError):
            os.unlink(temporary)
        if isinstance(error, OSError):
            _name_target(error, temporary, path)
        raise


def rename(source: StrPath, target: StrPath) -> None:
    """Put a file that is complete and synced in its place, for good."""
    os.replace(source, target)
    if os.name == "nt":  # Windows cannot open a folder
        return
    with suppress(OSError):  # nor can some network file systems sync one
        descriptor = os.open(os.path.dirname(target) or os.curdir, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def leftovers(folder: StrPath) -> list[Path]:
    """What writers that were killed left half-written in a folder and those below it."""
    return list(Path(folder).rglob(f"{_PREFIX}*{_SUFFIX}"))


def name_disk_fault(error: OSError, path: StrPath) -> None:
    """Let an error of the disk that names no file (disk full, say) name `path`."""
    if error.filename is None and error.errno in _DISK_FAULTS:
        error.filename = os.fspath(path)


def _permissions_of(target: str) -> int | None:
    """The mode bits of the file to be replaced; None if there is none."""
    try:
        mode = os.stat(target).st_mode
    except FileNotFoundError:
        return None
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), target)
    if not stat.S_ISREG(mode):  # renaming over /dev/null would replace the device
        raise OSError(errno.EINVAL, "not a regular file", target)
    return stat.S_IMODE(mode)


def _name_target(error: OSError, temporary: str, path: StrPath) -> None:
    """Let an error about the temporary file, or of the disk, name the user's file."""
    name_disk_fault(error, path)
    if error.filename == temporary:
        error.filename = os.fspath(path)
        del error.filename2  # None would be shown
