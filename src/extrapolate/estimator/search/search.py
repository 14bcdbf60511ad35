"""The search for a formula: stages propose structures, and one pool scores them all.

The stages run in a fixed order, from cheap to expensive. They end early if a formula fits every row to rounding.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import product

import numpy as np
import sympy

from extrapolate.estimator.formula.structure import Monomial, Structure, evaluate, exponent_cost
from extrapolate.estimator.search import algebra
from extrapolate.estimator.search import dictionary as dictionaries
from extrapolate.estimator.search.candidates import Pool, ScoredStructure
from extrapolate.estimator.search.certificate import measure_unexplained, residual_structure, why_not
from extrapolate.estimator.search.dictionary import Dictionary
from extrapolate.estimator.search.finalize import sketch
from extrapolate.estimator.search.network import LinearProduct, PowerFraction
from extrapolate.estimator.search.progress import Clock
from extrapolate.estimator.search.replicas import Scaled, read_powers, read_sums, train_powers, train_sums
from extrapolate.estimator.search.targets import Reciprocal, Target, targets
from extrapolate.estimator.table.split import SplitTable

#: Most networks that are read per training, and most structures that are pruned per stage.
READ, PRUNED = 12, 6

#: Levenberg-Marquardt steps per training.
STEPS = 40

#: After ``PATIENCE`` stages without a better formula the search skips to its last stages, if the best one
#: leaves only noise and less than ``LITTLE`` of the variance.
PATIENCE, LITTLE = 4, 0.01

#: The name of the last stages.
GROW = "one more term"

#: Most structures that get one more term in a last stage, and the number of last stages.
GROWING, ROUNDS = 6, 3


#: Exponents that may replace a more expensive one in the best formula.
SIMPLE = (Fraction(0), Fraction(1), Fraction(-1), Fraction(2))

#: Fewest rows for the larger networks.
ROWS_FOR_LARGE = 60

#: The name of a stage, and the function that proposes its structures.
Stage = tuple[str, Callable[[], Iterable[Structure]]]


@dataclass
class Search:
    """The state of one search.

    Attributes:
        table: all rows; ``sample``: the subset from which structures are proposed.
        pool: all structures scored so far.
        replicas: number of networks of each architecture, trained at once.
        seed: of the sample and of the networks' initial weights.
        symbols: one per column, with which the progress shows the best formula so far.
    """

    table: SplitTable
    pool: Pool
    clock: Clock
    replicas: int
    seed: int
    symbols: Sequence[sympy.Symbol]

    def __post_init__(self) -> None:
        self.sample = self.table.sample(np.random.default_rng(self.seed))
        self._noise_only: dict[Structure, bool] = {}
        self.targets = targets(self.table.y, self.sample.y)

    def run(self) -> None:
        """Run all stages, then try simpler exponents in the best formula."""
        self._run_stages()
        best = None
        while best is not self.pool.best and not self.clock.over():
            best = self.pool.best
            for structure in _simpler(best) if best is not None else ():
                self.pool.add(structure)

    def _run_stages(self) -> None:
        """Run the stages until a formula is exact, or it leaves only noise and no better one is found."""
        stages = list(self._stages())
        best, unchanged = self.pool.best, 0
        for done, (name, stage) in enumerate(stages):
            if self.clock.over() or (best is not None and best.exact):
                return
            if unchanged >= PATIENCE and name != GROW and best is not None and self._is_noise(best):
                continue
            found = "" if best is None else f"; best so far: {sketch(best, self.symbols)}"
            self.clock.progress.update(done, f"stage {done + 1}/{len(stages)}, {name}{found}")
            self._consider(stage())
            before, best = best, self.pool.best
            unchanged = unchanged + 1 if best is before else 0
            if name == GROW and best is before:
                return

    def _is_noise(self, best: ScoredStructure) -> bool:
        """Return whether ``best`` leaves only noise, and little of it; computed once per formula."""
        if best.structure not in self._noise_only:
            residual = residual_structure(best, self.table, self.seed)
            clean = why_not(best, self.table, residual) is None and measure_unexplained(best, self.table) < LITTLE
            self._noise_only[best.structure] = clean and residual is not None and residual < 0
        return self._noise_only[best.structure]

    def _stages(self) -> Iterator[Stage]:
        plain, *rooted = self.targets
        yield "linear", self._linear
        yield "products", lambda: self._powers(plain, (1, 0))
        yield "sums of products", lambda: self._powers(plain, (2, 0))
        yield "fractions", lambda: self._powers(plain, (1, 1))
        yield "products of sums", lambda: self._sums(plain, (1, 1))
        yield "polynomials and their fractions", self._algebra
        for target in rooted:
            yield "roots of sums of products", lambda target=target: self._powers(target, (2, 0))
            yield "roots of fractions", lambda target=target: self._powers(target, (1, 1))
        if (reciprocal := Reciprocal.of(self.sample.y)) is not None:
            yield "reciprocals of sums of products", lambda: self._powers(reciprocal, (2, 0))
            yield "reciprocals of three products", lambda: self._powers(reciprocal, (3, 0))
        for target in self.targets:
            yield "dictionary of sums", lambda target=target: self._pairs(target, divisors=0)
            yield "dictionary of fractions", lambda target=target: self._pairs(target, divisors=600)
        if len(self.table.y) >= ROWS_FOR_LARGE:
            yield from self._large(plain)
        for _ in range(ROUNDS):
            yield GROW, self._grow

    def _large(self, plain: Target) -> Iterator[Stage]:
        """Yield the stages with larger networks."""
        yield "fractions of sums of products", lambda: self._powers(plain, (2, 1), starts=3)
        yield "sums of three products", lambda: self._powers(plain, (3, 0))
        yield "fractions of sums", lambda: self._sums(plain, (2, 1))
        yield "fractions of products of sums", lambda: self._sums(plain, (2, 2))

    def _consider(self, structures: Iterable[Structure]) -> None:
        """Score the structures and prune the best of them, until one is exact."""
        judged: dict[Structure, ScoredStructure] = {}  # replicas often find the same structure
        for structure in structures:
            if (candidate := self.pool.add(structure)) is not None:
                judged[structure] = candidate
                if candidate.exact:
                    break
            if self.clock.over():
                break
        for candidate in sorted(judged.values(), key=lambda each: each.score)[:PRUNED]:
            if self.pool.prune(candidate).exact or self.clock.over():
                return

    def _zero(self) -> Monomial:
        return tuple(Fraction(0) for _ in self.table.columns)

    def _linear(self) -> Iterator[Structure]:
        yield Structure.of([self._zero()])
        yield Structure.of(algebra.polynomial(self.table, 1))

    def _algebra(self) -> Iterator[Structure]:
        for monomial in algebra.power_laws(self.table.inner):
            yield Structure.of([monomial])
        for target in self.targets:
            for degree in (2, 3):
                if structure := algebra.dense(self.table, degree, target.root, target.sign):
                    yield structure
            inner = self.table.inner
            yield from algebra.fractions(inner, inner.y**target.root, target.root, target.sign)
            yield algebra.linear_fraction(self.table, target.root, target.sign)

    def _powers(self, target: Target, shape: tuple[int, int], starts: int = 1) -> Iterator[Structure]:
        """Train ``starts`` × ``replicas`` power networks; good initial weights are rarer for large networks."""
        data = Scaled.of(self.sample, target.values)
        seeds = range(self.seed, self.seed + starts * self.replicas)
        trained = train_powers(data, shape, seeds, STEPS, self.clock.over)
        for rank, model in enumerate(trained.best(READ)):
            assert isinstance(model, PowerFraction)
            for structure in read_powers(model, self.sample, target.root, target.sign, fine=rank < 2):
                yield target.structure(structure)

    def _sums(self, target: Target, shape: tuple[int, int]) -> Iterator[Structure]:
        data = Scaled.of(self.sample, target.values)
        seeds = range(self.seed, self.seed + self.replicas)
        trained = train_sums(data, shape, seeds, STEPS, self.clock.over)
        for model in trained.best(READ):
            assert isinstance(model, LinearProduct)
            if structure := read_sums(model, data, target.root, target.sign):
                yield structure

    def _pairs(self, target: Target, *, divisors: int) -> Iterator[Structure]:
        choices = dictionaries.monomials(self.sample.columns)[: dictionaries.PAIRS - divisors]
        if not choices:
            return
        book = Dictionary.of(self.sample, choices, target.values, divisors=divisors)
        linear = algebra.polynomial(self.table, 1)
        for base in ([self._zero()], linear):
            if self.clock.over():
                return
            for chosen in dictionaries.best_pairs(book, evaluate(base, self.sample.x), 40):
                yield book.structure(chosen, base, target.root, target.sign)

    def _grow(self) -> Iterator[Structure]:
        """Yield the best structures with one more term in the numerator or the denominator."""
        choices = dictionaries.monomials(self.sample.columns)
        for target in self.targets:
            book = Dictionary.of(self.sample, choices, target.values, divisors=600)
            growing = [each for each in self.pool.rank() if each.structure.root == target.root][:GROWING]
            for candidate in growing:
                yield from self._extend(candidate, book, target)
                if self.clock.over():
                    return

    def _extend(self, candidate: ScoredStructure, book: Dictionary, target: Target) -> Iterator[Structure]:
        structure = candidate.structure
        lead = structure.denominator[:1]
        base = [evaluate(structure.numerator, self.sample.x)]
        if structure.denominator:
            base.append(-target.values[:, None] * evaluate(structure.denominator[1:], self.sample.x))
        answer = target.values if not lead else target.values * evaluate(lead, self.sample.x)[:, 0]
        kept = Dictionary(book.above, book.below, book.features, answer)
        for (index,) in dictionaries.best_additions(kept, np.concatenate(base, 1), 8):
            if index < len(book.above):
                above, below = [*structure.numerator, book.above[index]], structure.denominator
            else:
                extra = book.below[index - len(book.above)]
                above, below = structure.numerator, [*(structure.denominator or [self._zero()]), extra]
            yield Structure.of(above, below, structure.root, structure.sign)


def _simpler(candidate: ScoredStructure) -> Iterator[Structure]:
    """Yield the structure with one cheaper exponent: all powers of a column of zeros and ones are equal."""
    structure = candidate.structure
    for side in ("numerator", "denominator"):
        terms: tuple[Monomial, ...] = getattr(structure, side)
        for monomial, index in product(terms, range(len(terms[0]) if terms else 0)):
            for exponent in SIMPLE:
                if monomial[index] and (not exponent or exponent_cost(exponent) < exponent_cost(monomial[index])):
                    changed = (*monomial[:index], exponent, *monomial[index + 1 :])
                    parts = {"numerator": structure.numerator, "denominator": structure.denominator}
                    parts[side] = tuple(changed if each == monomial else each for each in terms)
                    yield Structure.of(**parts, root=structure.root, sign=structure.sign)
