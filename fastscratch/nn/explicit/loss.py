"""Losses: one number for each sample, and the gradient of their mean."""

from typing import Any

import numpy as np

from ... import backend
from .checks import Array, floating


class Loss:
    """Base of all losses.

    ``forward(y, yhat)`` is a vector: the loss of each sample of the batch. ``backward(y, yhat)`` is the gradient in yhat of
    its mean, (1 / batch) dL_n/dyhat_n, so that a learning rate means the same for every loss and every batch size.
    """

    def forward(self, y: Any, yhat: Any) -> Array:
        """The loss of each sample, shape (batch,)."""
        raise NotImplementedError(f"{type(self).__name__} must define forward")

    def backward(self, y: Any, yhat: Any) -> Array:
        """The gradient of the mean loss in yhat, of the shape of yhat."""
        raise NotImplementedError(f"{type(self).__name__} must define backward")

    def __call__(self, y: Any, yhat: Any) -> Array:
        return self.forward(y, yhat)

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"


class MSELoss(Loss):
    """L_n = sum_i (yhat_ni - y_ni)^2; gradient 2 (yhat - y) / batch.

    The sum over a sample's outputs, not their mean: PyTorch's MSELoss divides by their number as well.

    Notes
    -----
    yhat has shape (batch, ...); y has its shape, or holds class indices where yhat has shape (batch, classes).

    Raises
    ------
    ValueError
        If the shapes do not fit, or the batch is empty.
    IndexError
        For a class index out of range.

    Examples
    --------
    >>> MSELoss().forward([[1.0, 0.0], [0.0, 0.0]], [[0.0, 0.0], [1.0, 2.0]])
    array([1., 5.])
    >>> MSELoss().backward([[1.0, 0.0], [0.0, 0.0]], [[0.0, 0.0], [1.0, 2.0]])
    array([[-1.,  0.],
           [ 1.,  2.]])
    """

    def forward(self, y: Any, yhat: Any) -> Array:
        """The squared distance of each sample."""
        difference = self._difference(y, yhat)
        return (difference * difference).reshape(len(difference), -1).sum(axis=1)

    def backward(self, y: Any, yhat: Any) -> Array:
        """2 (yhat - y) / batch."""
        difference = self._difference(y, yhat)
        return 2 * difference / len(difference)

    def _difference(self, y: Any, yhat: Any) -> Array:
        predicted = _predicted(yhat, self)
        return predicted - _targets(y, predicted, self)


class BCE(Loss):
    """L_n = -sum_i (y_ni log(yhat_ni) + (1 - y_ni) log(1 - yhat_ni)), logarithms held above -100, of probabilities yhat.

    Gradient (yhat - y) / max(yhat (1 - yhat), 1e-12) / batch, as PyTorch's.

    Notes
    -----
    yhat has shape (batch, ...); y has its shape, or (batch,) for a yhat of shape (batch, 1), or holds class indices where
    yhat has shape (batch, classes).

    Raises
    ------
    ValueError
        If the shapes do not fit, the batch is empty, or a number is outside [0, 1].

    Examples
    --------
    >>> BCE().forward([1, 0], [[0.5], [0.5]])
    array([0.69314718, 0.69314718])
    >>> BCE().backward([1, 0], [[0.5], [0.5]])
    array([[-1.],
           [ 1.]])
    """

    def forward(self, y: Any, yhat: Any) -> Array:
        """The cross entropy of each sample, summed over its outputs."""
        target, p = self._operands(y, yhat)
        yes, no = np.maximum(backend.log_forward(p), -100), np.maximum(backend.log1p_forward(-p), -100)
        return ((target - 1) * no - target * yes).reshape(len(p), -1).sum(axis=1)

    def backward(self, y: Any, yhat: Any) -> Array:
        """(yhat - y) / (yhat (1 - yhat)) / batch."""
        target, p = self._operands(y, yhat)
        return (p - target) / np.maximum(p * (1 - p), p.dtype.type(1e-12)) / len(p)

    def _operands(self, y: Any, yhat: Any) -> tuple[Array, Array]:
        p = _predicted(yhat, self)
        target = _targets(y, p, self)
        for name, values in (("yhat", p), ("y", target)):
            outside = values[(values < 0) | (values > 1)]
            if outside.size:
                raise ValueError(f"{self}: {name} must lie in [0, 1], got {outside[0]}")
        return target, p


class CrossEntropyLoss(Loss):
    """L_n = log sum_c exp(yhat_nc) - yhat_n,y, of scores yhat: no softmax before it; gradient (softmax(yhat) - y) / batch.

    Notes
    -----
    yhat has shape (batch, classes); y holds class indices, shape (batch,), or one-hot rows, shape (batch, classes).

    Raises
    ------
    ValueError
        If the shapes do not fit, rows are not one-hot, or the batch is empty.
    IndexError
        For a class index out of range.

    Examples
    --------
    >>> CrossEntropyLoss().forward([1], [[0.0, 0.0]])
    array([0.69314718])
    >>> CrossEntropyLoss().backward([[0, 1]], [[0.0, 0.0]])
    array([[ 0.5, -0.5]])
    """

    def forward(self, y: Any, yhat: Any) -> Array:
        """-log softmax(yhat) at the class of each sample."""
        scores = _predicted(yhat, self)
        return backend.cross_entropy_forward(scores, _classes(y, scores, self), None, _NONE, 0.0)[0]

    def backward(self, y: Any, yhat: Any) -> Array:
        """(softmax(yhat) - onehot(y)) / batch."""
        scores = _predicted(yhat, self)
        labels = _classes(y, scores, self)
        lse = backend.cross_entropy_forward(scores, labels, None, _NONE, 0.0)[1]
        share = np.asarray(1 / len(scores), scores.dtype)
        return backend.cross_entropy_backward(share, scores, lse, labels, None, _NONE, 0.0)


class NLLLoss(Loss):
    """L_n = -yhat_n,y, of log-probabilities yhat (LogSoftmax before it); gradient -onehot(y) / batch.

    Parameters, errors and labels as of CrossEntropyLoss.

    Examples
    --------
    >>> import numpy as np
    >>> NLLLoss().forward([1], np.log([[0.25, 0.75]]))
    array([0.28768207])
    """

    def forward(self, y: Any, yhat: Any) -> Array:
        """-yhat at the class of each sample."""
        logs = _predicted(yhat, self)
        return -logs[np.arange(len(logs)), _classes(y, logs, self)]

    def backward(self, y: Any, yhat: Any) -> Array:
        """-onehot(y) / batch."""
        logs = _predicted(yhat, self)
        gradient = np.zeros_like(logs)
        gradient[np.arange(len(logs)), _classes(y, logs, self)] = -1 / len(logs)
        return gradient


_NONE = -100  # a label that is ignored, of which there are none: they are checked


def _predicted(yhat: Any, loss: Loss) -> Array:
    array = floating(yhat, loss)
    if array.size == 0:
        raise ValueError(f"{loss}: the mean over an empty batch has no value; yhat has shape {array.shape}")
    return array


def _targets(y: Any, yhat: Array, loss: Loss) -> Array:
    """y in the shape and type of yhat; class indices become one-hot rows."""
    given = np.asarray(y)
    if given.shape == yhat.shape:
        return given.astype(yhat.dtype)
    if given.shape == yhat.shape[:1] and yhat.ndim == 2:
        if yhat.shape[1] == 1:
            return given.astype(yhat.dtype)[:, None]
        if given.dtype.kind in "iu":
            return np.eye(yhat.shape[1], dtype=yhat.dtype)[_in_range(given, yhat.shape[1], loss)]
    raise ValueError(
        f"{loss}: y must have the shape of yhat, {yhat.shape}, or be class indices, got {_described(given)}"
    )


def _classes(y: Any, yhat: Array, loss: Loss) -> Array:
    """The class index of each sample, from indices or one-hot rows."""
    given = np.asarray(y)
    if yhat.ndim != 2:
        raise ValueError(f"{loss}: yhat must have shape (batch, classes), got {yhat.shape}")
    if given.shape == yhat.shape[:1] and given.dtype.kind in "iu":
        return _in_range(given.astype(np.int64), yhat.shape[1], loss)
    if given.shape == yhat.shape:
        if not (((given == 0) | (given == 1)).all() and (given.sum(axis=1) == 1).all()):
            raise ValueError(f"{loss}: the rows of y must be one-hot: a single 1 among zeros")
        return given.argmax(axis=1)
    raise ValueError(
        f"{loss}: y must be {len(yhat)} class indices or one-hot rows of shape {yhat.shape}, got {_described(given)}"
    )


def _in_range(labels: Array, classes: int, loss: Loss) -> Array:
    wrong = labels[(labels < 0) | (labels >= classes)]
    if wrong.size:
        raise IndexError(f"{loss}: class {wrong[0]} is out of range for {classes} classes")
    return labels


def _described(array: Array) -> str:
    return f"{array.dtype} of shape {array.shape}"
