"""The public names are those that are listed: nothing is added, changed or lost by accident."""

import difflib

import public_api


def test_the_public_api_is_the_one_that_is_listed() -> None:
    listed = public_api.LIST.read_text(encoding="utf-8").splitlines()
    changes = [
        line for line in difflib.unified_diff(listed, list(public_api.lines()), lineterm="", n=0) if line[0] in "+-"
    ]
    told = "If this is meant: `python tests/public_api.py`, and a line in CHANGELOG.md. What goes: CONTRIBUTING.md says how"
    assert not changes[2:], "\n".join([told, *changes[2:]])


def test_a_change_of_a_signature_shows() -> None:
    def before(a, *, b=1): ...

    def after(a, *, b=2): ...

    assert public_api.parameters(before) == "(a, *, b=1)" != public_api.parameters(after)
