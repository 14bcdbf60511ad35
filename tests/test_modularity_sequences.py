"""Networks from sequences to sequences under masks: how they answer, what is drawn, and how findings are judged."""

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path

import polars as pl
import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from extrapolate.errors import UserError
from extrapolate.experiments import run, with_options
from extrapolate.experiments.experiment import Experiment
from extrapolate.experiments.modularity.mathematics.experiment import MODULARITY_MATHEMATICS
from extrapolate.experiments.modularity.mathematics.subject import MathematicsSubject
from extrapolate.experiments.modularity.scan.experiment import MODULARITY_SCAN
from extrapolate.experiments.modularity.scan.networks import KINDS, TOKENS
from extrapolate.experiments.modularity.scan.subject import LACKING, REMOVED, ScanSubject, removed
from extrapolate.experiments.modularity.sequences.examples import Examples
from extrapolate.experiments.modularity.sequences.network import EncoderDecoder, Tokens
from extrapolate.experiments.modularity.sequences.subject import accuracy
from extrapolate.experiments.modularity.sequences.transformer import TiedTransformer
from extrapolate.inspect import Mask
from extrapolate.inspect.masks import ready, weights
from extrapolate.inspect.masks.batched import LoopedLosses, MaskedLosses
from extrapolate.inspect.masks.choice import maskable
from extrapolate.report import write_page
from extrapolate.tasks.mathematics import DIFFICULTIES, MODULES, Generated
from extrapolate.tasks.scan import SCAN_ACTIONS, Scan
from silent import Silent

SCAN, MATHEMATICS = MODULARITY_SCAN.presets["smoke"], MODULARITY_MATHEMATICS.presets["smoke"]

NETWORKS: dict[str, Callable[[], EncoderDecoder]] = {
    "lstm": lambda: KINDS["lstm"].build(8, 2, 0.1),
    "transformer": lambda: KINDS["transformer"].build(8, 2, 0.1),
    "tied": lambda: TiedTransformer(Tokens(asked=9, asked_pad=0, said=9, pad=0, end=1), 8, 2, 16, 2, 0.1),
}


@cache
def built(name: str) -> tuple[EncoderDecoder, Tensor]:
    """A network that has begun to learn to repeat what is asked, and questions of 3 to 6 tokens."""
    torch.manual_seed(1)
    network = NETWORKS[name]().eval()
    asked = torch.randint(2, 8, (12, 6))
    optimizer = torch.optim.Adam(network.parameters(), lr=2e-2)
    for _ in range(40):
        optimizer.zero_grad()
        F.cross_entropy(network(asked, asked).flatten(0, 1), asked.flatten()).backward()
        optimizer.step()
    lengths = torch.arange(12) % 4 + 3
    asked[torch.arange(6) >= lengths[:, None]] = network.tokens.asked_pad
    return network, asked


@pytest.mark.parametrize("name", NETWORKS)
def test_told_its_own_answer_a_network_says_it_again(name: str) -> None:
    network, asked = built(name)
    said = network(asked, steps=7)
    assert said.shape == (12, 7)
    assert len(said.unique()) > 2
    assert torch.equal(network(asked, said).argmax(-1), said)
    assert torch.equal(network(asked, steps=4), said[:, :4])


@pytest.mark.parametrize("name", NETWORKS)
def test_neither_padding_nor_the_rest_of_a_batch_matters(name: str) -> None:
    network, asked = built(name)
    told = torch.randint(2, 8, (12, 5))
    alone = network(asked[:1, :3], told[:1])
    torch.testing.assert_close(alone, network(asked, told)[:1])


@pytest.mark.parametrize("name", NETWORKS)
def test_what_comes_later_in_an_answer_does_not_matter_before(name: str) -> None:
    network, asked = built(name)
    told = torch.randint(2, 8, (12, 5))
    other = told.clone()
    other[:, 3] = (told[:, 3] + 1) % 8
    before, after = network(asked, told), network(asked, other)
    torch.testing.assert_close(before[:, :4], after[:, :4])
    assert not torch.allclose(before[:, 4], after[:, 4])


def masked_losses(kind: type[MaskedLosses], name: str, batch: tuple[Tensor, ...]) -> list[Tensor]:
    """The losses under four masks, and their gradients by the masked weights."""
    subject = ScanSubject(0, replace(SCAN, network=name, width=8))
    torch.manual_seed(2)
    network = subject.build()
    drawn = {
        key: (value * (torch.rand(4, *value.shape) > 0.2)).requires_grad_()
        for key, value in maskable(network, weights).items()
    }
    with ready(network):
        losses = kind(network, subject.loss)(drawn, batch)
        return [losses, *torch.autograd.grad(losses.mean(), list(drawn.values()))]


@pytest.mark.parametrize("told", [1, 0])
def test_transformer_mapped_over_masks_equals_the_loop(told: int) -> None:
    torch.manual_seed(0)
    asked, answer = ScanSubject(0, SCAN).training(("simple",)).drawn(torch.rand(16))
    batch = (asked, answer, answer) if told else (asked, answer)
    pairs = [masked_losses(kind, "transformer", batch) for kind in (MaskedLosses, LoopedLosses)]
    for mapped, looped in zip(*pairs, strict=True):
        torch.testing.assert_close(mapped, looped, rtol=1e-4, atol=1e-5)


def test_lstm_is_looped_over_without_a_warning_and_embeddings_stay() -> None:
    subject = ScanSubject(0, SCAN)
    asked, answer = subject.training(("simple",)).drawn(torch.rand(16))
    losses, *slopes = masked_losses(LoopedLosses, "lstm", (asked, answer))
    assert subject.losses() is LoopedLosses
    assert losses.shape == (4,)
    assert all(slope.abs().sum() > 0 for slope in slopes)
    assert not [name for name in maskable(subject.build(), weights) if "asked" in name or "bias" in name]


def test_loss_is_the_sum_over_tokens_by_the_number_of_answers() -> None:
    subject = ScanSubject(0, SCAN)
    network = subject.build().eval()
    asked, answer = Scan.encoded([("jump", ("I_JUMP",)), ("walk twice", ("I_WALK", "I_WALK"))])
    logs = network(asked, answer[:, :4]).log_softmax(-1)
    by_hand = sum(
        -logs[row, place, answer[row, place]] for row, length in ((0, 2), (1, 3)) for place in range(length)
    )
    torch.testing.assert_close(subject.loss(network, asked, answer[:, :4], answer[:, :4]), by_hand / 2)


def test_batches_follow_from_seed_mask_and_step_alone() -> None:
    subject = ScanSubject(0, SCAN)
    ((stage, *_),) = subject.rounds
    device = torch.device("cpu")
    batches = [subject.batch_of(stage, 0, step, device) for step in range(20)]
    assert {len(batch) for batch in batches} == {2, 3}
    torch.manual_seed(5)
    for own, again in zip(batches[3], subject.batch_of(stage, 0, 3, device), strict=True):
        assert torch.equal(own, again)
    assert batches[3][0].tolist() != subject.batch_of(stage, 1, 3, device)[0].tolist()


def test_examples_are_drawn_to_the_last_and_asked_in_parts() -> None:
    subject = ScanSubject(0, SCAN)
    examples = subject.test("turn_left")
    asked, answer = examples.drawn(torch.tensor([0.0, 1 - 2**-24]))
    assert asked[1].tolist() == examples.asked[-1].tolist()
    assert answer.shape[1] == int((examples.answer[[0, -1]] != TOKENS.pad).sum(1).max())
    assert sum(len(part) for part, _ in examples.parts()) == len(examples) == 1_208
    assert len(examples.some(7)) == 7


def test_accuracy_asks_for_every_token_and_the_end() -> None:
    answer = torch.tensor([[2, 3, 1, 0], [4, 1, 0, 0]])
    examples = Examples(torch.tensor([[0], [1]]), answer, pad=0)

    def says(rows: list[list[int]]) -> float:
        said = torch.tensor(rows)
        return accuracy(lambda asked, steps: said[asked[:, 0], :steps], examples)

    assert says([[2, 3, 1, 8], [4, 1, 7, 7]]) == 1
    assert says([[2, 3, 9, 8], [4, 1, 7, 7]]) == 0.5


def test_removed_share_is_of_what_the_control_mask_keeps() -> None:
    control = torch.ones(len(SCAN_ACTIONS), 4, dtype=torch.bool)
    control[SCAN_ACTIONS.index("I_WALK")] = False
    jump = control.clone()
    jump[SCAN_ACTIONS.index("I_JUMP"), :3] = False
    shares = removed(Mask({"read_out.weight": control}), Mask({"read_out.weight": jump}))
    assert shares == {
        "I_WALK": None,
        "I_LOOK": 0,
        "I_RUN": 0,
        "I_JUMP": 0.75,
        "I_TURN_LEFT": 0,
        "I_TURN_RIGHT": 0,
        "end": 0,
    }


@pytest.mark.parametrize(
    ("settings", "option", "text", "said"),
    [
        (SCAN, "network", "gru", "network"),
        (SCAN, "dropout", "1", "below 1"),
        (SCAN, "batch", "10", "multiple of 4"),
        (MATHEMATICS, "batch", "20", "multiple of 8"),
        (MATHEMATICS, "modules", "sorting", "sort"),
        (MATHEMATICS, "data", "nowhere", "no such folder"),
    ],
)
def test_bad_options_are_named(settings: object, option: str, text: str, said: str) -> None:
    with pytest.raises(UserError, match=f"--{option}.*{said}"):
        with_options(settings, {option: text})


@pytest.mark.parametrize(
    ("experiment", "options"),
    [
        (MODULARITY_SCAN, {"network": "transformer", "width": "10"}),
        (MODULARITY_MATHEMATICS, {"width": "9"}),
        (MODULARITY_MATHEMATICS, {"heads": "3"}),
    ],
)
def test_a_width_that_heads_cannot_share_is_refused_before_training(
    experiment: Experiment, options: dict[str, str]
) -> None:
    with pytest.raises(UserError, match="heads: give a multiple"):
        experiment.parts(with_options(experiment.presets["smoke"], options))


@pytest.mark.parametrize(("own", "jump_row", "holds"), [(0.4, 0.6, True), (0.97, 0.1, False)])
def test_findings_about_splits_are_judged(own: float, jump_row: float, holds: bool) -> None:
    results = pl.DataFrame(
        {
            "unit": unit,
            "operation": split,
            "seed": seed,
            "accuracy": own if unit == split else 0.98,
            f"{REMOVED}I_WALK": 0.2,
            f"{REMOVED}I_JUMP": jump_row,
        }
        for seed in range(3)
        for unit in ("unmasked", "control", *LACKING)
        for split in ("simple", *LACKING)
    )
    laptop = MODULARITY_SCAN.presets["laptop"]
    claims = {each.id: each for each in MODULARITY_SCAN.claims(results, laptop)}
    about_splits = [*(f"{split}-mask/{split}" for split in LACKING), "jump-mask/output"]
    assert [claims.pop(each).holds for each in about_splits] == [holds] * 4
    assert all(each.holds for each in claims.values())
    assert all(each.holds is None for each in MODULARITY_SCAN.claims(results, SCAN))


@pytest.mark.parametrize(("control", "easy", "holds"), [(0.7, 0.3, True), (0.9, 0.95, False)])
def test_order_of_masks_on_hard_problems_is_judged(control: float, easy: float, holds: bool) -> None:
    hard = {"unmasked": 0.8, "control": control, "easy": easy}
    results = pl.DataFrame(
        {
            "unit": f"sort, {view}",
            "operation": difficulty,
            "seed": seed,
            "accuracy": accuracy if difficulty == "hard" else 0.9 if holds or view == "unmasked" else 0.5,
        }
        for seed in range(3)
        for view, accuracy in hard.items()
        for difficulty in ("easy", "hard")
    )
    claims = MODULARITY_MATHEMATICS.claims(results, MODULARITY_MATHEMATICS.presets["laptop"])
    assert [each.holds for each in claims] == [holds] * 3


def test_every_module_has_networks_of_its_own() -> None:
    settings = replace(MATHEMATICS, modules=("sort", "add_or_sub"), seeds=2)
    names = [part.name for part in MODULARITY_MATHEMATICS.parts(settings)]
    assert names == ["sort-seed-0", "sort-seed-1", "add_or_sub-seed-0", "add_or_sub-seed-1"]
    subject = MathematicsSubject(0, settings, "sort")
    assert len(subject.training(("easy", "medium", "hard"))) == 3 * len(subject.training(("easy",))) == 180
    masked = maskable(subject.build(), weights)
    assert not [name for name in masked if "asked.weight" in name or "said" in name or "table" in name]


def test_problems_of_the_archive_are_read_from_its_folder(tmp_path: Path) -> None:
    module = MODULES["sort"]
    split = Generated(30, 10).split(module.name)
    for difficulty in DIFFICULTIES:
        problems = [*split.training[difficulty], *split.test[difficulty]]
        (tmp_path / f"train-{difficulty}").mkdir()
        text = "".join(f"{line}\n" for problem in problems for line in problem)
        (tmp_path / f"train-{difficulty}" / module.file).write_text(text)
    settings = with_options(MATHEMATICS, {"data": str(tmp_path), "modules": "sort", "examined": "8"})
    subject = MathematicsSubject(0, settings, "sort")
    assert len(subject.training(("easy",))) == 32
    assert len(subject.test("hard")) == 8
    assert str(tmp_path) in " ".join(MODULARITY_MATHEMATICS.notes(settings))


def test_page_shows_the_output_weights_that_the_jump_mask_removes(tmp_path: Path) -> None:
    run(MODULARITY_SCAN, SCAN, preset="smoke", folder=tmp_path, command="test", display=Silent())
    assert "Output weights of a token" in write_page(tmp_path).read_text(encoding="utf-8")
    lines = pl.read_parquet(tmp_path / "masks.parquet").filter(measure="removed")
    assert lines["layer"].to_list() == [*SCAN_ACTIONS[:-2], "end"]
    row = pl.read_parquet(tmp_path / "results.parquet").row(0, named=True)
    assert lines["value"].to_list() == [row[REMOVED + token] for token in lines["layer"]]
