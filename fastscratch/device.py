"""The one device there is and the memory formats, under PyTorch's names, so that programs that ask for them run."""

from typing import Any


class device(str):
    """A device: "cpu" is the only one.

    A string, so that it compares and prints as one, with PyTorch's ``type`` and ``index``.

    Raises
    ------
    RuntimeError
        For any other device.

    Examples
    --------
    >>> import fastscratch as fs
    >>> fs.device("cuda" if fs.cuda.is_available() else "cpu").type
    'cpu'
    """

    __slots__ = ()
    index: Any = None

    def __new__(cls, type: Any = "cpu", index: int | None = None) -> "device":
        need_cpu(type)
        return super().__new__(cls, "cpu")

    @property
    def type(self) -> str:
        """Always "cpu"."""
        return "cpu"


def need_cpu(device: Any) -> None:
    """RuntimeError for any device but the one there is."""
    if device is not None and str(device) not in ("cpu", "cpu:0"):
        raise RuntimeError(f"the only device here is the cpu, got {device!r}")


CPU = device()

# Accepted wherever PyTorch takes a memory format; the layout is ours to choose and cannot be seen.
contiguous_format, preserve_format, channels_last = "contiguous_format", "preserve_format", "channels_last"
