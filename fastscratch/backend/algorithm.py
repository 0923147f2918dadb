"""Which algorithm convolutions are asked to use; the twins read it for their error bounds."""

NAMES = ("auto", "direct", "winograd", "im2col")

asked = "auto"
