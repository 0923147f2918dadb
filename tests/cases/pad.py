"""Padding."""

from fastscratch.ops.pad import pad

from .case import Case, normal, same


def _pad(module, x, *args):
    return (pad if module.__name__ == "fastscratch" else module.nn.functional.pad)(x, *args)


CASES: list[Case] = [
    same("pad", lambda m, x: _pad(m, x, (1, 2)), normal(3, 4)),
    same("pad_value", lambda m, x: _pad(m, x, (1, 2, 0, 3), "constant", 2.5), normal(3, 4)),
    same("pad_negative", lambda m, x: _pad(m, x, (-1, 2, 1, -1)), normal(3, 4)),
    same("pad_reflect", lambda m, x: _pad(m, x, (2, 1), "reflect"), normal(2, 3, 4)),
    same("pad_reflect_2d", lambda m, x: _pad(m, x, (2, 1, 1, 2), "reflect"), normal(2, 2, 3, 4)),
    same("pad_replicate", lambda m, x: _pad(m, x, (2, 1, 1, 2), "replicate"), normal(2, 2, 3, 4)),
    same("pad_circular", lambda m, x: _pad(m, x, (2, 1, 1, 2), "circular"), normal(2, 2, 3, 4)),
]
