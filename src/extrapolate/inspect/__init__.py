"""Reading a trained module: how near its weights are to exact ones. Exactness and weight masks move in here."""

from extrapolate.inspect.sparsity import sparsity_error

__all__ = ["sparsity_error"]
