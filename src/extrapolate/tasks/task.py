"""The protocol of a task: training examples from a key, fixed data sets, and a criterion for right answers."""

from collections.abc import Mapping
from typing import Protocol, runtime_checkable

from torch import Tensor


@runtime_checkable
class Task(Protocol):
    """A source of training and test examples. Any object with these three methods is a task, without inheritance.

    A user-defined task: double a number; train on [0, 1), test on [0, 10).

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

    A task of this package: add numbers of up to 20 bits (41 symbols with the "+"); test on 100 and 200 bits.

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
            key: int64 tensor (3,): seed, stream and step (see :func:`extrapolate.ops.uniform`). Shapes must not
                depend on the key: pad to the longest example.

        Returns:
            The arguments of a loss, ``loss(model, *task.sample(batch, key))``: usually inputs and targets. If
            ``torch.func.vmap`` can map this method over keys (R, 3), one call samples for R replicas. Otherwise it
            is called once per replica.
        """
        ...

    def splits(self) -> Mapping[str, tuple[Tensor, ...]]:
        """Return the fixed data sets by name, in the format of :meth:`sample`; every call returns the same data.

        ``validation`` is from the training range; it selects the best weights. ``test`` is from the widest range:
        only a model that has learned the rule of the task is right there. A task may have further sets between them.
        """
        ...

    def solved(self, prediction: Tensor, target: Tensor) -> Tensor:
        """Return whether each prediction is right, bool (N,).

        If the published criterion is an error over the whole test set, the result is a scalar. Both arguments have
        the shape of a target.
        """
        ...
