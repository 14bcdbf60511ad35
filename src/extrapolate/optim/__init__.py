"""Optimizers: each a ``torch.optim.Optimizer`` in one file. Empty so far; any optimizer of torch works."""
