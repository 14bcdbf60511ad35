"""Comparison of tensors, or of sequences and mappings of tensors, to the last bit."""

from functools import partial

import torch

assert_equal = partial(torch.testing.assert_close, rtol=0, atol=0)
