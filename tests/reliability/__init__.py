"""The long checks, which no test suite has the time for; each leaves its result in docs/reliability.md.

Run from tests/, as the targets of the Makefile do: ``python -m reliability.<name>``. Nothing here is collected by pytest.
"""
