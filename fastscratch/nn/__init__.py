"""Layers and models."""

from typing import TYPE_CHECKING

from . import functional, init, utils
from .activation import *
from .container import *
from .conv import *
from .dropout import *
from .flatten import *
from .fuse import *
from .linear import *
from .loss import *
from .module import Module
from .norm import *
from .parameter import Parameter
from .pool import *
from .softmax import *
from .sparse import *

if TYPE_CHECKING:
    from . import explicit
else:

    def __getattr__(name):
        if name == "explicit":  # loaded when it is first asked for
            from importlib import import_module

            return import_module(".explicit", __name__)
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
