"""School mathematics: answers compared with sympy, training and test splits, characters as tensors."""

import re
from collections import Counter
from collections.abc import Callable
from fractions import Fraction
from functools import partial
from itertools import chain, pairwise
from pathlib import Path
from random import Random

import numpy as np
import pytest
import sympy
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from data_files import refused, sums_of, write_mathematics
from extrapolate._runtime.errors import UserError
from extrapolate.tasks.mathematics import (
    DIFFICULTIES,
    MODULES,
    Generated,
    Module,
    Official,
    Problem,
    Split,
    Vocabulary,
    get_module,
)
from extrapolate.tasks.mathematics.random_numbers import in_decimals
from extrapolate.tasks.mathematics.terms import apart, format_terms, simplify

SYMBOLS = {letter: sympy.Symbol(letter) for letter in "abcdfghijklmnopqrstuvwxyz"}
NUMBER = r"-?\d+(?:[./]\d+)?"


def drawn(name: str, difficulty: str, count: int, seed: int = 0) -> list[Problem]:
    rng = Random(seed)
    return [MODULES[name].problem(difficulty, rng) for _ in range(count)]


def expression(text: str) -> sympy.Expr:
    return sympy.sympify(eval(text, {}, SYMBOLS))


def highest_first(polynomial: sympy.Expr) -> str:
    """As ``str`` in most cases, but without its special form of ``-x + 24``."""
    return sympy.sstr(sympy.expand(polynomial), order="lex")


def sum_or_difference(question: str) -> str:
    p, q = (sympy.Rational(number) for number in re.findall(NUMBER, question))
    if "difference between" in question:
        value = abs(p - q)
    elif question.startswith("Subtract"):
        value = q - p
    else:
        value = p - q if re.search(r" - |minus", question) else p + q
    decimals = next(decimals for decimals in range(40) if (value * 10**decimals).is_integer)
    return f"{sympy.N(value, 60):.{decimals}f}"


def solution(question: str) -> str:
    found = re.fullmatch(r"Solve (.+) = (.+) for (.)\.", question)
    assert found
    (solved,) = sympy.solve(expression(found[1]) - expression(found[2]), SYMBOLS[found[3]])
    return str(solved)


def derivative(question: str) -> str:
    found = re.fullmatch(
        r"(?:Find|What is|Differentiate) ?(?:the )?(first |second |third )?(?:derivative of )?(.+?)"
        r"(?: (?:wrt|with respect to) (.))?[.?]",
        question,
    )
    assert found
    polynomial, order = expression(found[2]), ("first ", "second ", "third ").index(found[1] or "first ") + 1
    (letter,) = {SYMBOLS[found[3]]} if found[3] else polynomial.free_symbols
    return highest_first(sympy.diff(polynomial, letter, order))


def ordered(question: str) -> str:
    numbers = re.findall(NUMBER, question)
    down = re.search("descending|decreasing", question) is not None
    return ", ".join(sorted(numbers, key=sympy.Rational, reverse=down))


def collected(question: str) -> str:
    return highest_first(expression(question.removeprefix("Collect the terms in ").removesuffix(".")))


SOLVERS: dict[str, Callable[[str], str]] = {
    "add_or_sub": sum_or_difference,
    "linear_1d": solution,
    "differentiate": derivative,
    "sort": ordered,
    "collect": collected,
}


@pytest.mark.parametrize("difficulty", DIFFICULTIES)
@pytest.mark.parametrize("name", list(MODULES))
def test_answers_equal_those_of_sympy(name: str, difficulty: str) -> None:
    for question, answer in drawn(name, difficulty, 100):
        assert answer == SOLVERS[name](question), question
        assert len(question) <= 160
        assert len(answer) <= 30


def test_problems_of_a_module_are_varied() -> None:
    """Each phrasing and each kind of number occurs, and no answer is frequent."""
    sums, sorts = drawn("add_or_sub", "easy", 500), drawn("sort", "hard", 500)
    assert len({re.sub(NUMBER, "N", question) for question, _ in sums}) == 13
    assert {len(answer.split(", ")) for _, answer in sorts} >= {3, 4, 5, 6, 7}
    assert 0.4 < np.mean([bool(re.search(r"[./]\d", question)) for question, _ in sorts]) < 0.6
    questions = [question for question, _ in drawn("differentiate", "easy", 500)]
    for word in ("first", "second", "third", "Differentiate", "respect"):
        assert any(word in each for each in questions)
    assert {len(set(re.findall(r"\b[a-z]\b", each))) for each in questions} == {1, 2, 3, 4}
    for name in MODULES:
        assert Counter(answer for _, answer in drawn(name, "medium", 500)).most_common(1)[0][1] < 50


@pytest.mark.parametrize("name", list(MODULES))
def test_harder_problems_have_more_entropy_and_more_characters(name: str) -> None:
    ranges = [MODULES[name].entropies(difficulty) for difficulty in DIFFICULTIES]
    assert ranges[0][0] == MODULES[name].entropy[0]
    assert ranges[-1][1] == pytest.approx(MODULES[name].entropy[1])
    assert all(easier[1] == pytest.approx(harder[0]) for easier, harder in pairwise(ranges))
    texts = ["".join(each.question for each in drawn(name, hard, 300)) for hard in DIFFICULTIES]
    digits = [sum(map(str.isdigit, text)) for text in texts]
    assert digits == sorted(digits)


@given(st.integers(-(10**20), 10**20), st.integers(0, 20))
def test_decimals_are_exact(number: int, decimals: int) -> None:
    text = in_decimals(Fraction(number, 10**decimals))
    assert Fraction(text) == Fraction(number, 10**decimals)
    assert re.fullmatch(r"-?(0|[1-9]\d*)(\.\d*[1-9])?", text)
    assert text != "-0"


@given(
    st.lists(st.integers(-1000, 1000), min_size=1, max_size=5).filter(any),
    st.integers(0, 6),
    st.floats(0, 8),
    st.integers(0, 1000),
)
def test_terms_sum_to_the_coefficients(coefficients: list[int], more: int, entropy: float, seed: int) -> None:
    count = sum(each != 0 for each in coefficients) + more
    numbers = apart(Random(seed), coefficients, count, entropy)
    assert [sum(own) for own in numbers] == coefficients
    assert sum(len(own) for own in numbers) == count
    assert all(len(own) != 1 or total for own, total in zip(numbers, coefficients, strict=True))


@given(st.dictionaries(st.tuples(*[st.integers(0, 3)] * 3), st.integers(-20, 20).filter(bool), min_size=1))
@settings(max_examples=50)
def test_polynomials_have_the_format_of_sympy(coefficients: dict[tuple[int, ...], int]) -> None:
    text = simplify(coefficients, "axz")
    assert text == highest_first(expression(text))
    a, x, z = (SYMBOLS[letter] for letter in "axz")
    terms = [number * a**i * x**j * z**k for (i, j, k), number in coefficients.items()]
    assert expression(text) == sympy.Add(*terms)
    assert format_terms([((2,), -1), ((1,), 3), ((1,), 0), ((0,), -1)], "x") == "-x**2 + 3*x + 0*x - 1"
    assert format_terms([], "x") == "0"


def assert_no_question_twice(split: Split) -> None:
    problems = chain(*split.training.values(), *split.test.values())
    assert max(Counter(problem.question for problem in problems).values()) == 1


@pytest.mark.parametrize("name", list(MODULES))
def test_generated_problems_depend_on_the_seed_only(name: str) -> None:
    split = Generated(60, 20, seed=3).split(name)
    assert split == Generated(60, 20, seed=3).split(name)
    assert split != Generated(60, 20, seed=4).split(name)
    assert [len(own) for own in split.training.values()] == [60] * 3
    assert [len(own) for own in split.test.values()] == [20] * 3
    assert list(split.training) == list(split.test) == list(DIFFICULTIES)
    assert_no_question_twice(split)


def test_a_module_with_too_few_problems_raises_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    few = Module("dice", "", "games", lambda rng, _: Problem(str(rng.randint(1, 6)), "?"))
    monkeypatch.setitem(MODULES, "dice", few)
    message = r"dice has hardly more than 6 easy problems: .* fewer than 5 .* 2 for"
    refused(lambda: Generated(5, 2).split("dice"), message)
    refused(lambda: Generated(5, 1).split("dice"), "0 medium")


def test_official_folder_is_split_as_published(tmp_path: Path) -> None:
    numbers = {"easy": [*range(10), 3, 4], "medium": [3, *range(10, 18)], "hard": range(30)}
    write_mathematics(tmp_path, {difficulty: sums_of(own) for difficulty, own in numbers.items()})
    split = Official(tmp_path, test_count=4).split("add_or_sub")
    assert_no_question_twice(split)
    for difficulty, first, count in (("easy", 0, 10), ("medium", 10, 8), ("hard", 18, 12)):
        chosen = np.random.RandomState(1234).choice(count, 4, replace=False)
        assert split.test[difficulty] == [Problem(f"{n} + 1", str(n + 1)) for n in sorted(first + chosen)]
        assert len(split.training[difficulty]) == count - 4
    assert split.vocabulary == Vocabulary(" +0123456789")
    assert split == Official(tmp_path, test_count=4).split("add_or_sub")


@pytest.mark.parametrize("name", MODULES)
def test_official_files_of_every_module_are_found(tmp_path: Path, name: str) -> None:
    problems = {difficulty: drawn(name, difficulty, 8, seed=5) for difficulty in DIFFICULTIES}
    texts = {each: [line for problem in own for line in problem] for each, own in problems.items()}
    write_mathematics(tmp_path, texts, MODULES[name].file)
    split = Official(tmp_path, 1).split(name)
    assert {*split.training["hard"], *split.test["hard"]} <= set(problems["hard"])


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: get_module("sorting"), UserError, "unknown module 'sorting': did you mean sort"),
        (lambda: drawn("sort", "harder", 1), UserError, "unknown difficulty 'harder': did you mean hard"),
        (lambda: Generated(test_count=0), ValueError, "test_count=0"),
        (lambda: Official(Path(), 0), ValueError, "test_count=0"),
        (lambda: Official(Path(__file__)).split("sort"), UserError, "cannot be read"),
        (
            lambda: Vocabulary("12").encode([Problem("12", "2"), Problem("1x", "2")]),
            UserError,
            "lacks 'x': create it from all problems",
        ),
        (lambda: Vocabulary("12").encode([Problem("1\0", "2")]), UserError, "lacks"),
        *((partial(Vocabulary, each), ValueError, "sorted and unique") for each in ("", "21", "11")),
    ],
)
def test_invalid_input_raises_an_error(make: Callable[[], object], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        make()


TEXTS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12)
PROBLEMS = st.lists(st.builds(Problem, TEXTS, TEXTS), min_size=1, max_size=6)


@given(PROBLEMS)
def test_text_inverts_encoding(problems: list[Problem]) -> None:
    vocabulary = Vocabulary.of(problems)
    questions, answers = vocabulary.encode(problems)
    assert questions.dtype == answers.dtype == torch.int64
    assert questions.shape == (len(problems), max(len(each.question) for each in problems))
    assert answers.shape == (len(problems), max(len(each.answer) for each in problems) + 1)
    assert [
        Problem(vocabulary.text(q), vocabulary.text(a)) for q, a in zip(questions, answers, strict=True)
    ] == problems
    assert ((answers == vocabulary.end).sum(-1) == 1).all()
    assert max(questions.max(), answers.max()) < vocabulary.size
    assert vocabulary.right(answers, answers).all()


def test_tokens_are_as_documented() -> None:
    vocabulary = Vocabulary("+123")
    questions, answers = vocabulary.encode([Problem("1+1", "2"), Problem("12", "123")])
    assert questions.tolist() == [[3, 2, 3], [3, 4, 0]]
    assert answers.tolist() == [[4, 1, 0, 0], [3, 4, 5, 1]]
    assert vocabulary.size == 6
    assert [list(part.shape) for part in vocabulary.encode([])] == [[0, 0], [0, 1]]


def test_answer_is_right_if_all_characters_and_the_end_mark_are() -> None:
    vocabulary = Vocabulary("0123456789")
    _, answers = vocabulary.encode([Problem("1", "42"), Problem("1", "4")])
    _, others = vocabulary.encode([Problem("1", "43"), Problem("1", "42")])
    longer = answers.clone()
    longer[1, 2] = 7  # after the end mark
    assert vocabulary.right(longer, answers).tolist() == [True, True]
    assert vocabulary.right(others, answers).tolist() == [False, False]
    assert vocabulary.right(answers.flip(0), answers).tolist() == [False, False]
