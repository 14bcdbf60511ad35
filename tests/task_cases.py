"""Tasks of every kind, for the tests that all of them pass."""

from pathlib import Path
from tempfile import TemporaryDirectory

from data_files import sums_of, write_babi, write_mathematics, write_wikitext
from extrapolate.tasks import (
    DIGIT_RULES,
    OPERATIONS,
    PUBLISHED_RANGES,
    SUM_FUNCTIONS,
    Addition,
    BCDMultiplication,
    Copy,
    DigitPairs,
    DigitSequence,
    Duplicate,
    EvenDigits,
    Increment,
    LongDependency,
    ModularArithmetic,
    Multiplication,
    NextWord,
    NumberWords,
    PairedAddition,
    PermutedDigits,
    Picture,
    Programs,
    Reverse,
    Scan,
    Sentences,
    Sequences,
    SingleModule,
    Sort,
    SubsetFunction,
    SubsetProduct,
    Task,
    load_babi,
    load_digits,
    load_wikitext,
    parse_range,
)
from extrapolate.tasks.algorithms import hard_operands
from extrapolate.tasks.mathematics import Generated, Mathematics, Official
from extrapolate.tasks.programs import SCRIPTS

DIGITS = load_digits()
NARROW, WIDE = parse_range("U[1,2]"), parse_range("U[2,6]")


def of_files() -> dict[str, Task]:
    """Of small files, which are read once."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        write_wikitext(folder)
        write_babi(folder)
        texts = {
            "easy": sums_of(range(30)),
            "medium": sums_of(range(30, 70)),
            "hard": sums_of(range(900, 950)),
        }
        write_mathematics(folder, texts)
        return {
            "next word": NextWord(load_wikitext(folder), length=3),
            "stories": load_babi(folder, (1, 19)),
            "mathematics from files": Mathematics.of(Official(folder, test_count=5).split("add_or_sub")),
        }


ARITHMETIC: dict[str, Task] = {
    **{f"{name} of two": SingleModule(each, PUBLISHED_RANGES[6]) for name, each in OPERATIONS.items()},
    "mul of two in ten": SingleModule(OPERATIONS["mul"], PUBLISHED_RANGES[2], in_features=10),
    "product of sums": SubsetProduct(PUBLISHED_RANGES[6], in_features=16, start=3),
    "quotient of sums": SubsetFunction(SUM_FUNCTIONS["div"], Sequences(NARROW), Sequences(WIDE), 16),
    "root of a long sum": SubsetFunction(SUM_FUNCTIONS["root"], Sequences(NARROW, 3), Sequences(WIDE, 9), 8),
}
IMAGES: dict[str, Task] = {
    "even digits": EvenDigits(DIGITS),
    "two digits": DigitPairs(DIGITS),
    "two digits on a canvas": DigitPairs(DIGITS, fold=3, canvas=12),
    **{f"{name} of digits": DigitSequence(rule, DIGITS) for name, rule in DIGIT_RULES.items()},
    "permuted digits": PermutedDigits(DIGITS, number=2),
    "picture": Picture(size=16),
}
DISCRETE: dict[str, Task] = {
    "long dependency": LongDependency(20, symbols=8),
    "modular arithmetic": ModularArithmetic(),
    "modular multiplication": ModularArithmetic(operations=("mul",)),
    "paired addition": PairedAddition(),
    "number words": NumberWords(),
    "programs": Programs(SCRIPTS["if-times"]),
    "programs by digits": Programs(SCRIPTS["add"], limit=100, digits=True),
    **{f"scan, {name}": Scan(name=name) for name in ("simple", "length", "jump")},
    "mathematics": Mathematics.of(Generated(50, 10).split("linear_1d")),
    **of_files(),
}
#: Those that :func:`torch.func.vmap` cannot map over keys.
ONE_KEY: dict[str, Task] = {
    "addition": Addition(operands=hard_operands, longest=15, tested=(21, 31, 41)),
    "multiplication": Multiplication(10, aligned=True, longest=15, tested=(21,)),
    "multiplication in BCD": BCDMultiplication(longest=17, tested=(33,)),
    **{
        kind.name: kind(3, longest=9, tested=(11, 20)) for kind in (Copy, Reverse, Duplicate, Sort, Increment)
    },
    "sentences": Sentences(training=40, tested=10),
}
MAPPABLE = ARITHMETIC | IMAGES | DISCRETE
TASKS = MAPPABLE | ONE_KEY
