"""The protocol of a task: training examples as a function of a key, fixed test sets, and when an answer is right."""

from collections.abc import Mapping
from typing import Protocol, runtime_checkable

from torch import Tensor


@runtime_checkable
class Task(Protocol):
    """Where a training's examples come from. Any object with these three methods is a task; none inherits from it.

    A task of one's own: double a number, trained on [0, 1), tested on [0, 10).

    >>> import torch
    >>> from extrapolate import ops
    >>> class Doubling:
    ...     def sample(self, batch, key):
    ...         x = ops.uniform(key, (batch, 1))
    ...         return x, 2 * x
    ...     def splits(self):
    ...         x = torch.linspace(0, 1, 101)[:-1, None]
    ...         return {"validation": (x, 2 * x), "test": (10 * x, 20 * x)}
    ...     def solved(self, prediction, target):
    ...         return (prediction - target).abs()[:, 0] < 1e-3
    >>> isinstance(Doubling(), Task)
    True

    One of this package: sums of numbers of up to 20 bits (41 symbols with the "+"), tested on 100 and 200 bits.

    >>> from extrapolate.tasks import Addition
    >>> task = Addition(longest=41, tested=(201, 401))
    >>> symbols, answer = task.sample(32, torch.tensor([5, 0, 1000]))  # seed 5, stream 0, step 1000
    >>> symbols.shape, answer.shape
    (torch.Size([32, 41]), torch.Size([32, 41]))
    >>> {name: tuple(x.shape) for name, (x, y) in task.splits().items()}
    {'validation': (128, 41), 'test_201': (128, 201), 'test': (128, 401)}
    >>> bool(task.solved(answer, answer).all())
    True
    """

    def sample(self, batch: int, key: Tensor) -> tuple[Tensor, ...]:
        """Sample ``batch`` training examples, a pure function of ``key``.

        Args:
            batch: number of examples, the first axis of every tensor returned.
            key: int64 tensor (3,) of seed, stream and step, as :func:`extrapolate.ops.uniform` takes it. Shapes must
                not depend on it: pad to the longest.

        Returns:
            What a loss is called with: ``loss(model, *task.sample(batch, key))``, usually inputs and targets. A
            task that ``torch.func.vmap`` can map over keys (R, 3) is sampled for R replicas in one call, any other
            once per replica.
        """
        ...

    def splits(self) -> Mapping[str, tuple[Tensor, ...]]:
        """Make the fixed data sets by name, each a tuple as :meth:`sample` returns it; the same at every call.

        ``validation`` is from the training range, to choose weights by; ``test`` is from the widest range, where
        only the rule is right. A task may have others between them.
        """
        ...

    def solved(self, prediction: Tensor, target: Tensor) -> Tensor:
        """Whether answers are right, bool: (N,), one per example.

        Where the published criterion is an error over the whole test set, a scalar. Both arguments have the shape
        of a target.
        """
        ...
