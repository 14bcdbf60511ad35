"""Inspect a trained module: the formula it has learned, and the distance of its weights from exact values.

:func:`exact` returns the formula and the evidence for it; :func:`sparsity_error` returns only the distance.
:func:`exact_rule` registers a unit of your own.

Weight masks, for any module: :func:`learn_masks` learns one :class:`Mask` per function. :class:`MaskConfig` holds
the settings.

Each name is imported at its first use, because masks do not need sympy.
"""

from typing import TYPE_CHECKING

from extrapolate._runtime.lazy import import_lazily

if TYPE_CHECKING:
    from extrapolate.inspect.exact_bounds import Twin
    from extrapolate.inspect.exact_box import BoxError, InputBox
    from extrapolate.inspect.exact_formula import exact
    from extrapolate.inspect.exact_result import Exact, ExactCertificate
    from extrapolate.inspect.exact_units import NeverExactError, exact_rule
    from extrapolate.inspect.exact_untrained import UntrainedChance
    from extrapolate.inspect.masks import (
        JointLearner,
        Mask,
        MaskConfig,
        MaskedModule,
        is_weight,
        is_weight_or_bias,
        learn_masks,
    )
    from extrapolate.inspect.sparsity import sparsity_error

__all__ = [
    "BoxError",
    "Exact",
    "ExactCertificate",
    "InputBox",
    "JointLearner",
    "Mask",
    "MaskConfig",
    "MaskedModule",
    "NeverExactError",
    "Twin",
    "UntrainedChance",
    "exact",
    "exact_rule",
    "is_weight",
    "is_weight_or_bias",
    "learn_masks",
    "sparsity_error",
]

_MODULES = {
    "exact_formula": ("exact",),
    "exact_bounds": ("Twin",),
    "exact_box": ("BoxError", "InputBox"),
    "exact_result": ("Exact", "ExactCertificate"),
    "exact_units": ("NeverExactError", "exact_rule"),
    "exact_untrained": ("UntrainedChance",),
    "masks": (
        "JointLearner",
        "Mask",
        "MaskConfig",
        "MaskedModule",
        "is_weight",
        "is_weight_or_bias",
        "learn_masks",
    ),
    "sparsity": ("sparsity_error",),
}

__getattr__, __dir__ = import_lazily(
    __name__,
    {name: f"{__name__}.{module}:{name}" for module, names in _MODULES.items() for name in names},
    extra="fit",
)
