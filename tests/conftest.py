"""Shared by all tests: a fixed seed, Hypothesis without deadlines, the devices of this machine."""

import os
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from hypothesis import settings

from extrapolate._runtime import threads

os.environ.setdefault("KERAS_BACKEND", "torch")

# derandomized: the same examples in every run, so that a failure is reproducible on other machines
settings.register_profile("extrapolate", deadline=None, derandomize=True, max_examples=40, database=None)
settings.load_profile("extrapolate")

# the models are tiny: waiting for a second thread would cost time, especially on a busy machine
torch.set_num_threads(1)

DEVICES = [
    "cpu",
    pytest.param("cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")),
]


@pytest.fixture
def shared_work(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Use two threads that share the work of every kernel, even of a very short one."""
    monkeypatch.setattr(threads, "WORTH_SHARING", 0)
    monkeypatch.setattr(threads, "CHUNK", 1)
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(1)


@pytest.fixture
def compilations(monkeypatch: pytest.MonkeyPatch) -> list[torch.fx.GraphModule]:
    """Record the compiled graphs; the compiler is replaced by one that changes nothing and takes no time."""
    graphs: list[torch.fx.GraphModule] = []

    def record(graph: torch.fx.GraphModule, inputs: list[torch.Tensor]) -> Callable[..., Any]:
        graphs.append(graph)
        return graph.forward

    settings = {"backend": record, "fullgraph": True, "dynamic": False}
    compile = torch.compile
    monkeypatch.setattr(torch, "compile", lambda function, **options: compile(function, **settings))
    return graphs


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.manual_seed(0)


@pytest.fixture(params=DEVICES)
def device(request: pytest.FixtureRequest) -> str:
    return request.param
