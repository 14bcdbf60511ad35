"""``torch.compile`` where it works, plain eager where it does not."""

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from types import FunctionType
from typing import Any

import torch

#: Recompute instead of storing what several readers want: a step of many small models is bound by memory,
#: and a hidden layer that never leaves the registers makes a ReLU network's step three times faster.
FUSE_MORE: dict[str, str | int | bool | Callable[..., Any]] = {
    "realize_opcount_threshold": 200,
    "realize_reads_threshold": 50,
    "realize_acc_reads_threshold": 100,
}

#: Why functions run uncompiled inside the innermost :func:`warned_once`; None outside.
_reasons: ContextVar[list[str] | None] = ContextVar("_reasons", default=None)


@contextmanager
def warn_once() -> Iterator[None]:
    """While inside, only the first function that cannot be compiled says so."""
    token = _reasons.set([])
    try:
        yield
    finally:
        _reasons.reset(token)


def compile_or_eager(function: Callable[..., Any], eager: Callable[..., Any] | None = None) -> Callable[..., Any]:
    """``function`` fused at its first call, and again for other shapes; eager, with a warning, where it cannot be.

    ``eager`` is called instead where that is quicker than ``function`` uncompiled, and gives the same.
    ``function`` must be pure: a call that fails to compile is repeated eagerly. Shapes beyond those that the
    compiler takes (8, ``torch._dynamo.config.recompile_limit``) run eagerly, all others stay compiled.
    """
    fused = torch.compile(_with_code_of_its_own(function), fullgraph=True, dynamic=False, options=FUSE_MORE)
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
            # seconds to import; here it is there already
            from torch._dynamo.exc import FailOnRecompileLimitHit, TorchDynamoException

            if not isinstance(error, TorchDynamoException | FailOnRecompileLimitHit):
                raise
            failed = not begun
            _warn(str(error).strip().splitlines()[0])
            return eager(*args)

    return call


def _warn(reason: str) -> None:
    told = _reasons.get()
    if not told:
        warnings.warn(f"running uncompiled, which is slower: {reason}", RuntimeWarning, stacklevel=3)
    if told is not None:
        told.append(reason)


def _with_code_of_its_own(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function that calls ``function`` and shares its code object with no other.

    The compiler keeps what it has compiled with the code object, and only a few variants of it; functions
    made by one ``def``, such as all those that ``vmap`` returns, would use up each other's.
    """

    def entry(*args: Any) -> Any:
        return function(*args)

    code = entry.__code__.replace(co_name=entry.__name__)  # a copy, whatever is replaced
    return FunctionType(code, globals(), entry.__name__, None, entry.__closure__)
