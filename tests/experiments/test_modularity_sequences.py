"""Sequence-to-sequence networks under masks: decoding, sampling, and the verdicts on findings."""

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from data_files import refused, sums_of, write_mathematics, write_scan
from extrapolate.experiments import get_experiment
from extrapolate.experiments.masks import modularity_scan
from extrapolate.experiments.masks._masks import _batch
from extrapolate.experiments.masks._sequences import accuracy
from extrapolate.experiments.masks.modularity_mathematics import mathematics_study, problems_of
from extrapolate.experiments.masks.modularity_scan import LACKING, REMOVED, scan_study, split_rows
from extrapolate.experiments.options import with_options
from extrapolate.inspect import Mask
from extrapolate.inspect.masks import is_weight, ready
from extrapolate.inspect.masks.batched import LoopedLosses, MaskedLosses
from extrapolate.inspect.masks.choice import maskable
from extrapolate.nn import EncoderDecoder, TiedTransformerEncoderDecoder, Tokens
from extrapolate.report import write_page
from extrapolate.tasks.mathematics import DIFFICULTIES
from extrapolate.tasks.scan import SCAN_ACTIONS, Scan
from extrapolate.tasks.scan_files import FILES
from extrapolate.tasks.token_rows import TokenRows
from silent import smoke_run

MODULARITY_SCAN = get_experiment("modularity-scan")
MODULARITY_MATHEMATICS = get_experiment("modularity-mathematics")
SCAN, MATHEMATICS = MODULARITY_SCAN.presets["smoke"], MODULARITY_MATHEMATICS.presets["smoke"]
STUDY, SIMPLE = scan_study(SCAN, 0), split_rows("simple", 0, "generated", "cpu")

KINDS: dict[str, Callable[[], EncoderDecoder]] = {
    "lstm": lambda: modularity_scan.NETWORKS["lstm"].build(8, 2, 0.1),
    "transformer": lambda: modularity_scan.NETWORKS["transformer"].build(8, 2, 0.1),
    "tied": lambda: TiedTransformerEncoderDecoder(
        Tokens(source=9, source_pad=0, target=9, pad=0, end=1), 8, 2, 16, 2, 0.1
    ),
}


@cache
def built(name: str) -> tuple[EncoderDecoder, Tensor]:
    """A network, briefly trained to repeat its source, and sources of 3 to 6 tokens."""
    torch.manual_seed(1)
    network = KINDS[name]().eval()
    source = torch.randint(2, 8, (12, 6))
    optimizer = torch.optim.Adam(network.parameters(), lr=2e-2)
    for _ in range(40):
        optimizer.zero_grad()
        F.cross_entropy(network(source, source).flatten(0, 1), source.flatten()).backward()
        optimizer.step()
    lengths = torch.arange(12) % 4 + 3
    source[torch.arange(6) >= lengths[:, None]] = network.tokens.source_pad
    return network, source


@pytest.mark.parametrize("name", KINDS)
def test_with_its_own_output_as_targets_a_network_repeats_it(name: str) -> None:
    network, source = built(name)
    output = network(source, steps=7)
    assert output.shape == (12, 7)
    assert len(output.unique()) > 2
    assert torch.equal(network(source, output).argmax(-1), output)
    assert torch.equal(network(source, steps=4), output[:, :4])


@pytest.mark.parametrize("name", KINDS)
def test_neither_padding_nor_the_rest_of_a_batch_nor_later_targets_matter(name: str) -> None:
    network, source = built(name)
    targets = torch.randint(2, 8, (12, 5))
    before = network(source, targets)
    torch.testing.assert_close(network(source[:1, :3], targets[:1]), before[:1])
    targets[:, 3] = (targets[:, 3] + 1) % 8
    after = network(source, targets)
    torch.testing.assert_close(before[:, :4], after[:, :4])
    assert not torch.allclose(before[:, 4], after[:, 4])


def masked_losses(kind: type[MaskedLosses], name: str, batch: tuple[Tensor, ...]) -> list[Tensor]:
    """The losses under four masks, and their gradients by the masked weights."""
    study = scan_study(replace(SCAN, network=name), 0)
    torch.manual_seed(2)
    network = study.build()
    masked = {
        key: (value * (torch.rand(4, *value.shape) > 0.2)).requires_grad_()
        for key, value in maskable(network, is_weight).items()
    }
    with ready(network):
        losses = kind(network, study.loss)(masked, batch)
        return [losses, *torch.autograd.grad(losses.mean(), list(masked.values()))]


@pytest.mark.parametrize("forced", [True, False])
def test_transformer_mapped_over_masks_equals_the_loop(forced: bool) -> None:
    source, target = SIMPLE.pick(torch.rand(16))
    batch = (source, target, target) if forced else (source, target)
    pairs = [masked_losses(kind, "transformer", batch) for kind in (MaskedLosses, LoopedLosses)]
    for mapped, looped in zip(*pairs, strict=True):
        torch.testing.assert_close(mapped, looped, rtol=1e-4, atol=1e-5)


def test_lstm_loops_over_masks_half_the_batches_lack_targets_and_embeddings_are_not_masked() -> None:
    losses, *slopes = masked_losses(LoopedLosses, "lstm", SIMPLE.pick(torch.rand(16)))
    assert STUDY.losses is LoopedLosses
    batches = [_batch(STUDY, STUDY.rounds[0][0], 0, step) for step in range(20)]
    assert {len(batch) for batch in batches} == {2, 3}, "half are decoded without targets"
    assert losses.shape == (4,)
    assert all(slope.abs().sum() > 0 for slope in slopes)
    assert not [name for name in maskable(STUDY.build(), is_weight) if "source" in name or "bias" in name]


def test_loss_is_the_sum_over_tokens_divided_by_the_number_of_targets() -> None:
    network = STUDY.build().eval()
    source, target = Scan.encode([("jump", ("I_JUMP",)), ("walk twice", ("I_WALK", "I_WALK"))])
    logs = network(source, target[:, :4]).log_softmax(-1)
    tokens = [(0, 0), (0, 1), (1, 0), (1, 1), (1, 2)]
    by_hand = sum(-logs[row, position, target[row, position]] for row, position in tokens)
    torch.testing.assert_close(STUDY.loss(network, source, target[:, :4], target[:, :4]), by_hand / 2)


def test_a_batch_is_as_long_as_its_longest_target() -> None:
    rows = split_rows("simple", 0, "generated", "cpu")
    u = torch.tensor([[0.0, 1 - 2**-24], [0.0, 0.0]])
    source, target, _ = scan_study(SCAN, 0).sample(u, ("simple",))
    assert source[1].tolist() == rows.inputs[-1].tolist()
    ended = rows.targets[[0, -1]] == SCAN_ACTIONS.index(".")
    assert target.shape[1] == int(ended.int().argmax(1).max()) + 1


@pytest.mark.parametrize(("first", "expected"), [([2, 3, 1, 8], 1), ([2, 3, 9, 8], 0.5)])
def test_accuracy_needs_every_token_and_the_end(first: list[int], expected: float) -> None:
    examples = TokenRows(torch.tensor([[0], [1]]), torch.tensor([[2, 3, 1, 0], [4, 1, 0, 0]]))
    output = torch.tensor([first, [4, 1, 7, 7]])
    assert accuracy(lambda source, steps: output[source[:, 0], :steps], examples, pad=0) == expected


def test_removed_share_is_relative_to_the_control_mask() -> None:
    control = torch.ones(len(SCAN_ACTIONS), 4, dtype=torch.bool)
    control[SCAN_ACTIONS.index("I_WALK")] = False
    jump = control.clone()
    jump[SCAN_ACTIONS.index("I_JUMP"), :3] = False
    masks = {"control": Mask({"read_out.weight": control}), "jump": Mask({"read_out.weight": jump})}
    others = dict.fromkeys(("I_LOOK", "I_RUN", "I_TURN_LEFT", "I_TURN_RIGHT", "end"), 0)
    assert modularity_scan.removed_outputs(masks) == {"I_WALK": None, "I_JUMP": 0.75, **others}


@pytest.mark.parametrize(
    ("experiment", "preset", "options", "message"),
    [
        (MODULARITY_SCAN, "smoke", {"network": "transformer", "width": "10"}, "heads: give a multiple"),
        (MODULARITY_MATHEMATICS, "smoke", {"width": "9"}, "heads: give a multiple"),
        (MODULARITY_MATHEMATICS, "smoke", {"heads": "3"}, "heads: give a multiple"),
        (MODULARITY_SCAN, "paper", {}, "--data DIR"),
        (MODULARITY_MATHEMATICS, "paper", {}, "--data DIR"),
    ],
)
def test_a_width_not_divisible_by_heads_and_missing_data_fail_before_training(
    experiment: Any, preset: str, options: dict[str, str], message: str
) -> None:
    refused(lambda: experiment.jobs(with_options(experiment.presets[preset], options)), message)


def test_sizes_are_compared_with_the_same_network_only() -> None:
    paper = MODULARITY_SCAN.presets["paper"]
    assert set(SCAN.cuts(paper)) >= {"width", "layers", "steps"}
    assert not {"width", "layers"} & set(replace(SCAN, network="transformer").cuts(paper))


@pytest.mark.parametrize(("own", "jump_row", "holds"), [(0.4, 0.6, True), (0.97, 0.1, False)])
def test_findings_about_splits_are_judged(own: float, jump_row: float, holds: bool) -> None:
    results = pl.DataFrame(
        {
            "model": unit,
            "task": split,
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
    right = {"unmasked": (0.9, 0.8)}
    right |= {view: (0.9 if holds else 0.5, hard) for view, hard in {"control": control, "easy": easy}.items()}
    results = pl.DataFrame(
        {"model": f"sort, {view}", "task": difficulty, "seed": seed, "accuracy": accuracy}
        for seed in range(3)
        for view, own in right.items()
        for difficulty, accuracy in zip(("easy", "hard"), own, strict=True)
    )
    claims = MODULARITY_MATHEMATICS.claims(results, MODULARITY_MATHEMATICS.presets["laptop"])
    assert [each.holds for each in claims] == [holds] * 3


def test_each_module_has_its_own_networks() -> None:
    config = replace(MATHEMATICS, modules=("sort", "add_or_sub"), seeds=2)
    names = list(MODULARITY_MATHEMATICS.jobs(config))
    assert names == ["sort-seed-0", "sort-seed-1", "add_or_sub-seed-0", "add_or_sub-seed-1"]
    masked = maskable(mathematics_study(config, "sort", 0).build(), is_weight)
    assert not [name for name in masked if "source" in name or "target" in name or "table" in name]


def test_problems_of_the_archive_are_read_from_its_folder(tmp_path: Path) -> None:
    texts = {each: sums_of(range(40 * n, 40 * n + 40)) for n, each in enumerate(DIFFICULTIES)}
    write_mathematics(tmp_path, texts)
    config = with_options(MATHEMATICS, {"data": str(tmp_path), "examined": "8"})
    problems = problems_of("add_or_sub", config.data, config.problems, config.examined, "cpu")
    assert (problems.easy, len(problems.training), len(problems.test["hard"])) == (32, 3 * 32, 8)
    sources, _ = mathematics_study(config, "add_or_sub", 0).sample(torch.rand(2, 99), ("easy",))[:2]
    easy = {problems.vocabulary.text(each) for each in problems.training.inputs[:32]}
    assert {problems.vocabulary.text(each) for each in sources} <= easy
    assert str(tmp_path) in " ".join(MODULARITY_MATHEMATICS.notes(config))


def test_published_commands_are_read_from_their_folder(tmp_path: Path) -> None:
    for split in ("simple", *LACKING):
        for name, rows in zip(FILES[split][1], Scan().split(split), strict=True):
            write_scan(tmp_path / name, rows[:25])
    config = with_options(SCAN, {"data": str(tmp_path)})
    study = scan_study(config, 0)
    assert {row["examined"] for row in study.evaluate(study.build())} == {20}
    assert len(split_rows("jump", 0, config.data, "cpu")) == 25
    assert str(tmp_path) in " ".join(MODULARITY_SCAN.notes(config))
    split_rows.cache_clear()
    (tmp_path / "tasks_test_length.txt").unlink()
    refused(lambda: MODULARITY_SCAN.jobs(config), "lacks SCAN's tasks_test_length")


def test_page_shows_the_output_weights_that_the_jump_mask_removes(tmp_path: Path) -> None:
    smoke_run("modularity-scan", tmp_path)
    assert "output weights" in write_page(tmp_path).read_text(encoding="utf-8")
    lines = pl.read_parquet(tmp_path / "masks.parquet").filter(measure="removed")
    assert lines["layer"].to_list() == [*SCAN_ACTIONS[:-2], "end"]
    row = pl.read_parquet(tmp_path / "results.parquet").row(0, named=True)
    assert lines["value"].to_list() == [row[REMOVED + token] for token in lines["layer"]]
