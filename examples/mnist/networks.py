"""Networks that the grids name by module and class, as anybody's own may be named."""

from itertools import pairwise

from fastscratch import nn


class ThreeConvolutions(nn.Sequential):
    """Three times conv3x3-ReLU-pool, of 32, 64 and 128 channels, then FC128-ReLU-FC10: (N, 1, 28, 28) to (N, 10)."""

    def __init__(self) -> None:
        layers: list[nn.Module] = []
        for channels_in, channels in ((1, 32), (32, 64), (64, 128)):
            layers += [nn.Conv2d(channels_in, channels, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)]
        super().__init__(*layers, nn.Flatten(), nn.Linear(1152, 128), nn.ReLU(), nn.Linear(128, 10))


class FiveConvolutions(nn.Sequential):
    """conv32-pool-conv64-conv64-pool-conv128-conv128-pool-FC128-FC10, with batch norm before each ReLU.

    Dropout of this much before the last layer, and of half as much after each pool.
    """

    def __init__(self, dropout: float = 0.3) -> None:
        layers: list[nn.Module] = []
        for group in ((1, 32), (32, 64, 64), (64, 128, 128)):
            for channels_in, channels in pairwise(group):
                convolution = nn.Conv2d(channels_in, channels, 3, padding=1, bias=False)
                layers += [convolution, nn.BatchNorm2d(channels), nn.ReLU()]
            layers += [nn.MaxPool2d(2), nn.Dropout(dropout / 2)]
        hidden = [nn.Linear(1152, 128, bias=False), nn.BatchNorm1d(128), nn.ReLU(), nn.Dropout(dropout)]
        super().__init__(*layers, nn.Flatten(), *hidden, nn.Linear(128, 10))
