"""Why a target was missed, for the tables that show it."""

import re

REASONS: list[tuple[str, str]] = [  # a pattern of the work's name, and the reason
]


def reason(work: str) -> str:
    """The reason for the first pattern that fits."""
    return next((text for pattern, text in REASONS if re.search(pattern, work)), "No reason found yet.")
