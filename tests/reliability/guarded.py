"""Arrays that lie at the edge of forbidden memory: one step beyond their first or last byte ends the process."""

import ctypes
import mmap

import numpy as np
from numpy.lib.array_utils import byte_bounds

_ROOM = 1 << 18
_PAGE = mmap.PAGESIZE


class Guarded:
    """Places for arrays, taken in turn; each is good until the turn comes round."""

    def __init__(self, places: int = 16) -> None:
        self._maps = [self._forbid_edges(mmap.mmap(-1, _ROOM + 2 * _PAGE)) for _ in range(places)]
        self._next = 0

    @staticmethod
    def _forbid_edges(memory: mmap.mmap) -> mmap.mmap:
        start = ctypes.addressof(ctypes.c_char.from_buffer(memory))
        protect = ctypes.CDLL(None, use_errno=True).mprotect
        protect.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
        for edge in (start, start + _PAGE + _ROOM):
            if protect(edge, _PAGE, 0):  # PROT_NONE
                raise OSError(ctypes.get_errno(), "mprotect")
        return memory

    def place(self, array: np.ndarray, at_end: bool = True) -> np.ndarray:
        """The same array, strides too, with the forbidden page right behind it (or before); as it is if it has no room."""
        low, high = byte_bounds(array) if array.size else (0, 0)
        if not 0 < high - low <= _ROOM or array.dtype.hasobject:
            return array
        memory = self._maps[self._next]
        self._next = (self._next + 1) % len(self._maps)
        offset = _PAGE + (_ROOM - (high - low) if at_end else 0)
        inside = array.__array_interface__["data"][0] - low
        placed: np.ndarray = np.ndarray(array.shape, array.dtype, memory, offset + inside, array.strides)
        if 0 in array.strides:  # one element stands for many: written once
            once = tuple(slice(0, 1) if step == 0 else slice(None) for step in array.strides)
            placed[once] = array[once]
            placed.flags.writeable = False
        else:
            placed[...] = array
        return placed
