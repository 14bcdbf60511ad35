"""Readers of the papers' data, tested on small files of the same formats: results and one-line errors."""

import gzip
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from data_files import (
    pack_cifar,
    refused,
    sums_of,
    write_cifar,
    write_mathematics,
    write_scan,
    write_wikitext,
)
from extrapolate.tasks import NextWord, Scan, load_cifar, load_wikitext
from extrapolate.tasks.cifar import ARCHIVE, UNPACKED, has_cifar
from extrapolate.tasks.mathematics import Mathematics, Official
from extrapolate.tasks.scan_files import FILES
from extrapolate.tasks.token_rows import TokenRows


@pytest.mark.parametrize("where", ["folder", "unpacked", "archive"])
def test_cifar_is_read_from_folder_subfolder_and_archive(tmp_path: Path, where: str) -> None:
    folder = tmp_path / UNPACKED if where == "unpacked" else tmp_path
    folder.mkdir(exist_ok=True)
    assert has_cifar(tmp_path) == (where == "unpacked")
    write_cifar(folder)
    if where == "archive":
        pack_cifar(tmp_path)
    assert has_cifar(tmp_path)
    digits = load_cifar(tmp_path)
    assert len(digits.training) + len(digits.validation) == 200
    assert digits.test.labels[:12].tolist() == [*range(10), 0, 1]
    assert digits.test.images.shape == (40, 3, 32, 32)
    assert digits.test.images[:, 0].eq(1).all()
    assert not digits.test.images[:, 1:].any()


@pytest.mark.parametrize("name", ["data_batch_1", "cifar-10-batches-py", "cifar-10-python.tar.gz"])
def test_pickled_version_of_cifar_raises_an_error_that_names_the_binary_one(tmp_path: Path, name: str) -> None:
    (tmp_path / name).touch()
    assert has_cifar(tmp_path)
    refused(lambda: load_cifar(tmp_path), f"{name} is the pickled Python version.*{ARCHIVE}")


def test_wikitext_has_the_vocabulary_of_its_training_text(tmp_path: Path) -> None:
    write_wikitext(tmp_path)
    text = load_wikitext(tmp_path)
    training, validation = (
        " ".join(text.vocabulary[number] for number in part.tolist()) for part in (text.training, text.validation)
    )
    assert training.startswith("<eos> = Valkyria = <eos> <eos> The game ")
    assert validation == "= <unk> = <eos> <eos> The story of the <unk> . <eos>"
    assert len(set(text.vocabulary)) == len(text.vocabulary)
    assert text.test.dtype == torch.int64


def test_targets_of_passages_are_the_next_words(tmp_path: Path) -> None:
    write_wikitext(tmp_path)
    text = load_wikitext(tmp_path)
    task = NextWord(text, length=4)
    words, after = task.sample(200, torch.tensor([0, 0, 0]))
    runs = text.training.unfold(0, 5, 1)
    assert all((runs == torch.cat([own, last[-1:]])).all(1).any() for own, last in zip(words, after, strict=True))
    assert len(words.unique(dim=0)) == len(runs.unique(dim=0)), "every position is sampled"
    inputs, targets = task.splits()["test"]
    assert torch.equal(inputs.flatten(), text.test[: inputs.numel()])
    assert torch.equal(targets.flatten(), text.test[1 : inputs.numel() + 1])
    assert len(text.test) - inputs.numel() <= 4
    with pytest.raises(ValueError, match="length=99 must be from 1 to"):
        NextWord(text, 99)


ROWS = Scan(name="length").split("length")


@pytest.mark.parametrize("layout", ["folder", "archive", "packed"])
def test_published_scan_files_are_read_in_file_order(tmp_path: Path, layout: str) -> None:
    for split, (own, names) in FILES.items():
        folder = tmp_path / own if layout == "archive" else tmp_path
        folder.mkdir(exist_ok=True)
        for name, rows in zip(names, ROWS, strict=False):
            write_scan(folder / name, rows[:30])
            if layout == "packed":
                (tmp_path / f"{name}.gz").write_bytes(gzip.compress((tmp_path / name).read_bytes()))
                (tmp_path / name).unlink()
        expected = (ROWS[0][:30], [] if split == "all" else ROWS[1][:30])
        assert Scan(folder=tmp_path).split(split) == expected
    task = Scan(name="length", folder=tmp_path)
    commands, actions = task.splits()["test"]
    assert Scan.decode(commands, actions) == ROWS[1][:30]
    sampled = {command for command, _ in Scan.decode(*task.sample(400, torch.tensor([0, 0, 0])))}
    assert sampled == {command for command, _ in ROWS[0][:30]}


def write_official(folder: Path) -> None:
    counts = {"easy": 5, "medium": 9, "hard": 40}
    write_mathematics(folder, {each: sums_of(range(count)) for each, count in counts.items()})


#: For each reader, the function that writes its folder, and the reader.
READERS: dict[str, tuple[Callable[[Path], None], Callable[[Path], object]]] = {
    "no cifar": (lambda folder: None, load_cifar),
    "cifar": (write_cifar, load_cifar),
    "archive": (lambda folder: (write_cifar(folder), pack_cifar(folder))[1], load_cifar),
    "wikitext": (write_wikitext, load_wikitext),
    "scan": (lambda folder: None, lambda folder: Scan(folder=folder).split("simple")),
    "mathematics": (write_official, lambda folder: Official(folder, 2).split("add_or_sub")),
}
SIMPLE, SUMS = "tasks_train_simple.txt", "train-medium/arithmetic__add_or_sub.txt"
SCAN_ROWS = gzip.compress(b"IN: jump OUT: I_JUMP\n" * 9, mtime=0)
AGAIN = ".*download it again from"


@pytest.mark.parametrize(
    ("reader", "file", "content", "message"),
    [
        ("no cifar", "data_batch_1.bin", None, f"lacks data_batch_1.bin: .*{ARCHIVE}"),
        ("cifar", "data_batch_1.bin", None, f"data_batch_1.bin: No such file .*{ARCHIVE}"),
        ("cifar", "data_batch_4.bin", -1, r"data_batch_4\.bin is damaged or not a file of"),
        ("archive", ARCHIVE, 500, f"{ARCHIVE} is damaged"),
        ("archive", ARCHIVE, slice(100, 200), f"{ARCHIVE} is damaged"),
        ("archive", ARCHIVE, gzip.compress(bytes(10_240), mtime=0), f"{ARCHIVE} lacks data_batch_1.bin"),
        ("wikitext", "wiki.train.tokens", None, r"wiki\.train\.tokens: No such file.*wikitext-2-v1\.zip"),
        ("wikitext", "wiki.valid.tokens", -2, r"wiki\.valid\.tokens is truncated"),
        ("wikitext", "wiki.valid.tokens", b"", r"wiki\.valid\.tokens is truncated"),
        ("wikitext", "wiki.valid.tokens", b"\xff\xfe\n", r"wiki\.valid\.tokens is damaged \(.*utf-8"),
        ("wikitext", "wiki.train.tokens", b" The game . \n", r"train\.tokens has no <unk>, .*word-level"),
        ("scan", SIMPLE, None, f"lacks SCAN's {SIMPLE}: get it from"),
        ("scan", SIMPLE, b"", f"{SIMPLE} is empty{AGAIN}"),
        ("scan", SIMPLE, b"IN: jump OUT: I_JUMP\nIN: walk twice OUT: I_WALK", rf"is damaged \(line 2{AGAIN}"),
        ("scan", SIMPLE, b"IN: jump OUT: I_WALK\n", rf"{SIMPLE} is damaged \(line 1{AGAIN}"),
        ("scan", SIMPLE, b"jump\tI_JUMP\n", rf"{SIMPLE} is damaged \(line 1{AGAIN}"),
        ("scan", SIMPLE, b"IN: hop OUT: I_JUMP\n", rf"{SIMPLE} is damaged \(line 1{AGAIN}"),
        ("scan", SIMPLE, b"\xff\xfe\n", rf"{SIMPLE} is damaged \(.*utf-8{AGAIN}"),
        ("scan", f"{SIMPLE}.gz", SCAN_ROWS[:-9], rf"{SIMPLE}\.gz is damaged"),
        ("mathematics", SUMS, None, rf"{SUMS} is missing: give the folder .* or no folder"),
        ("mathematics", SUMS, b"\xff\xfe", rf"{SUMS} cannot be read \(.*utf-8"),
        ("mathematics", SUMS, b"1 + 1\n2\n2 + 2\n", rf"{SUMS} is damaged \(line 4 is empty{AGAIN}"),
        ("mathematics", SUMS, b"1 + 1\n\n2 + 2\n4\n", rf"is damaged \(line 2 is empty{AGAIN}"),
        ("mathematics", SUMS, b"\n", rf"is damaged \(line 1 is empty{AGAIN}"),
        ("mathematics", SUMS, b"1 + 1\n2\n2 + 2\n4", rf"\(line 4 is empty or truncated{AGAIN}"),
        ("mathematics", SUMS, b"6 + 1\n7\n7 + 1\n8\n", f"has 2 new problems, too few .* test of 2{AGAIN}"),
    ],
)
def test_missing_and_damaged_files_raise_a_one_line_error_with_their_name(
    tmp_path: Path, reader: str, file: str, content: bytes | slice | int | None, message: str
) -> None:
    """``content`` None removes the file, an int cuts it there, a slice becomes zeros, bytes replace it."""
    write, read = READERS[reader]
    write(tmp_path)
    path = tmp_path / file
    if content is None:
        path.unlink(missing_ok=True)
    elif isinstance(content, int):
        path.write_bytes(path.read_bytes()[:content])
    elif isinstance(content, slice):
        whole = bytearray(path.read_bytes())
        whole[content] = bytes(content.stop - content.start)
        path.write_bytes(whole)
    else:
        path.write_bytes(content)
    refused(lambda: read(tmp_path), message)


def test_official_problems_are_sampled_by_character(tmp_path: Path) -> None:
    numbers = {"easy": range(9), "medium": range(10, 30), "hard": range(90, 99)}
    write_mathematics(tmp_path, {difficulty: sums_of(own) for difficulty, own in numbers.items()})
    split = Official(tmp_path, test_count=2).split("add_or_sub")
    task = Mathematics.of(split)
    questions, answers = task.sample(300, torch.tensor([0, 0, 0]))
    text = task.vocabulary.text
    sampled = {(text(one), text(other)) for one, other in zip(questions, answers, strict=True)}
    assert sampled == {tuple(problem) for own in split.training.values() for problem in own}
    easy = {text(question) for question in task.training.first(task.easy).inputs}
    assert easy == {problem.question for problem in split.training["easy"]}
    assert [text(one) for one in task.splits()["test"][0]] == [problem.question for problem in split.test["hard"]]


def test_token_rows_use_one_byte_per_token() -> None:
    parts = [(torch.full((3, 2), 200), torch.full((3, 4), 7)), (torch.full((2, 5), 9), torch.full((2, 1), 8))]
    rows = TokenRows.of(parts, pad=1)
    assert (rows.inputs.dtype, rows.targets.dtype) == (torch.uint8, torch.uint8)
    assert rows.inputs[0].tolist() == [200, 200, 1, 1, 1]
    assert rows.targets[4].tolist() == [8, 1, 1, 1]
    inputs, targets = rows.pick(torch.tensor([0.0, 0.99, 0.5]))
    assert inputs[:, 0].tolist() == [200, 9, 200]
    assert inputs.dtype == targets.dtype == torch.int64
    assert rows.first(2).inputs.data_ptr() == rows.inputs.data_ptr()
    assert len(rows.spread(2)) == 2
    with pytest.raises(ValueError, match="at most 255, got 256"):
        TokenRows.of([(torch.tensor([[256]]), torch.tensor([[0]]))])
