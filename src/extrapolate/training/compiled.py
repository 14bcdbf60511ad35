"""``torch.compile`` with a fallback to eager execution."""

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from types import FunctionType
from typing import Any

import torch

#: Compiler options: recompute values that are used several times instead of storing them. A step of many small
#: models is limited by memory bandwidth. Hidden layers in registers make a ReLU network's step 3 times faster.
FUSE_MORE: dict[str, str | int | bool | Callable[..., Any]] = {
    "realize_opcount_threshold": 200,
    "realize_reads_threshold": 50,
    "realize_acc_reads_threshold": 100,
}

#: Reasons for uncompiled functions inside the innermost :func:`warn_once`; None outside.
_reasons: ContextVar[list[str] | None] = ContextVar("_reasons", default=None)


@contextmanager
def warn_once() -> Iterator[None]:
    """Inside, only the first function that cannot be compiled gives a warning."""
    token = _reasons.set([])
    try:
        yield
    finally:
        _reasons.reset(token)


def compile_or_eager(function: Callable[..., Any], eager: Callable[..., Any] | None = None) -> Callable[..., Any]:
    """Compile ``function`` at its first call, once per shape. If that fails, warn and run eagerly.

    ``function`` must be pure: a call that fails to compile is repeated eagerly. ``eager`` is a function with the
    same results that is faster than ``function`` without compilation. The compiler accepts a limited number of
    shapes (8, ``torch._dynamo.config.recompile_limit``); further shapes run eagerly.
    """
    fused = torch.compile(_copy_code(function), fullgraph=True, dynamic=False, options=FUSE_MORE)
    eager = eager or function
    begun = failed = False

    def call(*args: Any) -> Any:
        nonlocal begun, failed
        if failed:
            return eager(*args)
        try:
            result = fused(*args)
            begun = True
            return result
        except Exception as error:
            # this import takes seconds, but torch.compile has already made it
            from torch._dynamo.exc import FailOnRecompileLimitHit, TorchDynamoException

            if not isinstance(error, TorchDynamoException | FailOnRecompileLimitHit):
                raise
            failed = not begun
            _warn(str(error).strip().splitlines()[0])
            return eager(*args)

    return call


def _warn(reason: str) -> None:
    reasons = _reasons.get()
    if not reasons:
        warnings.warn(f"running uncompiled, which is slower: {reason}", RuntimeWarning, stacklevel=3)
    if reasons is not None:
        reasons.append(reason)


def _copy_code(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function that calls ``function`` and has its own code object.

    The compiler stores a limited number of compiled variants per code object. Functions from one ``def``, such as
    all those that ``vmap`` returns, share a code object and would share this limit.
    """

    def entry(*args: Any) -> Any:
        return function(*args)

    code = entry.__code__.replace(co_name=entry.__name__)  # `replace` makes a copy
    return FunctionType(code, globals(), entry.__name__, None, entry.__closure__)
