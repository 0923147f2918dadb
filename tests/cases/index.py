"""Indexing, gathering and scattering."""

from .case import labels, normal, same


def _write(m, x, v):
    y = x * 2
    y[1] = v
    y[:, 1:3] += v[1:3] * 3
    y[y > 1] = 0.5
    y[m.tensor([0, 2]), m.tensor([3, 0])] = v[:2]
    return y, y[0] * x


def _write_constant(m, x):
    y = m.zeros(3, 4, dtype=x.dtype)
    row = y[0]
    y[0] = x[1]
    y[1:, ::2] = x[0, :2]
    return y * 2, row * x[0]


def _write_views(m, x):
    y = x * 1
    turned, row = y.t(), y[1]
    row.mul_(2).add_(x[0])
    turned[0] = 7
    y[1][1:3].zero_()
    return y * x, turned * 2, row * 3


CASES = [
    same("index_basic", lambda m, x: (x[0], x[-1, 1:], x[..., 0], x[:, None, 1], x[1:, ::2], x[()]), normal(3, 4)),
    same(
        "index_integers", lambda m, x: (x[[0, 2, 0]], x[m.tensor([1, 1]), m.tensor([0, 0])], x[:, [3, 1]]), normal(3, 4)
    ),
    same("index_tensor", lambda m, x, i: (x[i], x[i, 0], x[0, i], x[None, i, :2]), normal(6, 6), labels(6, 2, 3)),
    same(
        "index_mask",
        lambda m, x: (x[x > 0], x[x[:, 0] > 0], x[:, m.tensor([True, False, True, True])]),
        normal(3, 4),
        specials=False,
    ),
    same("index_separated", lambda m, x, i: x[i, :, i], normal(3, 2, 3), labels(3, 4)),
    same("index_scalar", lambda m, x: x[...] * x[()], normal()),
    same("setitem", _write, normal(3, 4), normal(4), specials=False),
    same("setitem_constant", _write_constant, normal(3, 4)),
    same("setitem_views", _write_views, normal(3, 4)),
    same("gather", lambda m, x, i: (m.gather(x, 0, i), x.gather(1, i)), normal(4, 5), labels(4, 3, 2)),
    same("take_along_dim", lambda m, x: m.take_along_dim(x, x.argsort(1), 1), normal(4, 5)),
    same("take", lambda m, x, i: m.take(x, i), normal(4, 5), labels(20, 7)),
    same(
        "scatter",
        lambda m, x, s: (m.scatter(x, 1, m.tensor([[0, 2, 1], [3, 1, 0]]), s), x.scatter(0, m.tensor([[0, 1]]), 5.0)),
        normal(2, 4),
        normal(2, 3),
    ),
    same(
        "scatter_", lambda m, x, s: (x * 1).scatter_(1, m.tensor([[0, 2, 1], [3, 1, 0]]), s), normal(2, 4), normal(2, 3)
    ),
    same(
        "scatter_add",
        lambda m, x, s, i: (x.scatter_add(0, i, s), (x * 2).scatter_add_(1, i % 3, s)),
        normal(4, 3),
        normal(4, 3),
        labels(4, 4, 3),
    ),
    same(
        "scatter_reduce",
        lambda m, x, s, i: (
            x.scatter_reduce(0, i, s, "amax"),
            m.scatter_reduce(x, 0, i, s, "prod"),
            x.scatter_reduce(0, i, s, "amin", include_self=False),
        ),
        normal(4, 3),
        normal(4, 3),
        labels(4, 4, 2),
        gradient=False,
    ),
    same("index_select", lambda m, x, i: (m.index_select(x, 0, i), x.index_select(-1, i)), normal(4, 5), labels(4, 6)),
    same(
        "index_add",
        lambda m, x, s, i: (m.index_add(x, 0, i, s, alpha=2), (x * 1).index_add_(0, i, s)),
        normal(4, 3),
        normal(6, 3),
        labels(4, 6),
    ),
    same("index_put_", lambda m, x, s, i: (x * 1).index_put_((i,), s, True), normal(4, 3), normal(6, 3), labels(4, 6)),
    same(
        "index_copy",
        lambda m, x, s: (x.index_copy(1, m.tensor([2, 0]), s), x.index_fill(0, m.tensor([1]), 9.0)),
        normal(4, 3),
        normal(4, 2),
    ),
    same(
        "masked_fill", lambda m, x, v: (x.masked_fill(x > 0, -1.0), x.masked_fill(x[0] > 0, v)), normal(3, 4), normal()
    ),
    same("masked_fill_", lambda m, x: (x * 1).masked_fill_(m.tensor([True, False, True, False]), -9.0), normal(3, 4)),
    same(
        "masked_select",
        lambda m, x: (m.masked_select(x, x > 0), x.masked_select(m.tensor([True, False, True, False]))),
        normal(3, 4),
        specials=False,
    ),
    same(
        "masked_scatter",
        lambda m, x, s: x.masked_scatter(m.tensor([True, False, True, False]), s),
        normal(3, 4),
        normal(7),
    ),
    same(
        "nonzero",
        lambda m, x: (x.nonzero(), *m.nonzero(x > 0, as_tuple=True), m.argwhere(x), *m.where(x > 0)),
        normal(3, 4),
        gradient=False,
    ),
]
