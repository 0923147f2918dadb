"""What every drawing must satisfy."""


def inside_and_apart(figure):
    """Every text that is drawn lies in the figure, and none over another."""
    from matplotlib.text import Text  # where it is drawn, it is installed

    figure.canvas.draw()
    renderer = figure.canvas.get_renderer()
    words = [t for t in figure.findobj(Text) if t.get_text().strip() and t.get_visible()]
    boxes = [(t.get_text(), t.get_window_extent(renderer)) for t in words if _drawn(t)]
    width, height = figure.bbox.width, figure.bbox.height
    for text, box in boxes:
        assert box.x0 >= -1 and box.y0 >= -1 and box.x1 <= width + 1 and box.y1 <= height + 1, text
    for i, (text, box) in enumerate(boxes):
        for other, second in boxes[:i]:
            across = min(box.x1, second.x1) - max(box.x0, second.x0)
            down = min(box.y1, second.y1) - max(box.y0, second.y0)
            assert across <= 1 or down <= 1, (text, other)


def _drawn(text):
    """Ticks outside the limits have labels too, which are not drawn."""
    for axis in (axis for ax in text.figure.axes for axis in (ax.xaxis, ax.yaxis)):
        low, high = sorted(axis.get_view_interval())
        for tick in axis.get_major_ticks() + axis.get_minor_ticks():
            if text in (tick.label1, tick.label2):
                return axis.axes.axison and low <= tick.get_loc() <= high
    return True
