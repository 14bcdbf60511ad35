"""What every test starts from: the same seed, Hypothesis without a clock, the devices this machine has."""

import os
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from hypothesis import settings

from extrapolate._runtime import threads

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


@pytest.fixture
def shared_work(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Two threads, which share the work of a kernel however short it is."""
    monkeypatch.setattr(threads, "WORTH_SHARING", 0)
    monkeypatch.setattr(threads, "CHUNK", 1)
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(1)


@pytest.fixture
def compilations(monkeypatch: pytest.MonkeyPatch) -> list[torch.fx.GraphModule]:
    """What is compiled, by a compiler that changes nothing and takes no time."""
    graphs: list[torch.fx.GraphModule] = []

    def keep(graph: torch.fx.GraphModule, inputs: list[torch.Tensor]) -> Callable[..., Any]:
        graphs.append(graph)
        return graph.forward

    settings = {"backend": keep, "fullgraph": True, "dynamic": False}
    compile = torch.compile
    monkeypatch.setattr(torch, "compile", lambda function, **options: compile(function, **settings))
    return graphs


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.manual_seed(0)


@pytest.fixture(params=DEVICES)
def device(request: pytest.FixtureRequest) -> str:
    return request.param
