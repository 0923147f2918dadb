"""Layers and models."""

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
