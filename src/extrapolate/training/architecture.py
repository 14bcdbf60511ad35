"""Check that modules differ only in the values of their tensors, so that one of them can compute for all."""

import functools
import itertools
import types
import weakref
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.utils.parametrize import type_before_parametrizations

#: Attributes that torch adds to every module. They are not settings: tensors and submodules are compared elsewhere.
_TORCH_ATTRIBUTES = {*vars(nn.Module())}


def check_alike(modules: Sequence[nn.Module]) -> None:
    """Check that all modules compute the same function of their parameters and buffers.

    Raises:
        ValueError: two modules differ in a class, a setting (such as an activation or a dropout rate), the name or
            shape of a tensor, or the frozen parameters. The message names the first difference.
    """
    first = modules[0]
    names = list(dict(first.named_parameters()))  # a tied parameter appears once
    for index, other in enumerate(modules[1:], 1):
        found = next(_differences(first, other, ""), None)
        if found is None and list(dict(other.named_parameters())) != names:
            found = "they tie their parameters in different ways"
        if found is not None:
            raise ValueError(
                f"replicas must have one architecture, but modules 0 and {index} differ: {found}. Train different "
                "architectures as separate Replicas, and store values that depend on the seed in a buffer"
            )


def _differences(one: nn.Module, other: nn.Module, path: str) -> Iterator[str]:
    kinds = type_before_parametrizations(one), type_before_parametrizations(other)
    if kinds[0] is not kinds[1]:
        yield f"{path or 'the module'} is {kinds[0].__name__} and {kinds[1].__name__}"
        return
    yield from _tensor_differences(one, other, path)
    settings = _settings(one), _settings(other)
    for name in sorted(settings[0].keys() | settings[1].keys()):
        a, b = (each.get(name) for each in settings)
        if name not in settings[0] or name not in settings[1] or not alike(a, b):
            yield f"{_join(path, name)} is {_short(a)} and {_short(b)}"
    parts = dict(one.named_children()), dict(other.named_children())
    if list(parts[0]) != list(parts[1]):
        yield f"{path or 'the module'} has the submodules {', '.join(parts[0])} and {', '.join(parts[1])}"
        return
    for name, part in parts[0].items():
        yield from _differences(part, parts[1][name], _join(path, name))


def _tensor_differences(one: nn.Module, other: nn.Module, path: str) -> Iterator[str]:
    tensors = _tensors(one), _tensors(other)
    for name in sorted(tensors[0].keys() | tensors[1].keys()):
        a, b = (each.get(name) for each in tensors)
        if a is None or b is None:
            yield f"{_join(path, name)} exists in only one of them"
        elif any(nn.parameter.is_lazy(each) for each in (a, b)):
            yield f"{_join(path, name)} has no shape yet: call each module once on an example first"
        elif a.shape != b.shape or a.dtype != b.dtype:
            yield f"{_join(path, name)} is {_kind(a)} and {_kind(b)}"
        elif a.requires_grad != b.requires_grad:
            yield f"{_join(path, name)} is frozen in only one of them"


def _tensors(module: nn.Module) -> dict[str, Tensor]:
    own = itertools.chain(
        module.named_parameters(recurse=False, remove_duplicate=False),
        module.named_buffers(recurse=False, remove_duplicate=False),
    )
    return dict(own)


def _settings(module: nn.Module) -> dict[str, Any]:
    """Return the attributes of a module other than tensors and submodules, and its forward hooks."""
    hooks = {"forward hooks": module._forward_hooks, "forward pre-hooks": module._forward_pre_hooks}
    own = {name: value for name, value in vars(module).items() if name not in _TORCH_ATTRIBUTES}
    return own | {name: list(found.values()) for name, found in hooks.items() if found}


def alike(one: Any, other: Any) -> bool:
    """Return whether two settings are equal.

    Functions are compared by their code, defaults and closures; objects by their attributes.
    """
    if one is other or (id(one), id(other)) in _open:
        return True
    _open.add((id(one), id(other)))
    try:
        return _equal(one, other)
    finally:
        _open.discard((id(one), id(other)))


#: The pairs that are being compared now: an object may refer to itself.
_open: set[tuple[int, int]] = set()


def _equal(one: Any, other: Any) -> bool:
    if type(one) is not type(other):
        return isinstance(one, nn.Module) and isinstance(other, nn.Module) and _alike_modules(one, other)
    match one:
        case nn.Parameter():  # torch's LSTM has a list of its parameters
            return one.shape == other.shape and one.dtype == other.dtype
        case weakref.ref():
            return alike(one(), other())
        case Tensor():
            return one.dtype == other.dtype and torch.allclose(one, other, 0.0, 0.0, equal_nan=True)
        case np.ndarray():
            return one.dtype == other.dtype and str(one.tolist()) == str(other.tolist())
        case float():
            return one == other or (one != one and other != other)
        case Mapping():
            return one.keys() == other.keys() and all(alike(one[key], other[key]) for key in one)
        case list() | tuple():
            return len(one) == len(other) and all(map(alike, one, other))
        case functools.partial():
            return alike((one.func, one.args, one.keywords), (other.func, other.args, other.keywords))
        case types.FunctionType():
            return alike(_function_parts(one), _function_parts(other))
        case types.MethodType():
            return one.__func__ is other.__func__ and alike(one.__self__, other.__self__)
        case nn.Module():
            return _alike_modules(one, other)
        case torch.Generator():
            return True
        case type() | types.BuiltinFunctionType():
            return False  # not identical: `alike` has compared that before
    return _alike_objects(one, other)


def _alike_modules(one: nn.Module, other: nn.Module) -> bool:
    return next(_differences(one, other, ""), None) is None


def _alike_objects(one: Any, other: Any) -> bool:
    """Compare by attributes; without any, by the class's own ``__eq__``; without that, by the pickled state."""
    if getattr(one, "__dict__", None):
        return alike(vars(one), vars(other))
    if type(one).__eq__ is not object.__eq__:
        return bool(one == other)
    try:
        return bool(one.__reduce_ex__(2)[1:] == other.__reduce_ex__(2)[1:])
    except TypeError:
        return False


def _function_parts(function: types.FunctionType) -> tuple[Any, ...]:
    """Return a function's code without line numbers, its defaults, and the values of its closure."""
    code = function.__code__
    consts = [str(each.co_code) if isinstance(each, types.CodeType) else each for each in code.co_consts]
    cells = [_content(cell) for cell in function.__closure__ or ()]
    return code.co_code, code.co_names, consts, function.__defaults__, function.__kwdefaults__, cells


def _content(cell: types.CellType) -> Any:
    try:
        return cell.cell_contents
    except ValueError:  # the cell is empty
        return None


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _kind(value: Tensor) -> str:
    return f"{str(value.dtype).removeprefix('torch.')} {tuple(value.shape)}"


def _short(value: Any) -> str:
    text = getattr(value, "__name__", None) or repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
