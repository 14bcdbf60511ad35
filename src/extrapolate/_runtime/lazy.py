"""Import package attributes at their first use, so that importing the package is fast (PEP 562)."""

import sys
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from pkgutil import resolve_name
from typing import Any

from extrapolate._runtime.extras import needs_extra


def import_lazily(
    package: str, origins: Mapping[str, str], extra: str | None = None
) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """Return the ``__getattr__`` and ``__dir__`` of ``package``.

    ``origins`` maps the name of an attribute to its source: ``"a.module"``, or ``"a.module:name"`` for an object.
    An object must not have the name of a submodule of ``package``: importing that submodule would overwrite it.
    ``extra``: the extra whose libraries ``package`` needs, for error messages.
    """

    def get_attribute(name: str) -> Any:
        if name not in origins:
            raise AttributeError(f"module {package!r} has no attribute {name!r}", name=name)
        with needs_extra(extra, package) if extra else nullcontext():
            value = resolve_name(origins[name])
        setattr(sys.modules[package], name, value)  # later uses do not call this function
        return value

    def list_attributes() -> list[str]:
        return sorted({*vars(sys.modules[package]), *origins})

    return get_attribute, list_attributes
