"""Tasks of every kind, for the tests that all tasks pass."""

from pathlib import Path
from tempfile import TemporaryDirectory

from data_files import sums_of, write_babi, write_mathematics, write_wikitext
from extrapolate import tasks
from extrapolate.tasks import Task, parse_range
from extrapolate.tasks.algorithms import hard_operands
from extrapolate.tasks.mathematics import Generated, Mathematics, Official
from extrapolate.tasks.programs import SCRIPTS
from extrapolate.tasks.subset_functions import Sequences

DIGITS = tasks.load_digits()
NARROW, WIDE = parse_range("U[1,2]"), parse_range("U[2,6]")


def tasks_from_files() -> dict[str, Task]:
    """Return tasks that read small files, once."""
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
            "next word": tasks.NextWord(tasks.load_wikitext(folder), length=3),
            "stories": tasks.load_babi(folder, (1, 19)),
            "mathematics from files": Mathematics.of(Official(folder, test_count=5).split("add_or_sub")),
        }


ARITHMETIC: dict[str, Task] = {
    **{
        f"{name} of two": tasks.SingleModule(each, tasks.PUBLISHED_RANGES[6])
        for name, each in tasks.OPERATIONS.items()
    },
    "mul of two in ten": tasks.SingleModule(tasks.OPERATIONS["mul"], tasks.PUBLISHED_RANGES[2], in_features=10),
    "product of sums": tasks.SubsetProduct(tasks.PUBLISHED_RANGES[6], in_features=16, offset=3),
    "quotient of sums": tasks.SubsetFunction(tasks.SUM_FUNCTIONS["div"], Sequences(NARROW), Sequences(WIDE), 16),
    "root of a long sum": tasks.SubsetFunction(
        tasks.SUM_FUNCTIONS["root"], Sequences(NARROW, 3), Sequences(WIDE, 9), 8
    ),
}
IMAGES: dict[str, Task] = {
    "even digits": tasks.EvenDigits(DIGITS),
    "two digits": tasks.DigitPairs(DIGITS),
    "two digits on a canvas": tasks.DigitPairs(DIGITS, fold=3, canvas=12),
    **{f"{name} of digits": tasks.DigitSequence(rule, DIGITS) for name, rule in tasks.DIGIT_RULES.items()},
    "permuted digits": tasks.PermutedDigits(DIGITS, number=2),
    "picture": tasks.Picture(size=16),
}
DISCRETE: dict[str, Task] = {
    "long dependency": tasks.LongDependency(20, symbols=8),
    "modular arithmetic": tasks.ModularArithmetic(),
    "modular multiplication": tasks.ModularArithmetic(operations=("mul",)),
    "paired addition": tasks.PairedAddition(),
    "number words": tasks.NumberWords(),
    "programs": tasks.Programs(SCRIPTS["if-times"]),
    "programs by digits": tasks.Programs(SCRIPTS["add"], limit=100, digits=True),
    **{f"scan, {name}": tasks.Scan(name=name) for name in ("simple", "length", "jump")},
    "mathematics": Mathematics.of(Generated(50, 10).split("linear_1d")),
    **tasks_from_files(),
}
#: Tasks that :func:`torch.func.vmap` cannot map over keys.
ONE_KEY: dict[str, Task] = {
    "addition": tasks.Addition(operands=hard_operands, longest=15, tested=(21, 31, 41)),
    "multiplication": tasks.Multiplication(10, aligned=True, longest=15, tested=(21,)),
    "multiplication in BCD": tasks.BCDMultiplication(longest=17, tested=(33,)),
    **{
        kind.name: kind(3, longest=9, tested=(11, 20))
        for kind in (tasks.Copy, tasks.Reverse, tasks.Duplicate, tasks.Sort, tasks.Increment)
    },
    "sentences": tasks.Sentences(training=40, tested=10),
}
MAPPABLE = ARITHMETIC | IMAGES | DISCRETE
TASKS = MAPPABLE | ONE_KEY
