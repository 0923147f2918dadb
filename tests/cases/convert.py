"""Other dtypes, and tensors overwritten."""

from .case import normal, same

CASES = [
    same("to", lambda m, x: (x.to(m.float64) * 2, x.double(), x.to(x), x.type_as(x), x.to("cpu")), normal(3, 4)),
    same("fill_", lambda m, x, v: ((x * 1).fill_(2.0) * x, (x * 2).zero_() + x, (x * 1).fill_(v)), normal(3), normal()),
    same("copy_", lambda m, x, y: (x * 1).copy_(y) * x, normal(3, 4), normal(4)),
    same(
        "casts",
        lambda m, x: ((x * 3).int(), x.long(), x.bool(), (x * 3).to(m.int8), x.half()),
        normal(5),
        specials=False,
        gradient=False,
    ),
]
