"""Einstein's notation."""

from .case import Case, normal, same


def _row(equation: str, *shapes: tuple[int, ...]) -> Case:
    return same(f"einsum {equation}", lambda m, *xs: m.einsum(equation, *xs), *[normal(*shape) for shape in shapes])


CASES = [
    _row("ij,jk->ik", (3, 4), (4, 2)),
    _row("ij,jk", (3, 4), (4, 2)),
    _row("ba", (3, 4)),
    _row("ii->i", (3, 3)),
    _row("ii", (3, 3)),
    _row("bii->b", (2, 3, 3)),
    _row("ij->", (3, 4)),
    _row("ij->j", (3, 4)),
    _row("i,j->ij", (3,), (4,)),
    _row("i,i->", (3,), (3,)),
    _row("bhqd,bhkd->bhqk", (2, 2, 3, 4), (2, 2, 5, 4)),
    _row("b i j, b j k -> b i k", (2, 3, 4), (2, 4, 2)),
    _row("...ij,...jk->...ik", (5, 2, 3, 4), (2, 4, 2)),
    _row("...i,i->...", (2, 3, 4), (4,)),
    _row("i...->...", (3, 2, 4)),
    _row("...,...", (2, 1), (3,)),
    _row("ij,kj,kl->il", (3, 4), (2, 4), (2, 5)),
    _row("i,i,i->i", (3,), (3,), (3,)),
    _row("ijk,jil->kl", (3, 4, 2), (4, 3, 5)),
    _row("iji,jk->ik", (3, 4, 3), (4, 2)),
    _row("ij,ij->ij", (1, 4), (3, 4)),
    _row("ij,j->i", (3, 1), (4,)),
    _row("ab,cd,ef->fa", (2, 3), (3, 2), (2, 2)),
    same("einsum of a list", lambda m, a, b: m.einsum("ij,ij->i", [a, b]), normal(3, 4), normal(3, 4)),
    same(
        "tensordot",
        lambda m, a, b: (m.tensordot(a, b, 1), m.tensordot(a, b, ([0, 1], [1, 0])), m.tensordot(a, b, 0)),
        normal(3, 4),
        normal(4, 3),
    ),
]
