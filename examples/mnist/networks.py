"""Networks that the grids name by module and class, as anybody's own may be named."""

from fastscratch import nn


class ThreeConvolutions(nn.Sequential):
    """Three times conv3x3-ReLU-pool with 32, 64 and 128 channels, then FC128-ReLU-FC10: (N, 1, 28, 28) to (N, 10)."""

    def __init__(self) -> None:
        super().__init__(*_layers(batch_norm=False, dropout=0.0))


class ThreeConvolutionsBN(nn.Sequential):
    """The same with batch norm before each ReLU and dropout: this much before the last layer, half as much after a pool."""

    def __init__(self, dropout: float = 0.3) -> None:
        super().__init__(*_layers(batch_norm=True, dropout=dropout))


def _layers(batch_norm: bool, dropout: float) -> list[nn.Module]:
    layers: list[nn.Module] = []
    for channels_in, channels in ((1, 32), (32, 64), (64, 128)):
        layers.append(nn.Conv2d(channels_in, channels, 3, padding=1))
        layers += [nn.BatchNorm2d(channels)] * batch_norm
        layers += [nn.ReLU(), nn.MaxPool2d(2), *_dropout(dropout / 2)]
    layers += [nn.Flatten(), nn.Linear(128 * 3 * 3, 128)]
    layers += [nn.BatchNorm1d(128)] * batch_norm
    return [*layers, nn.ReLU(), *_dropout(dropout), nn.Linear(128, 10)]


def _dropout(p: float) -> list[nn.Module]:
    return [nn.Dropout(p)] if p else []
