"""The protocol of tasks: examples from keys, fixed splits, a criterion; and the training data of experiments."""

import doctest
from collections.abc import Callable
from functools import cache, partial
from types import ModuleType
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.func import vmap

import extrapolate.tasks.task as task_module
from bits import assert_equal
from extrapolate import tasks
from extrapolate._runtime.errors import UserError
from extrapolate.experiments import get_experiment
from extrapolate.experiments.training import Training
from extrapolate.tasks import Task
from extrapolate.tasks.mathematics import task as mathematics_task
from extrapolate.training import Replicas
from extrapolate.training.train_config import TrainConfig
from task_cases import DIGITS, MAPPABLE, TASKS

every_task = pytest.mark.parametrize("name", TASKS)

KEYS = torch.tensor([[0, 0, 7], [1, 0, 7], [0, 0, 8]])


@cache
def splits_of(name: str) -> dict[str, tuple[Tensor, ...]]:
    return dict(TASKS[name].splits())


# --------------------------------------------------------------------------------------------- the protocol


@pytest.mark.parametrize("module", [task_module, mathematics_task])
def test_doctests_pass(module: ModuleType) -> None:
    found = doctest.testmod(module)
    assert (found.failed, found.attempted > 0) == (0, True)


@pytest.mark.parametrize("other", [tasks.GridTime(), tasks.DIGIT_RULES["sum"]])
def test_objects_without_the_three_methods_are_not_tasks(other: object) -> None:
    assert not isinstance(other, Task)


@every_task
def test_batch_depends_on_the_key_only(name: str) -> None:
    each = TASKS[name]
    assert isinstance(each, Task)
    first, *others = (each.sample(6, key) for key in KEYS)
    assert isinstance(first, tuple)
    assert all(len(tensor) == 6 for tensor in first)
    assert all(map(torch.equal, first, each.sample(6, KEYS[0])))
    for other in others:
        assert [tensor.shape for tensor in other] == [tensor.shape for tensor in first]
        assert not torch.equal(other[0], first[0])


@pytest.mark.parametrize("name", MAPPABLE)
def test_keys_of_several_replicas_are_sampled_at_once(name: str) -> None:
    together = vmap(partial(MAPPABLE[name].sample, 6))(KEYS)
    for row, key in enumerate(KEYS):
        *inputs, targets = MAPPABLE[name].sample(6, key)
        assert all(torch.equal(both[row], own) for both, own in zip(together, inputs, strict=False))
        torch.testing.assert_close(together[-1][row], targets)


@every_task
def test_splits_are_the_same_at_every_call(name: str) -> None:
    again = TASKS[name].splits()
    assert {"validation", "test"} <= set(again)
    assert again.keys() == splits_of(name).keys()
    for split, tensors in again.items():
        assert len({len(tensor) for tensor in tensors}) == 1
        assert all(map(torch.equal, tensors, splits_of(name)[split]))


@every_task
def test_splits_have_the_format_of_training_batches(name: str) -> None:
    sampled = TASKS[name].sample(2, KEYS[0])
    for tensors in splits_of(name).values():
        assert [tensor.dtype for tensor in tensors] == [tensor.dtype for tensor in sampled]
        assert [tensor.dim() for tensor in tensors] == [tensor.dim() for tensor in sampled]


@every_task
def test_right_answers_are_solved_and_wrong_ones_are_not(name: str) -> None:
    each = TASKS[name]
    for *_, target in splits_of(name).values():
        assert each.solved(target, target).dtype == torch.bool
        assert each.solved(target, target).all()
        assert not each.solved(2 * target + 1_000, target).any()
        one_wrong = target.clone()
        one_wrong[0] = 1e6 * target[0] + 1e6
        solved = each.solved(one_wrong, target)
        assert solved.tolist() == (False if solved.dim() == 0 else [False] + [True] * (len(target) - 1))


@pytest.mark.parametrize("name", MAPPABLE)
def test_criterion_can_be_mapped_over_predictions(name: str) -> None:
    *_, target = splits_of(name)["test"]
    solved = vmap(TASKS[name].solved, in_dims=(0, None))(torch.stack([target, 2 * target + 1]), target)
    assert solved.reshape(2, -1).all(1).tolist() == [True, False]


@pytest.mark.parametrize("name", ["picture", "number words", "scan, simple", "scan, length", "sentences"])
def test_test_examples_are_not_in_the_training(name: str) -> None:
    sampled = TASKS[name].sample(2_000, KEYS[0])[0]
    tested = splits_of(name)["test"][0]
    both = torch.cat([sampled.unique(dim=0), tested.unique(dim=0)])
    assert len(both.unique(dim=0)) == len(both)


def test_one_function_of_several_can_be_sampled() -> None:
    products, _ = tasks.ModularArithmetic(operations=("mul",)).sample(50, KEYS[0])
    assert products[:, -2:].unique(dim=0).tolist() == [[0, 1]]
    second = tasks.PairedAddition(pairs=("pair 2",))
    sums, answers = second.sample(50, KEYS[0])
    assert not sums[:, second.inputs_of("pair 1")].any()
    assert answers[:, 0].unique().tolist() == [1]


# ------------------------------------------------------------------------------------------- the algorithms


def test_test_splits_of_an_algorithm_have_the_lengths_of_tested() -> None:
    shapes = {name: tuple(answer.shape) for name, (_, answer) in splits_of("addition").items()}
    assert shapes == {"validation": (128, 15), "test_21": (128, 21), "test_31": (128, 31), "test": (128, 41)}


def test_training_sequences_have_every_length_and_right_answers() -> None:
    each, lengths = tasks.Addition(longest=9), set()
    for step in range(40):
        symbols, answer = each.sample(4, torch.tensor([0, 0, step]))
        length = int((symbols[0] != 0).sum())
        lengths.add(length)
        assert not symbols[:, length:].any()
        width = length // 2
        exact = each.of_digits(symbols[:, :width] - 1, symbols[:, width + 1 : length] - 1)
        assert torch.equal(exact.answer, answer[:, :length])
    assert lengths == {3, 5, 7, 9}


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: tasks.Addition(tested=(200,)), "addition has no sequences of length 200: .*odd"),
        (lambda: tasks.Addition(longest=2), "addition has no sequences up to length 2: .*from 3 up"),
        (lambda: tasks.BCDMultiplication(longest=8), "has no sequences up to length 8: .*8 k"),
        (lambda: tasks.Copy(tested=()), "copy has no test lengths: set `tested`"),
    ],
)
def test_impossible_lengths_raise_an_error(make: Callable[[], Task], message: str) -> None:
    with pytest.raises(UserError, match=message):
        make()


# ------------------------------------------------------------------------ the training data of experiments

KEY = torch.tensor([1, 0, 1_000])


class Recorder(nn.Module):
    """Records its input and returns ``answer`` of it."""

    def __init__(self, answer: Callable[[Tensor], Any]) -> None:
        super().__init__()
        self.answer = answer

    def forward(self, x: Tensor) -> Any:
        self.recorded = x
        return self.answer(x)


def config_of(experiment: str, part: int = 0) -> tuple[TrainConfig, Replicas, Any]:
    found = get_experiment(experiment)
    settings = found.presets["smoke"]
    chosen = list(found.jobs(settings).values())[part]
    assert isinstance(chosen, Training)
    assert chosen.train is not None
    return chosen.train, chosen.replicas(), settings


def loss_of(config: TrainConfig, model: nn.Module, row: int) -> Tensor:
    return config.loss(model, KEY, {name: value[row] for name, value in config.per_replica.items()})


def answers_to_pairs(x: Tensor) -> tuple[Tensor, Tensor]:
    return x.new_zeros(len(x), 2), x.new_zeros(len(x), 1)


@pytest.mark.parametrize(
    ("experiment", "part", "answer", "task_of"),
    [
        (
            "single-module",
            0,
            lambda x: x.new_zeros(len(x), 1),
            lambda own, row: tasks.SingleModule(
                tasks.OPERATIONS[own.operations[0]], own.ranges[row // own.seeds], own.in_features
            ),
        ),
        ("digits-parity", 0, lambda x: x.new_zeros(len(x)), lambda own, row: tasks.EvenDigits(DIGITS)),
        ("digits-product", 0, answers_to_pairs, lambda own, row: tasks.DigitPairs(DIGITS, row)),
        ("digits-product", -1, answers_to_pairs, lambda own, row: tasks.DigitPairs(DIGITS, row, canvas=12)),
    ],
)
def test_networks_train_on_the_tasks_samples(
    experiment: str, part: int, answer: Callable[[Tensor], Any], task_of: Callable[[Any, int], Task]
) -> None:
    config, replicas, settings = config_of(experiment, part)
    for row in range(len(replicas)):
        model = Recorder(answer)
        loss = loss_of(config, model, row)
        x, y = task_of(settings, row).sample(settings.batch, KEY)
        assert torch.equal(model.recorded, x)
        assert_equal(loss, y.square().mean())


def test_arithmetic_dataset_trains_on_the_tasks_samples() -> None:
    config, replicas, settings = config_of("arithmetic-dataset")
    assert config.shared_batch is not None
    for seed in replicas.seeds:
        generator = torch.Generator().manual_seed(seed)
        each = tasks.SubsetProduct(settings.ranges[0], settings.in_features).place_subsets(generator)
        model = Recorder(lambda x: x.new_zeros(x.shape[1], 1))
        own = {name: rows[seed] for name, rows in config.per_replica.items()}
        loss = config.loss(model, KEY, config.shared_batch(KEY) | own)
        x, y = each.sample(settings.batch, KEY)
        assert torch.equal(model.recorded[0], x)
        assert torch.equal(loss, y.square().mean())
