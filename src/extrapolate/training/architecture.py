"""Whether modules differ in more than the values of their tensors: only then can one of them compute for all."""

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

#: What torch keeps in a module besides its settings: compared as tensors and parts, or not at all.
_KEPT_BY_TORCH = {name for name in vars(nn.Module()) if name not in {"training"}} | {"training"}


def check_alike(modules: Sequence[nn.Module]) -> None:
    """Check that all modules compute the same function of their parameters and buffers.

    Raises:
        ValueError: two of them differ in a class, a setting (an activation, a dropout rate), the name or shape
            of a tensor, or in what is frozen. The message names the first part that differs.
    """
    first = modules[0]
    for index, other in enumerate(modules[1:], 1):
        found = next(_differences(first, other, ""), None)
        if found is not None:
            raise ValueError(
                f"replicas must be of one architecture, but modules 0 and {index} differ: {found}. Train "
                "different architectures as separate Replicas; what differs by seed belongs in a buffer"
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
    if parts[0].keys() != parts[1].keys():
        yield f"{path or 'the module'} has the parts {', '.join(parts[0])} and {', '.join(parts[1])}"
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
    return {name: value for name, value in vars(module).items() if name not in _KEPT_BY_TORCH}


def alike(one: Any, other: Any) -> bool:
    """Whether two settings are equal; functions by their code and what they hold, objects by their attributes."""
    if one is other or (id(one), id(other)) in _open:
        return True
    _open.add((id(one), id(other)))
    try:
        return _equal(one, other)
    finally:
        _open.discard((id(one), id(other)))


#: The pairs being compared: an object may hold itself.
_open: set[tuple[int, int]] = set()


def _equal(one: Any, other: Any) -> bool:
    if type(one) is not type(other):
        return False
    match one:
        case nn.Parameter():  # a list of them beside the registered ones, as torch's LSTM has
            return one.shape == other.shape
        case weakref.ref():
            return alike(one(), other())
        case Tensor():
            return one.shape == other.shape and torch.equal(one, other)
        case np.ndarray():
            return np.array_equal(one, other)
        case float():
            return one == other or (one != one and other != other)
        case Mapping():
            return list(one) == list(other) and all(alike(one[key], other[key]) for key in one)
        case list() | tuple():
            return len(one) == len(other) and all(map(alike, one, other))
        case functools.partial():
            return alike((one.func, one.args, one.keywords), (other.func, other.args, other.keywords))
        case types.FunctionType():
            return one.__code__ == other.__code__ and alike(_held(one), _held(other))
        case types.MethodType():  # of the module itself, which is being compared
            return one.__func__ is other.__func__
        case nn.Module():  # inside a list or a function: torch does not know it as a part
            return next(_differences(one, other, ""), None) is None
        case torch.Generator():
            return True
    if type(one).__eq__ is not object.__eq__:
        return bool(one == other)
    return alike(getattr(one, "__dict__", None), getattr(other, "__dict__", None))


def _held(function: types.FunctionType) -> tuple[Any, ...]:
    """The defaults and the enclosed values of a function; enclosed modules are compared where they are kept."""
    cells = [cell.cell_contents for cell in function.__closure__ or ()]
    return function.__defaults__, [each for each in cells if not isinstance(each, nn.Module)]


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _kind(value: Tensor) -> str:
    return f"{str(value.dtype).removeprefix('torch.')} {tuple(value.shape)}"


def _short(value: Any) -> str:
    text = getattr(value, "__name__", None) or repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
