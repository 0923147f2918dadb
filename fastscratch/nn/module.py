"""Module: the base of every layer and every model."""

from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple, TypeVar

import numpy as np

from .. import dtypes
from ..device import need_cpu
from ..gradients import forget, zero
from ..tensor import HookHandle, Tensor
from .hooks import Hooks, call, register
from .parameter import Parameter

__all__ = ["Module"]

M = TypeVar("M", bound="Module")
_KINDS = ("_parameter_names", "_buffer_names", "_module_names")


class IncompatibleKeys(NamedTuple):
    """What load_state_dict(strict=False) could not place."""

    missing_keys: list[str]
    unexpected_keys: list[str]

    def __repr__(self) -> str:
        if self.missing_keys or self.unexpected_keys:
            return f"IncompatibleKeys(missing_keys={self.missing_keys}, unexpected_keys={self.unexpected_keys})"
        return "<All keys matched successfully>"


class Module:
    """Base class of layers and models: subclass it, assign parameters and modules in __init__, compute in forward.

    Parameters, buffers and child modules are ordinary attributes, so that ``self.weight`` costs no more than any other; the
    module keeps only their names, in the order of registration.

    Examples
    --------
    >>> import fastscratch as fs
    >>> class Net(fs.nn.Module):
    ...     def __init__(self):
    ...         super().__init__()
    ...         self.hidden = fs.nn.Linear(4, 3)
    ...     def forward(self, x):
    ...         return self.hidden(x)
    >>> net = Net()
    >>> net
    Net(
      (hidden): Linear(in_features=4, out_features=3, bias=True)
    )
    >>> net(fs.zeros(2, 4)).shape
    (2, 3)
    """

    training: bool
    _parameter_names: dict[str, None]
    _buffer_names: dict[str, bool]  # name -> is it part of the state_dict?
    _module_names: dict[str, None]
    _hooks: Hooks | None

    def __init__(self) -> None:
        initial: dict[str, Any] = {
            "training": True,
            "_hooks": None,
            "_parameter_names": {},
            "_buffer_names": {},
            "_module_names": {},
        }
        for name, value in initial.items():
            object.__setattr__(self, name, value)

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """What the module computes; to be written by the subclass. Call the module, not this: hooks run then."""
        raise NotImplementedError(f"module {type(self).__name__} has no forward method")

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if self._hooks is None:
            return self.forward(*args, **kwargs)
        return call(self, self._hooks, args, kwargs)

    # ---- registration ----

    def __setattr__(self, name: str, value: Any) -> None:
        if isinstance(value, Parameter):
            self._adopt(name, value, "_parameter_names")
        elif isinstance(value, Module):
            self._adopt(name, value, "_module_names")
        else:
            if "_module_names" in self.__dict__:
                self._check_assignment(name, value)
            object.__setattr__(self, name, value)

    def _adopt(self, name: str, value: Any, kind: str, mark: Any = None) -> None:
        """Make value the parameter, buffer or module of this name, whatever the name stood for before."""
        if "_module_names" not in self.__dict__:
            what = {"_parameter_names": "parameters", "_buffer_names": "buffers", "_module_names": "modules"}[kind]
            raise AttributeError(
                f"cannot assign {what} before Module.__init__() was called: begin with super().__init__()"
            )
        for other in _KINDS:
            if other != kind:
                getattr(self, other).pop(name, None)
        getattr(self, kind)[name] = mark
        object.__setattr__(self, name, value)

    def _check_assignment(self, name: str, value: Any) -> None:
        """TypeError where a plain value would take the place of a parameter, buffer or module; None may."""
        if value is None:
            return
        if name in self._parameter_names:
            raise TypeError(
                f"cannot assign a {type(value).__name__} as parameter {name!r}: expected a Parameter or None"
            )
        if name in self._module_names:
            raise TypeError(
                f"cannot assign a {type(value).__name__} as child module {name!r}: expected a Module or None"
            )
        if name in self._buffer_names and not isinstance(value, Tensor):
            raise TypeError(f"cannot assign a {type(value).__name__} as buffer {name!r}: expected a Tensor or None")

    def __delattr__(self, name: str) -> None:
        object.__delattr__(self, name)
        for kind in _KINDS:
            getattr(self, kind).pop(name, None)

    def _check_name(self, name: Any, kind: str) -> None:
        """What a name must be before something is registered under it."""
        what = kind.removeprefix("_").removesuffix("_names")
        if not isinstance(name, str):
            raise TypeError(f"the name of a {what} must be a str, got {type(name).__name__}")
        if not name or "." in name:
            raise KeyError(f"the name of a {what} must not be empty or contain a dot, got {name!r}")
        if hasattr(self, name) and name not in getattr(self, kind):
            raise KeyError(f"attribute {name!r} exists already")

    def register_parameter(self, name: str, param: Parameter | None) -> None:
        """Add a parameter under a name; None holds the place of one that is absent (a layer without bias).

        Raises
        ------
        KeyError
            If the name is empty, has a dot in it or is taken by another attribute.
        TypeError
            If param is not a Parameter.
        """
        self._check_name(name, "_parameter_names")
        if param is not None and not isinstance(param, Parameter):
            raise TypeError(
                f"cannot register a {type(param).__name__} as parameter {name!r}: expected a Parameter or None"
            )
        self._adopt(name, param, "_parameter_names")

    def register_buffer(self, name: str, tensor: Tensor | None, persistent: bool = True) -> None:
        """Add a tensor that is state but not a parameter, such as a running mean; in the state_dict if persistent.

        Raises
        ------
        KeyError
            If the name is empty, has a dot in it or is taken by another attribute.
        TypeError
            If tensor is not a Tensor.
        """
        self._check_name(name, "_buffer_names")
        if tensor is not None and not isinstance(tensor, Tensor):
            raise TypeError(f"cannot register a {type(tensor).__name__} as buffer {name!r}: expected a Tensor or None")
        self._adopt(name, tensor, "_buffer_names", persistent)

    def add_module(self, name: str, module: "Module | None") -> None:
        """Add a child module under a name.

        Raises
        ------
        KeyError
            If the name is empty, has a dot in it or is taken by another attribute.
        TypeError
            If module is not a Module.
        """
        self._check_name(name, "_module_names")
        if module is not None and not isinstance(module, Module):
            raise TypeError(
                f"cannot register a {type(module).__name__} as child module {name!r}: expected a Module or None"
            )
        self._adopt(name, module, "_module_names")

    register_module = add_module

    # ---- looking around ----

    def named_modules(
        self, memo: set[int] | None = None, prefix: str = "", remove_duplicate: bool = True
    ) -> Iterator[Any]:
        """(path, module) of this module and all below it, parents first; a shared one once unless told otherwise."""
        seen = set() if memo is None else memo
        if remove_duplicate:
            if id(self) in seen:
                return
            seen.add(id(self))
        yield prefix, self
        for name in self._module_names:
            child = getattr(self, name)
            if child is not None:
                yield from child.named_modules(seen, f"{prefix}.{name}" if prefix else name, remove_duplicate)

    def modules(self) -> Iterator["Module"]:
        """This module and all below it, each once."""
        return (module for _, module in self.named_modules())

    def named_children(self) -> Iterator[tuple[str, "Module"]]:
        """(name, module) of the direct children, each once."""
        seen = set()
        for name in self._module_names:
            child = getattr(self, name)
            if child is not None and id(child) not in seen:
                seen.add(id(child))
                yield name, child

    def children(self) -> Iterator["Module"]:
        """The direct children, each once."""
        return (module for _, module in self.named_children())

    def _named(self, kind: str, prefix: str, recurse: bool, remove_duplicate: bool) -> Iterator[tuple[str, Any]]:
        """(path, tensor) of all parameters or all buffers."""
        seen = set()
        for path, module in self.named_modules(None, prefix, remove_duplicate) if recurse else [(prefix, self)]:
            for name in getattr(module, kind):
                value = getattr(module, name)
                if value is None or id(value) in seen:
                    continue
                if remove_duplicate:
                    seen.add(id(value))
                yield (f"{path}.{name}" if path else name), value

    def named_parameters(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Parameter]]:
        """(path, parameter) of this module and, if recurse, of all below it; a shared parameter once."""
        return self._named("_parameter_names", prefix, recurse, remove_duplicate)

    def parameters(self, recurse: bool = True) -> Iterator[Parameter]:
        """The parameters, each once: what an optimizer takes."""
        return (p for _, p in self.named_parameters(recurse=recurse))

    def named_buffers(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Tensor]]:
        """(path, buffer) of this module and, if recurse, of all below it."""
        return self._named("_buffer_names", prefix, recurse, remove_duplicate)

    def buffers(self, recurse: bool = True) -> Iterator[Tensor]:
        """The buffers, each once."""
        return (b for _, b in self.named_buffers(recurse=recurse))

    def get_submodule(self, target: str) -> "Module":
        """The module at a path such as "encoder.0"; "" is this one.

        Raises
        ------
        AttributeError
            If there is none; the message says where the path ends.
        """
        module: Module = self
        for name in target.split(".") if target else ():
            child = getattr(module, name, None)
            if not isinstance(child, Module):
                raise AttributeError(f"{type(module).__name__} has no child module {name!r} (looking for {target!r})")
            module = child
        return module

    def _get(self, target: str, kind: str) -> Any:
        path, _, name = target.rpartition(".")
        module = self.get_submodule(path)
        if name not in getattr(module, kind):
            what = kind.removeprefix("_").removesuffix("_names")
            raise AttributeError(f"{type(module).__name__} has no {what} {name!r} (looking for {target!r})")
        return getattr(module, name)

    def get_parameter(self, target: str) -> Parameter:
        """The parameter at a path such as "encoder.0.weight"; AttributeError if there is none."""
        return self._get(target, "_parameter_names")

    def get_buffer(self, target: str) -> Tensor:
        """The buffer at a path; AttributeError if there is none."""
        return self._get(target, "_buffer_names")

    # ---- changing all of it ----

    def apply(self: M, fn: Callable[["Module"], Any]) -> M:
        """Call fn with every module below, children first, and with this one."""
        for child in self.children():
            child.apply(fn)
        fn(self)
        return self

    def train(self: M, mode: bool = True) -> M:
        """Set training mode here and below: dropout drops, batch norm uses its batch. ValueError unless mode is a bool."""
        if not isinstance(mode, bool):
            raise ValueError(f"train: mode must be True or False, got {mode!r}")
        for module in self.modules():
            module.training = mode
        return self

    def eval(self: M) -> M:
        """Set evaluation mode here and below: the opposite of train()."""
        return self.train(False)

    def requires_grad_(self: M, requires_grad: bool = True) -> M:
        """Let all parameters require gradients, or none."""
        for parameter in self.parameters():
            parameter.requires_grad_(requires_grad)
        return self

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradients of all parameters, or make them zero, in place."""
        (forget if set_to_none else zero)(self.parameters())

    def to(self: M, *args: Any, **kwargs: Any) -> M:
        """Bring all floating parameters and buffers to a dtype: to(dtype), to(tensor), to("cpu"), to(device=, dtype=).

        Raises
        ------
        TypeError
            If the dtype is not a floating one.
        RuntimeError
            If the device is not the cpu.
        """
        dtype, device = kwargs.get("dtype"), kwargs.get("device")
        for value in args:
            if isinstance(value, Tensor):
                dtype = value.dtype
            elif isinstance(value, str) and value.split(":")[0] in ("cpu", "cuda", "mps", "xpu", "meta"):
                device = value
            elif value is not None and not isinstance(value, bool):  # non_blocking
                dtype = value
        need_cpu(device)
        if dtype is not None:
            wanted = dtypes.as_dtype(dtype)
            if wanted.kind != "f":
                raise TypeError(f"a module can only be brought to a floating dtype, got {wanted}")
            self._cast(wanted)
        return self

    def _cast(self, dtype: dtypes.DType) -> None:
        for module in self.modules():
            for name in (*module._parameter_names, *module._buffer_names):
                value = getattr(module, name)
                if value is None or value.array.dtype.kind != "f" or value.array.dtype == dtype:
                    continue
                value.data = Tensor(value.array, dtype)
                if value.grad is not None:
                    value.grad = Tensor(value.grad.array, dtype)

    def type(self: M, dst_type: Any) -> M:
        """The same as to(dtype)."""
        return self.to(dtype=dst_type)

    def float(self: M) -> M:
        """All floating parameters and buffers in float32."""
        return self.to(dtypes.float32)

    def double(self: M) -> M:
        """All floating parameters and buffers in float64."""
        return self.to(dtypes.float64)

    def cpu(self: M) -> M:
        """Self: everything is on the CPU."""
        return self

    # ---- state ----

    def state_dict(
        self, *, destination: dict[str, Any] | None = None, prefix: str = "", keep_vars: bool = False
    ) -> dict[str, Any]:
        """All parameters and persistent buffers by path, as detached tensors on the same memory, not copies.

        With keep_vars the parameters themselves. A shared parameter appears under each of its paths.
        """
        state: dict[str, Any] = OrderedDict() if destination is None else destination
        for path, value in self._state(prefix):
            state[path] = value if keep_vars else value.detach()
        return state

    def _state(self, prefix: str = "") -> Iterator[tuple[str, Tensor]]:
        """(path, tensor) in the order of the state_dict."""
        persistent = [name for name, kept in self._buffer_names.items() if kept]
        for name in (*self._parameter_names, *persistent):
            value = getattr(self, name)
            if value is not None:
                yield prefix + name, value
        for name in self._module_names:
            child = getattr(self, name)
            if child is not None:
                yield from child._state(f"{prefix}{name}.")

    def load_state_dict(
        self, state_dict: Mapping[str, Any], strict: bool = True, assign: bool = False
    ) -> IncompatibleKeys:
        """Copy values, tensors or arrays, into the parameters and buffers of the same paths.

        Parameters
        ----------
        state_dict : mapping from path to Tensor or array
            Cast to this module's dtypes.
        strict : bool
            Raise if a key is missing or unexpected. Wrong shapes raise in any case.
        assign : bool
            Take over the given memory (and its dtype) instead of copying out of it.

        Returns
        -------
        (missing_keys, unexpected_keys)

        Raises
        ------
        RuntimeError
            One that lists every missing key, every unexpected key and every shape that does not fit. The module is then
            unchanged.
        TypeError
            If state_dict is not a mapping.
        """
        if not isinstance(state_dict, Mapping):
            raise TypeError(
                f"load_state_dict: expected a mapping from names to tensors, got {type(state_dict).__name__}"
            )
        own = dict(self._state())
        given = {name: value if isinstance(value, Tensor) else Tensor(value) for name, value in state_dict.items()}
        missing = [name for name in own if name not in given]
        unexpected = [name for name in given if name not in own]
        errors = []
        if strict and unexpected:
            errors.append("Unexpected key(s) in state_dict: " + ", ".join(f'"{name}"' for name in unexpected) + ".")
        if strict and missing:
            errors.append("Missing key(s) in state_dict: " + ", ".join(f'"{name}"' for name in missing) + ".")
        for name, value in own.items():
            if name in given and given[name].shape != value.shape:
                errors.append(f"size mismatch for {name}: got shape {given[name].shape}, expected {value.shape}.")
        if errors:
            raise RuntimeError(f"Error(s) in loading state_dict for {type(self).__name__}:\n\t" + "\n\t".join(errors))
        for name, value in own.items():
            if name in given:
                _load(value, given[name].array, assign)
        return IncompatibleKeys(missing, unexpected)

    # ---- hooks ----

    def _own_hooks(self) -> Hooks:
        if self._hooks is None:
            self._hooks = Hooks()
        return self._hooks

    def register_forward_pre_hook(
        self, hook: Callable[..., Any], *, prepend: bool = False, with_kwargs: bool = False
    ) -> HookHandle:
        """Call hook(module, args) before forward; what it returns, if not None, takes the place of args.

        With kwargs: hook(module, args, kwargs), which may return (args, kwargs).
        """
        return register(self._own_hooks().forward_pre, hook, with_kwargs, prepend)

    def register_forward_hook(
        self, hook: Callable[..., Any], *, prepend: bool = False, with_kwargs: bool = False
    ) -> HookHandle:
        """Call hook(module, args, output) after forward; what it returns, if not None, takes the place of output.

        With kwargs: hook(module, args, kwargs, output).
        """
        return register(self._own_hooks().forward, hook, with_kwargs, prepend)

    def register_full_backward_hook(self, hook: Callable[..., Any], prepend: bool = False) -> HookHandle:
        """Call hook(module, grad_input, grad_output) once the gradients of the module's inputs are known.

        Both are tuples, grad_input with one entry per positional argument of forward, None where there is no gradient. What
        the hook returns, if not None, takes the place of grad_input.
        """
        return register(self._own_hooks().backward, hook, False, prepend)

    def register_full_backward_pre_hook(self, hook: Callable[..., Any], prepend: bool = False) -> HookHandle:
        """Call hook(module, grad_output) before the module's backward; what it returns, if not None, takes its place."""
        return register(self._own_hooks().backward_pre, hook, False, prepend)

    # ---- text ----

    def extra_repr(self) -> str:
        """What stands between the parentheses of the repr; for the subclass to say."""
        return ""

    def _get_name(self) -> str:
        return type(self).__name__

    def __repr__(self) -> str:
        extra = self.extra_repr()
        lines = extra.split("\n") if extra else []
        if not self._module_names:
            body = extra if len(lines) <= 1 else "\n  " + "\n  ".join(lines) + "\n"
            return f"{self._get_name()}({body})"
        lines += [f"({name}): {indented(getattr(self, name))}" for name in self._module_names]
        return f"{self._get_name()}(\n  " + "\n  ".join(lines) + "\n)"


def indented(value: Any) -> str:
    """The repr with every line but the first two columns to the right."""
    return repr(value).replace("\n", "\n  ")


def _load(value: Tensor, array: Any, assign: bool) -> None:
    """Copy array into the tensor, or make it the tensor's own memory."""
    if assign:
        value.data = Tensor(array)
        return
    np.copyto(value.array, array, casting="unsafe")
    value.touch()
