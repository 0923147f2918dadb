"""The table of a model's layers."""

import numpy as np
import pytest

import fastscratch as fs
from fastscratch import nn


class Net(nn.Module):
    """A layer used twice, one never used, a parameter and a buffer that forward changes."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(2, 4, 3, padding=1)
        self.norm = nn.BatchNorm2d(4)
        self.act = nn.ReLU()
        self.body = nn.Sequential(nn.Flatten(), nn.Linear(64, 64), nn.Dropout())
        self.unused = nn.Linear(2, 2)
        self.unused.weight.requires_grad = False
        self.scale = nn.Parameter(fs.ones(3))
        self.register_buffer("calls", fs.tensor(0))
        self.flags: list[bool] = []

    def forward(self, x):
        self.calls = self.calls + 1
        self.flags.append(self.training or fs.is_grad_enabled())
        x = self.act(self.norm(self.conv(x)))
        return self.body(self.act(x))


def test_counts() -> None:
    table = fs.summary(Net(), (5, 2, 4, 4))
    rows = {layer.name: layer for layer in table.layers}
    assert list(rows) == ["", "conv", "norm", "act", "body", "body.0", "body.1", "body.2", "unused"]
    assert [rows[n].output_shape for n in ("", "conv", "body.0", "unused")] == [(5, 64), (5, 4, 4, 4), (5, 64), None]
    assert rows["conv"].parameters == 4 * 2 * 9 + 4
    assert rows["conv"].flops == 5 * 4 * 16 * (2 * 2 * 9 + 1)
    assert rows["norm"].flops == 5 * 4 * 16 * 4
    assert rows["act"].calls == 2 and rows["act"].flops == 2 * 5 * 4 * 16
    assert rows["act"].activation_bytes == 2 * 4 * 5 * 4 * 16
    assert rows["body.0"].activation_bytes in (0, 4 * 5 * 64)  # a view, where the strides allow it
    assert rows["body.1"].flops == 5 * 64 * (2 * 64 + 1)
    assert rows["body.2"].flops == rows["body.2"].activation_bytes == 0  # in evaluation it hands on its input
    assert rows[""].parameters == 3
    assert table.total_params == sum(p.numel() for p in Net().parameters()) == 4253
    assert table.trainable_params == 4249
    assert table.total_flops == sum(layer.flops for layer in table.layers)
    assert table.parameter_bytes == 4 * 4253


def test_text() -> None:
    text = str(fs.summary(nn.Sequential(nn.Linear(3, 2), nn.Sequential(nn.Tanh())), (1000, 3)))
    assert text == (
        "Layer            Output shape  Parameters   FLOPs  Activations\n"
        "--------------------------------------------------------------\n"
        "Sequential       (1000, 2)              -       -            -\n"
        "  0: Linear      (1000, 2)              8  14,000      7.8 KiB\n"
        "  1: Sequential  (1000, 2)              -       -            -\n"
        "    0: Tanh      (1000, 2)              -   2,000      7.8 KiB\n"
        "--------------------------------------------------------------\n"
        "Parameters   8 (8 trainable, 0 not), 32 B\n"
        "FLOPs        16,000 (a multiply-add is two; only layers are seen)\n"
        "Activations  15.6 KiB\n"
        "  Linear: 2 in_features per output, and 1 with bias\n"
        "  Tanh: 1 per output, whatever the function"
    )


def test_model_is_left_as_it_was() -> None:
    net, log = Net(), []
    net.norm.eval()
    net.act.register_forward_hook(lambda m, args, out: log.append(1) or out * 2)
    hooks = net.act._hooks
    before = {k: v.numpy().copy() for k, v in net.state_dict().items()}
    calls = net.calls
    state = fs.get_rng_state().numpy().copy()
    fs.summary(net, (5, 2, 4, 4))
    assert net.flags == [False] and log == [1, 1]
    assert net.training and not net.norm.training and net.body[2].training
    assert net.calls is calls
    for name, value in net.state_dict().items():
        np.testing.assert_array_equal(value.numpy(), before[name])
    assert net.act._hooks is hooks and len(hooks.forward) == 1 and net.conv._hooks is None
    np.testing.assert_array_equal(fs.get_rng_state().numpy(), state)


def test_model_is_left_as_it_was_after_an_error() -> None:
    net = Net()
    with pytest.raises(RuntimeError, match="linear"):
        fs.summary(net, (5, 2, 5, 5))
    assert net.training and net.calls.item() == 0 and net.conv._hooks is None


def test_shared_modules_and_parameters_count_once() -> None:
    layer = nn.Linear(4, 4)
    twin = nn.Linear(4, 4)
    twin.weight = layer.weight
    table = fs.summary(nn.Sequential(layer, layer, twin), (2, 4))
    assert [(r.name, r.parameters, r.calls) for r in table.layers] == [("", 0, 1), ("0", 20, 2), ("2", 4, 1)]
    assert table.total_params == 24 and table.layers[1].flops == 2 * 8 * 9
    assert "0: Linear x2" in str(table)


def test_inputs() -> None:
    class Two(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.table = nn.Embedding(5, 3)

        def forward(self, a, b):
            return self.table(a), b

    table = fs.summary(Two(), [(2,), (3, 1)], dtype=fs.int64)
    assert table.layers[0].output_shape == [(2, 3), (3, 1)]
    assert fs.summary(nn.Linear(2, 1).double(), (1, 2)).layers[0].activation_bytes == 8
    with pytest.raises(TypeError, match="expected a Module, got int"):
        fs.summary(3, (1,))
    with pytest.raises(TypeError, match="expected a shape, or a sequence of shapes, got 5"):
        fs.summary(nn.Linear(2, 1), 5)


@pytest.mark.parametrize(
    ("layer", "shape", "flops"),
    [
        (lambda: nn.Conv1d(4, 6, 3, groups=2, bias=False), (1, 4, 10), 6 * 8 * 2 * 2 * 3),
        (lambda: nn.MaxPool2d((2, 3)), (1, 1, 4, 6), 4 * 5),
        (lambda: nn.AvgPool1d(2), (1, 3, 8), 12 * 2),
        (lambda: nn.AvgPool2d(2), (1, 1, 4, 4), 4 * 4),
        (lambda: nn.AdaptiveAvgPool2d(1), (1, 3, 4, 4), 48 + 3),
        (lambda: nn.LayerNorm(8), (2, 8), 16 * 8),
        (lambda: nn.Softmax(1), (2, 8), 16 * 5),
        (nn.Identity, (2, 8), 0),
    ],
)
def test_formulas(layer, shape, flops) -> None:
    assert fs.summary(layer(), shape).total_flops == flops
