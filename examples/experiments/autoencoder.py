"""The auto-encoder of the four studies: 784 pixels to a few numbers and back."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

import fastscratch as fs
from fastscratch import nn
from fastscratch.nn import functional as F

from . import data, training

HIDDEN = (256, 64)


class AutoEncoder(nn.Module):
    """``encode`` to a code, ``decode`` to pixels in [0, 1].

    tied : the decoder's weights are the encoder's, turned over, and only its biases are its own.
    """

    def __init__(
        self,
        latent: int,
        hidden: Sequence[int] = HIDDEN,
        activation: Callable[[], nn.Module] = nn.ReLU,
        *,
        tied: bool = False,
    ) -> None:
        super().__init__()
        sizes = (784, *hidden, latent)
        self.encoder = training.mlp(*sizes, activation=activation)
        self.activation = activation()
        self.decoder = None if tied else training.mlp(*sizes[::-1], activation=activation)
        self.biases = nn.ParameterList([nn.Parameter(fs.zeros(n)) for n in sizes[-2::-1]] if tied else [])

    def encode(self, x: Any) -> Any:
        """(n, 784) -> (n, latent)."""
        return self.encoder(x)

    def decode(self, z: Any) -> Any:
        """(n, latent) -> (n, 784)."""
        if self.decoder is not None:
            return self.decoder(z).sigmoid()
        weights = [layer.weight for layer in self.encoder if isinstance(layer, nn.Linear)][::-1]
        for i, (weight, bias) in enumerate(zip(weights, self.biases, strict=True)):
            z = F.linear(self.activation(z) if i else z, weight.t(), bias)
        return z.sigmoid()

    def forward(self, x: Any) -> Any:
        """There and back."""
        return self.decode(self.encode(x))


def trained(
    model: AutoEncoder,
    images: data.Images,
    epochs: int,
    *,
    loss: training.Loss = F.mse_loss,
    inputs: tuple[Any, Any] | None = None,
) -> float:
    """Train the model to give the images back, from themselves or from other inputs; the held-out mean squared error."""
    x, x_val = inputs or (images.x, images.x_val)
    optimizer = fs.optim.Adam(model.parameters(), lr=2e-3)
    parts = (x, images.x), (x_val, images.x_val)
    training.fit(model, optimizer, *parts, epochs=epochs, batch_size=128, loss=loss, classify=False)
    return float(((through(model, x_val) - images.x_val.numpy()) ** 2).mean())


def through(model: AutoEncoder, x: Any) -> np.ndarray:
    """What comes back of images, without gradients."""
    with fs.no_grad():
        return model(x).numpy()


def codes(model: AutoEncoder, x: Any) -> np.ndarray:
    """The codes of images, without gradients."""
    with fs.no_grad():
        return model.encode(x).numpy()


def show_rows(ax: Any, rows: dict[str, np.ndarray], columns: int = 10) -> None:
    """Rows of images, each with its name at the left."""
    sheet = np.concatenate([np.concatenate(list(r[:columns].reshape(-1, 28, 28)), axis=1) for r in rows.values()])
    ax.imshow(sheet, cmap="gray_r", vmin=0, vmax=1)
    ax.set_yticks([14 + 28 * i for i in range(len(rows))], list(rows), fontsize=8)
    ax.set_xticks([])
    ax.tick_params(length=0)
