"""Which tensors of a module are masked."""

from collections.abc import Callable

from torch import Tensor, nn

from extrapolate._runtime.errors import UserError

#: ``parameters(name, parameter, owner)``: whether to mask a parameter. ``name`` is its full name, ``owner`` the
#: submodule that holds it.
ParameterFilter = Callable[[str, nn.Parameter, nn.Module], bool]

_EMBEDDINGS = (nn.Embedding, nn.EmbeddingBag)
_NORMS = (nn.LayerNorm, nn.GroupNorm, nn.RMSNorm, nn.modules.batchnorm._NormBase)


def is_weight(name: str, parameter: nn.Parameter, owner: nn.Module) -> bool:
    """Return True for the parameters to mask: all except embeddings and biases.

    Gain and shift of a normalisation layer count as weights.
    Csordás et al. (arXiv 2010.02066) mask the same parameters in most of their tasks.
    """
    if isinstance(owner, _NORMS):
        return True
    return is_weight_or_bias(name, parameter, owner) and "bias" not in name.rpartition(".")[2]


def is_weight_or_bias(name: str, parameter: nn.Parameter, owner: nn.Module) -> bool:
    """Return True for the parameters to mask: all except embeddings (published for CIFAR-10 and permuted MNIST)."""
    return not isinstance(owner, _EMBEDDINGS)


def maskable(module: nn.Module, parameters: ParameterFilter) -> dict[str, Tensor]:
    """Return the parameters to mask by name, detached. A tied parameter must be chosen for all of its owners.

    Raises:
        UserError: no parameter is chosen, or a chosen one is not real floating-point or is not initialised yet.
    """
    wanted: dict[int, bool] = {}
    for prefix, owner in module.named_modules():
        for leaf, parameter in owner.named_parameters(prefix, recurse=False):
            chosen = parameters(leaf, parameter, owner)
            wanted[id(parameter)] = chosen and wanted.get(id(parameter), True)
    found = {name: value for name, value in module.named_parameters() if wanted[id(value)]}
    if not found:
        raise UserError(f"{type(module).__name__} has no maskable weight: `parameters` chose none of its parameters")
    for name, value in found.items():
        if isinstance(value, nn.parameter.UninitializedParameter):
            raise UserError(f"{name!r} has no values yet: call the module once before its weights are masked")
        if not value.is_floating_point():
            raise UserError(f"{name!r} has dtype {value.dtype} and cannot be masked: exclude it with `parameters`")
    return {name: value.detach() for name, value in found.items()}
