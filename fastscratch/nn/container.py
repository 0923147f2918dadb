"""Modules that hold modules or parameters in order or by name."""

from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby
from typing import Any

from ..tensor import Tensor
from .fuse import fusion, steps
from .module import Module, indented
from .parameter import Parameter

__all__ = ["ModuleDict", "ModuleList", "ParameterList", "Sequential"]


class _Listed(Module):
    """What Sequential and ModuleList share: child modules in order, as in a list."""

    def _listed(self) -> list[Any]:
        return [getattr(self, name) for name in self._module_names]

    def _replace_all(self, modules: Iterable[Any]) -> None:
        """Hold these modules instead, named by their numbers."""
        kept = list(modules)
        for name in list(self._module_names):
            delattr(self, name)
        for i, module in enumerate(kept):
            self.add_module(str(i), module)

    def _name_at(self, index: Any) -> str:
        """The name of the child at a position, which may count from the end."""
        names = list(self._module_names)
        at = index.__index__()
        if not -len(names) <= at < len(names):
            raise IndexError(f"index {at} is out of range: {type(self).__name__} holds {len(names)} modules")
        return names[at]

    def __len__(self) -> int:
        return len(self._module_names)

    def __iter__(self) -> Iterator[Any]:
        return iter(self._listed())

    def __setitem__(self, index: int, module: Module) -> None:
        setattr(self, self._name_at(index), module)

    def __delitem__(self, index: int | slice) -> None:
        modules = self._listed()
        if not isinstance(index, slice):
            self._name_at(index)
        del modules[index]
        self._replace_all(modules)

    def append(self, module: Module) -> "_Listed":
        """Add a module at the end."""
        self.add_module(str(len(self)), module)
        return self

    def extend(self, modules: Iterable[Module]) -> "_Listed":
        """Add several modules at the end."""
        if not isinstance(modules, Iterable):
            raise TypeError(f"extend: expected an iterable of modules, got {type(modules).__name__}")
        for module in list(modules):
            self.append(module)
        return self

    def insert(self, index: int, module: Module) -> "_Listed":
        """Put a module before the one at index."""
        if not isinstance(module, Module):
            raise TypeError(f"insert: expected a Module, got {type(module).__name__}")
        modules = self._listed()
        modules.insert(index, module)
        self._replace_all(modules)
        return self

    def pop(self, key: int) -> Module:
        """Take a module out and return it."""
        module = getattr(self, self._name_at(key))
        del self[key]
        return module

    def __iadd__(self, modules: Iterable[Module]) -> "_Listed":
        return self.extend(modules)


class Sequential(_Listed):
    """Modules applied one after the other.

    Parameters
    ----------
    *args : Module
        Or one OrderedDict (or dict) from names to modules.

    Notes
    -----
    Some runs of layers are computed as one operation, the same function in less time and with less kept for the way back:
    Linear and the ReLU, Tanh or Sigmoid after it; a convolution and the ReLU, the max-pool or both after it; batch norm and
    the ReLU after it. A module with a hook, of a subclass, or with a forward of its own is always called by itself.
    ``nn.fusion(False)`` switches it off.

    Examples
    --------
    >>> from fastscratch import nn
    >>> net = nn.Sequential(nn.Flatten(), nn.Linear(4, 2))
    >>> net
    Sequential(
      (0): Flatten(start_dim=1, end_dim=-1)
      (1): Linear(in_features=4, out_features=2, bias=True)
    )
    >>> net[1]
    Linear(in_features=4, out_features=2, bias=True)
    """

    def __init__(self, *args: Any) -> None:
        super().__init__()
        named = args[0].items() if len(args) == 1 and isinstance(args[0], Mapping) else enumerate(args)
        for name, module in named:
            self.add_module(str(name), module)

    def __getitem__(self, index: int | slice) -> Any:
        if isinstance(index, slice):
            return type(self)(OrderedDict((name, getattr(self, name)) for name in list(self._module_names)[index]))
        return getattr(self, self._name_at(index))

    def __add__(self, other: "Sequential") -> "Sequential":
        if not isinstance(other, Sequential):
            raise ValueError(f"a Sequential can only be added to another, got {type(other).__name__}")
        return Sequential(*self, *other)

    def forward(self, input: Any) -> Any:
        """Each module applied to what the one before it gave."""
        modules = list(map(self.__dict__.__getitem__, self._module_names))
        for step in self._steps_for(modules) if fusion.enabled else modules:
            input = step(input)
        return input

    def _steps_for(self, modules: list[Any]) -> list[Any]:
        """The modules with runs of them as one step, found once for each list of modules."""
        planned = self.__dict__.get("_planned")
        if planned is None or planned[0] != modules:
            planned = self.__dict__["_planned"] = (modules, steps(modules))
        return planned[1]

    def __getstate__(self) -> dict[str, Any]:
        """What a copy takes over: all but what is found again."""
        return {name: value for name, value in self.__dict__.items() if name != "_planned"}


class ModuleList(_Listed):
    """A list of modules, whose parameters count as the module's own; it computes nothing.

    Parameters
    ----------
    modules : iterable of Module, optional

    Examples
    --------
    >>> from fastscratch import nn
    >>> nn.ModuleList(nn.Linear(2, 2) for _ in range(3))
    ModuleList(
      (0-2): 3 x Linear(in_features=2, out_features=2, bias=True)
    )
    """

    def __init__(self, modules: Iterable[Module] | None = None) -> None:
        super().__init__()
        if modules is not None:
            self.extend(modules)

    def __getitem__(self, index: int | slice) -> Any:
        if isinstance(index, slice):
            return type(self)(self._listed()[index])
        return getattr(self, self._name_at(index))

    def __add__(self, other: Iterable[Module]) -> "ModuleList":
        return ModuleList([*self, *other])

    def __repr__(self) -> str:
        if not self._module_names:
            return f"{self._get_name()}()"
        lines, first = [], 0
        for text, run in groupby(indented(module) for module in self):
            count = len(list(run))
            last = first + count - 1
            lines.append(f"({first}): {text}" if count == 1 else f"({first}-{last}): {count} x {text}")
            first += count
        return f"{self._get_name()}(\n  " + "\n  ".join(lines) + "\n)"


class ModuleDict(Module):
    """Modules by name, in the order in which they came; it computes nothing.

    Parameters
    ----------
    modules : mapping or iterable of (name, Module), optional
    """

    def __init__(self, modules: Any = None) -> None:
        super().__init__()
        if modules is not None:
            self.update(modules)

    def __getitem__(self, key: str) -> Module:
        if key not in self._module_names:
            raise KeyError(key)
        return getattr(self, key)

    def __setitem__(self, key: str, module: Module) -> None:
        self.add_module(key, module)

    def __delitem__(self, key: str) -> None:
        self.pop(key)

    def __len__(self) -> int:
        return len(self._module_names)

    def __iter__(self) -> Iterator[str]:
        return iter(self._module_names)

    def __contains__(self, key: str) -> bool:
        return key in self._module_names

    def keys(self) -> Iterable[str]:
        """The names."""
        return self._module_names.keys()

    def items(self) -> Iterable[tuple[str, Any]]:
        """(name, module) pairs."""
        return [(name, getattr(self, name)) for name in self._module_names]

    def values(self) -> Iterable[Any]:
        """The modules."""
        return [getattr(self, name) for name in self._module_names]

    def pop(self, key: str) -> Module:
        """Take a module out and return it; KeyError if there is none of that name."""
        module = self[key]
        delattr(self, key)
        return module

    def clear(self) -> None:
        """Take all modules out."""
        for name in list(self._module_names):
            delattr(self, name)

    def update(self, modules: Any) -> None:
        """Add modules from a mapping or from (name, module) pairs, in place of those of the same names."""
        if not isinstance(modules, (Mapping, ModuleDict, Iterable)):
            raise TypeError(f"update: expected a mapping or pairs of name and module, got {type(modules).__name__}")
        for name, module in modules.items() if isinstance(modules, (Mapping, ModuleDict)) else modules:
            self[name] = module


class ParameterList(Module):
    """A list of parameters; tensors that are put in become parameters.

    Parameters
    ----------
    values : iterable of Tensor, optional
    """

    def __init__(self, values: Iterable[Any] | None = None) -> None:
        super().__init__()
        if values is not None:
            self.extend(values)

    def _name_at(self, index: Any) -> str:
        at = index.__index__()
        if not -len(self) <= at < len(self):
            raise IndexError(f"index {at} is out of range: ParameterList holds {len(self)} parameters")
        return str(at % len(self))

    def __len__(self) -> int:
        return len(self._parameter_names)

    def __iter__(self) -> Iterator[Parameter]:
        return iter([getattr(self, name) for name in self._parameter_names])

    def __getitem__(self, index: int | slice) -> Any:
        if isinstance(index, slice):
            return type(self)(list(self)[index])
        return getattr(self, self._name_at(index))

    def __setitem__(self, index: int, value: Any) -> None:
        setattr(self, self._name_at(index), _as_parameter(value))

    def __iadd__(self, values: Iterable[Any]) -> "ParameterList":
        return self.extend(values)

    def append(self, value: Any) -> "ParameterList":
        """Add a parameter at the end."""
        self.register_parameter(str(len(self)), _as_parameter(value))
        return self

    def extend(self, values: Iterable[Any]) -> "ParameterList":
        """Add several parameters at the end."""
        if not isinstance(values, Iterable) or isinstance(values, Tensor):
            raise TypeError(f"extend: expected an iterable of tensors, got {type(values).__name__}")
        for value in list(values):
            self.append(value)
        return self

    def extra_repr(self) -> str:
        """One line for each parameter."""
        sizes = ["x".join(map(str, p.shape)) for p in self]
        lines = [f"  ({i}): Parameter containing: [{p.dtype} of size {sizes[i]}]" for i, p in enumerate(self)]
        return "\n".join(lines)


def _as_parameter(value: Any) -> Parameter:
    if not isinstance(value, Tensor):
        raise TypeError(f"a ParameterList holds tensors, got {type(value).__name__}")
    return value if isinstance(value, Parameter) else Parameter(value)
