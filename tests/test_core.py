"""Layers, training, masks and the command work with the core dependencies; errors name a missing extra."""

import re
import subprocess
import sys
import tomllib
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, packages_distributions, requires
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

#: Makes the import of all modules outside the core fail.
HOOK = """
import sys
sys.modules |= dict.fromkeys({refused})
"""

TRAIN = """
import torch
from torch.nn import functional as F
import extrapolate
from extrapolate import Replicas, learn_masks, nn, ops, optim, train
from extrapolate.inspect import MaskConfig
from extrapolate.nn import *
from extrapolate.optim import *
from extrapolate.training import *
from extrapolate.tasks import *
from torch.utils.data import TensorDataset

x = 1 + torch.rand(512, 2)
for make in (torch.optim.Adam, optim.Madam, lambda p: optim.IntegerMadam(p, bits=8)):
    replicas = Replicas.build(lambda: torch.nn.Sequential(nn.NAC(2, 3), torch.nn.Linear(3, 1)), range(3))
    history = train(
        replicas, lambda model, x, y: F.mse_loss(model(x), y), TensorDataset(x, x.sum(1, keepdim=True)),
        steps=50, optimizer=make, batch_size=64,
    )
    assert history.train_loss[-1].isfinite().all()
network = torch.nn.Linear(2, 1)
loss = lambda module, x: module(x).square().mean()
masks = learn_masks(network, loss, {"zero": [(x,)]}, steps=20, config=MaskConfig(masks=2))
nn.DiagonalNeuralGPU(13, 3, 6)(torch.randint(13, (4, 9)))
nn.GILRLSTM(3, 4)(torch.randn(5, 7, 3))[0].sum().backward()
ops.linear_recurrence(torch.rand(2, 9, 3), torch.rand(2, 9, 3))
print("trained")
"""


def modules_outside_the_core(*without: str) -> set[str]:
    """Return the modules of all installed distributions except the core dependencies and their requirements."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    pending = [requirement_name(each) for each in project["dependencies"]]
    core = {"extrapolate", "optree"}  # torch imports optree if it finds the metadata of that distribution
    while pending:
        name = pending.pop()
        if name in core or name in without:
            continue
        core.add(name)
        with suppress(PackageNotFoundError):  # a requirement for another operating system
            pending += [requirement_name(each) for each in requires(name) or [] if "extra ==" not in each]
    owners = {module: set(map(requirement_name, names)) for module, names in packages_distributions().items()}
    return {module for module, names in owners.items() if not names & core}


def requirement_name(requirement: str) -> str:
    match = re.match(r"[\w.-]+", requirement)
    assert match
    return re.sub(r"[-_.]+", "-", match[0]).lower()


def run_with_core(code: str, *without: str) -> subprocess.CompletedProcess[str]:
    program = HOOK.format(refused=sorted(modules_outside_the_core(*without))) + code
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)


def run_command(*arguments: str) -> subprocess.CompletedProcess[str]:
    return run_with_core(f"from extrapolate.cli import main\nmain({list(arguments)})", "numba", "llvmlite")


@pytest.mark.parametrize("without", [(), ("numba", "llvmlite")], ids=["core", "core without numba"])
def test_the_core_trains(without: tuple[str, ...]) -> None:
    done = run_with_core(TRAIN, *without)
    assert (done.returncode, done.stdout) == (0, "trained\n"), done.stderr


def test_the_command_computes_with_the_core() -> None:
    done = run_command("compute", "2 + 3")
    assert done.returncode == 0, done.stderr
    assert done.stdout.split()[3:7] == ["network", "5", "exact", "5"]
    assert run_command("--help").returncode == 0


@pytest.mark.parametrize(
    ("arguments", "extra"),
    [
        (("run", "single-module"), "experiments"),
        (("list",), "experiments"),
        (("report", "somewhere"), "experiments"),
        (("fit", "table.csv", "--target", "y"), "fit"),
        (("predict", "fit", "table.csv"), "fit"),
        (("compute", "2 + 3", "--page", "page.html"), "experiments"),
    ],
    ids=lambda value: value if isinstance(value, str) else value[0],
)
def test_the_command_names_the_extra_that_it_needs(arguments: tuple[str, ...], extra: str) -> None:
    done = run_command(*arguments)
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert f"pip install 'extrapolate[{extra}]'" in done.stderr
