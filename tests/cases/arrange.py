"""Elements in other places."""

from .case import normal, same

CASES = [
    same("flip", lambda m, x: (m.flip(x, (0, -1)), x.flip(1), m.fliplr(x), m.flipud(x)), normal(3, 4, 2)),
    same("rot90", lambda m, x: (m.rot90(x), x.rot90(3, (1, 0))), normal(3, 4)),
    same("roll", lambda m, x: (m.roll(x, 2), x.roll(-1, 1), m.roll(x, (1, 2), (0, 1))), normal(3, 4)),
    same("repeat", lambda m, x: (x.repeat(2, 3), x.repeat(2, 1, 2), m.tile(x, (2,))), normal(3, 2)),
    same(
        "repeat_interleave",
        lambda m, x: (
            m.repeat_interleave(x, 2),
            x.repeat_interleave(3, 1),
            x.repeat_interleave(m.tensor([1, 0, 2]), dim=0),
        ),
        normal(3, 2),
    ),
    same("tril", lambda m, x: (m.tril(x), x.tril(-1), m.tril(x, 1)), normal(2, 3, 4)),
    same("triu", lambda m, x: (m.triu(x), x.triu(-1), m.triu(x, 1)), normal(2, 3, 4)),
    same("diag", lambda m, x: (m.diag(x), x.diag(1), m.diag_embed(x, -1)), normal(3)),
    same("diag_of_matrix", lambda m, x: (m.diag(x), x.diag(-1), m.trace(x)), normal(3, 4)),
    same("triangle_indices", lambda m, x: (m.tril_indices(3, 4), m.triu_indices(3, 4, 1)), normal(1), gradient=False),
]
