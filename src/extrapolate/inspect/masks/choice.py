"""Which tensors of a module are masked."""

from collections.abc import Callable

from torch import Tensor, nn

from extrapolate._runtime.errors import UserError

#: ``choose(name, parameter, owner)``: whether to mask a parameter; ``name`` is its full name, ``owner`` the
#: part of the module that holds it.
ParameterFilter = Callable[[str, nn.Parameter, nn.Module], bool]

_EMBEDDINGS = (nn.Embedding, nn.EmbeddingBag)
_NORMS = (nn.LayerNorm, nn.GroupNorm, nn.RMSNorm, nn.modules.batchnorm._NormBase)


def is_weight(name: str, parameter: nn.Parameter, owner: nn.Module) -> bool:
    """All but embeddings and biases; gain and shift of a norm count as weights. The published choice for most."""
    if isinstance(owner, _NORMS):
        return True
    return is_weight_or_bias(name, parameter, owner) and "bias" not in name.rpartition(".")[2]


def is_weight_or_bias(name: str, parameter: nn.Parameter, owner: nn.Module) -> bool:
    """All but embeddings. The published choice for CIFAR-10 and the permuted digits."""
    return not isinstance(owner, _EMBEDDINGS)


def maskable(module: nn.Module, parameters: ParameterFilter) -> dict[str, Tensor]:
    """The chosen parameters of ``module`` by name, detached; a tied one only if every owner's is chosen.

    Raises:
        UserError: none is chosen, or a chosen one is neither real nor floating, or not made yet.
    """
    wanted: dict[int, bool] = {}
    for prefix, owner in module.named_modules():
        for leaf, parameter in owner.named_parameters(prefix, recurse=False):
            chosen = parameters(leaf, parameter, owner)
            wanted[id(parameter)] = chosen and wanted.get(id(parameter), True)
    found = {name: value for name, value in module.named_parameters() if wanted[id(value)]}
    if not found:
        raise UserError(f"{type(module).__name__} has no maskable weight: no parameter of it was chosen")
    for name, value in found.items():
        if isinstance(value, nn.parameter.UninitializedParameter):
            raise UserError(f"{name!r} has no values yet: call the module once before its weights are masked")
        if not value.is_floating_point():
            raise UserError(f"{name!r} holds {value.dtype} and cannot be masked: do not choose it")
    return {name: value.detach() for name, value in found.items()}
