"""Pictures that need nothing but NumPy: SVG charts and PNG images."""

from .charts import confusion_svg, curves_svg
from .png import image_grid, write_png
from .roofline import roofline_svg

__all__ = ["confusion_svg", "curves_svg", "image_grid", "roofline_svg", "write_png"]
