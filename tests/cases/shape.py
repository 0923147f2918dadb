"""Views and reshapes."""

from .case import Case, normal, same

CASES = [
    same("reshape", lambda m, x: m.reshape(x, (6, -1)), normal(3, 4, 2)),
    same("reshape_turned", lambda m, x: x.permute(2, 0, 1).reshape(4, 6), normal(3, 4, 2)),
    same("permute", lambda m, x: m.permute(x, (2, 0, 1)), normal(3, 4, 2)),
    same("transpose", lambda m, x: m.transpose(x, 0, -1), normal(3, 4, 2)),
    same("t", lambda m, x: x.t() + x.T + x.mT + m.swapaxes(x, 0, 1), normal(3, 4)),
    same("view", lambda m, x: x.view(2, -1).view_as(x).view(-1), normal(3, 4)),
    same("flatten", lambda m, x: (m.flatten(x), x.flatten(1), x.flatten(0, 1)), normal(3, 4, 2)),
    same("flatten_channels_last", lambda m, x: x.permute(0, 3, 1, 2).flatten(1), normal(3, 5, 7, 4)),
    Case("flatten_threads", lambda x: x.transpose(1, 2).reshape(5, -1), (normal(5, 70, 101),), differences=False),
    same("unflatten", lambda m, x: x.unflatten(1, (2, -1)), normal(3, 4, 2)),
    same("squeeze", lambda m, x: (x.squeeze(), x.squeeze(0), x.squeeze((0, 2)), x.squeeze(1)), normal(1, 3, 1)),
    same("unsqueeze", lambda m, x: (m.unsqueeze(x, 0), x.unsqueeze(-1)), normal(3, 2)),
    same("movedim", lambda m, x: (m.movedim(x, 0, -1), x.moveaxis((0, 1), (2, 0))), normal(3, 4, 2)),
    same("expand", lambda m, x: (x.expand(4, -1, 3), x.expand(2, 5, 2, 3)), normal(1, 2, 3)),
    same("expand_as", lambda m, x, y: x.expand_as(y) * y, normal(3, 1), normal(2, 3, 4)),
    same(
        "broadcast", lambda m, x, y: (*m.broadcast_tensors(x, y), m.broadcast_to(x, (2, 3, 4))), normal(3, 1), normal(4)
    ),
    same("narrow", lambda m, x: (m.narrow(x, 1, 1, 2), x.narrow(0, -2, 2)), normal(3, 4)),
    same("select", lambda m, x: (m.select(x, 1, -1), x.select(0, 2)), normal(3, 4)),
    same("unbind", lambda m, x: m.unbind(x, 1), normal(3, 4)),
    same("diagonal", lambda m, x: (m.diagonal(x, 1), x.diagonal(-1, 0, 2)), normal(3, 4, 3)),
    same("unfold", lambda m, x: (x.unfold(1, 3, 2), x.unfold(0, 2, 1)), normal(3, 8)),
    same("contiguous", lambda m, x: x.permute(1, 0).contiguous() * 2, normal(3, 4)),
    same("clone", lambda m, x: x.clone() * 3, normal(3, 4)),
    same("atleast", lambda m, x: (m.atleast_1d(x), m.atleast_2d(x)), normal()),
]
