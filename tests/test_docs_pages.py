"""The Python snippets of each subject page run, with small data instead of the reader's data."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from test_docs import snippets

#: Code that a page expects from the reader, with small data.
BEFORE = {
    "masks.md": """
import torch
from torch import nn
from torch.nn import functional as F

def loss(model, x, y):
    return F.mse_loss(model(x), y)

images, labels = torch.rand(256, 3, 8, 8), torch.arange(10).repeat(26)[:256]
tokens = [(torch.randint(1000, (16, 7)), torch.randint(5, (16,)))]
question_loader = answer_loader = tokens
functions = {"one": [(torch.rand(16, 4), torch.rand(16, 2))], "two": [(torch.rand(16, 4), torch.rand(16, 2))]}
""",
    "madam.md": """
import torch
from torch import nn
from torch.nn import functional as F
from extrapolate import Replicas, train
from extrapolate.optim import IntegerMadam, Madam

model, criterion, steps = nn.Linear(3, 1), nn.MSELoss(), 10
batches = [(torch.rand(8, 3), torch.rand(8, 1))] * 3
data = batches[0]
replicas = Replicas.build(lambda: nn.Linear(3, 1), range(2))

def loss(model, x, y):
    return criterion(model(x), y)
""",
    "neural-gpu.md": "import torch\n",
    "linear-recurrence.md": """
import torch
from extrapolate import nn, ops

a, b, h0, new = torch.rand(2, 5, 3), torch.rand(2, 5, 3), torch.rand(2, 3), torch.rand(2, 5) > 0.5
x = torch.rand(2, 5, 64)
""",
    "fit.md": """
import numpy as np

frame = np.random.default_rng(0).uniform(1, 9, (100, 2))
y = frame[:, 0] * frame[:, 1]
""",
}

#: Checks of definitions that a page does not use itself.
AFTER = {
    "linear-recurrence.md": "assert MinGRU(64, 8, batch_first=True)(x)[0].shape == (2, 5, 8)\n",
    "masks.md": "assert set(masks) == {'questions', 'answers'}\n",
}


@pytest.mark.parametrize("name", BEFORE)
def test_the_snippets_of_a_page_run(name: str, tmp_path: Path) -> None:
    code = re.sub(r"steps=\d{2},?\d*_000", "steps=3", "".join(snippets(f"docs/{name}")))
    code = code.replace(
        "masks = learn_masks(\n    classifier", "classifier = Classifier()\nmasks = learn_masks(\n    classifier"
    )
    code = code.replace('"answers": answer_loader},\n', '"answers": answer_loader},\n    steps=3,\n')
    code = code.replace("old = None\n", "old, net = None, nn.Linear(4, 2)\n")
    script = tmp_path / "page.py"
    script.write_text(BEFORE[name] + code + AFTER.get(name, ""), encoding="utf-8")
    done = subprocess.run([sys.executable, str(script)], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
