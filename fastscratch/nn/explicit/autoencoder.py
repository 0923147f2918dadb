"""The auto-encoder: a network that is to give back what it was given, through a narrow place."""

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

from .activation import Sigmoid, TanH
from .checks import Array
from .container import Sequentiel
from .linear import Linear, TiedLinear
from .module import Module


class AutoEncodeur(Sequentiel):
    """decoder(encoder(x)), both of linear layers with activations, the decoder with the encoder's sizes backwards.

    Parameters
    ----------
    sizes : sequence of int
        From the input's features down to the code's, such as (784, 100, 10).
    activation : callable
        Makes the module after each layer but the last.
    output : callable
        Makes the module after the last, such as Sigmoid for pixels in [0, 1].
    tied : bool
        Let each layer of the decoder use the transposed weight of its counterpart in the encoder: half of the numbers to
        learn, and a gradient that comes from both places.
    dtype : dtype, optional

    Attributes
    ----------
    encoder, decoder : Sequentiel
        The two halves, of the same layers.

    Raises
    ------
    ValueError
        If there are fewer than two sizes.

    References
    ----------
    G. E. Hinton, R. R. Salakhutdinov, Reducing the Dimensionality of Data with Neural Networks, Science 313, 2006.

    Examples
    --------
    >>> import numpy as np
    >>> AutoEncodeur((6, 2), tied=True)
    AutoEncodeur(Linear(6, 2), TanH(), TiedLinear(2, 6), Sigmoid())
    >>> net = AutoEncodeur((6, 4, 2))
    >>> net.encoder.forward(np.zeros((5, 6), np.float32)).shape
    (5, 2)
    """

    def __init__(
        self,
        sizes: Sequence[int],
        activation: Callable[[], Module] = TanH,
        output: Callable[[], Module] = Sigmoid,
        tied: bool = False,
        dtype: Any = None,
    ) -> None:
        if len(sizes) < 2:
            raise ValueError(f"AutoEncodeur: expected the sizes of the input and of the code at least, got {sizes!r}")
        down = [Linear(n, m, dtype=dtype) for n, m in pairwise(sizes)]
        pairs = zip(down[::-1], pairwise(sizes[::-1]), strict=True)
        up = [TiedLinear(one) if tied else Linear(n, m, dtype=dtype) for one, (n, m) in pairs]
        self.encoder = Sequentiel(*(module for layer in down for module in (layer, activation())))
        ends = [activation() for _ in up[1:]] + [output()]
        self.decoder = Sequentiel(*(module for pair in zip(up, ends, strict=True) for module in pair))
        super().__init__(*self.encoder.layers, *self.decoder.layers)

    def encode(self, input: Any) -> Array:
        """The code: the encoder's output."""
        return self.encoder.forward(input)

    def decode(self, code: Any) -> Array:
        """What the decoder makes of a code."""
        return self.decoder.forward(code)
