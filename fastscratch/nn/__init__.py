"""Layers and models."""

from . import init, utils
from .container import ModuleDict, ModuleList, ParameterList, Sequential
from .flatten import Flatten, Unflatten
from .linear import Identity, Linear
from .module import Module
from .parameter import Parameter
