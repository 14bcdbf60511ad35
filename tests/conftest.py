"""What every test starts from: the same seed, Hypothesis without a clock, the devices this machine has."""

import os

import pytest
import torch
from hypothesis import settings

os.environ.setdefault("KERAS_BACKEND", "torch")

# derandomized: the same examples at every run, so that a failure here fails everywhere
settings.register_profile("extrapolate", deadline=None, derandomize=True, max_examples=40, database=None)
settings.load_profile("extrapolate")

# the models here are tiny: a second thread would only be waited for, for long where the machine is busy
torch.set_num_threads(1)

DEVICES = [
    "cpu",
    pytest.param("cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")),
]


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.manual_seed(0)


@pytest.fixture(params=DEVICES)
def device(request: pytest.FixtureRequest) -> str:
    return request.param
