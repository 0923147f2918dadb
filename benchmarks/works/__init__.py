"""What is timed, by group."""

from . import estimators, operations, overhead, steps
from .work import Work

__all__ = ["GROUPS", "Work"]

GROUPS: dict[str, list[Work]] = {
    "steps": steps.WORKS,
    "kernels": operations.WORKS,
    "overhead": overhead.WORKS,
    "estimators": estimators.WORKS,
}
