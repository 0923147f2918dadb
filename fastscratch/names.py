"""What is said of a name that nobody knows."""

import difflib
from collections.abc import Iterable


def unknown(kind: str, name: object, known: Iterable[str], also: str = "") -> str:
    """The message for an unknown name: the nearest known one, then all of them.

    >>> unknown("fruit", "aple", ["apple", "pear"])
    "unknown fruit 'aple': did you mean 'apple'? known are apple, pear"
    """
    names = list(known)
    near = difflib.get_close_matches(str(name).lower(), names, n=1, cutoff=0.5)
    hint = f"did you mean {near[0]!r}? " if near else ""
    return f"unknown {kind} {name!r}: {hint}known are {', '.join(names)}{also}"
