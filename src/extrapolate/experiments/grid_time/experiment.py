"""The experiment: what the runner and the command need to know of time in a grid world."""

from collections.abc import Sequence

import polars as pl

from extrapolate.experiments.curves import curves_across, curves_table
from extrapolate.experiments.findings import Claim
from extrapolate.experiments.grid_time.claims import claims
from extrapolate.experiments.grid_time.models import SUMS
from extrapolate.experiments.grid_time.part import CRITIC, ENTROPY, LEARNING_RATE, GridTimePart, tested
from extrapolate.experiments.grid_time.settings import PRESETS, GridTimeSettings
from extrapolate.experiments.old import Part
from extrapolate.experiments.outline import models_of
from extrapolate.experiments.summary import summarize
from extrapolate.tasks import GridTime


class GridTimeExperiment:
    """Which agent can wait longer than it ever had to, and still arrive in time."""

    name = "grid-time"
    title = (
        "Time in a grid world: arriving exactly at step T, trained on T from 5 to 12, tested on later ones"
    )
    source = "Trask et al., Neural Arithmetic Logic Units (arXiv 1808.00508, NeurIPS 2018)"
    presets = PRESETS

    def outline(self, settings: GridTimeSettings) -> str:
        return models_of({"kind of agent": len(settings.agents), "seed": settings.seeds}, settings.steps)

    def parts(self, settings: GridTimeSettings) -> Sequence[Part]:
        return [GridTimePart(agent, settings) for agent in settings.agents]

    def notes(self, settings: GridTimeSettings) -> list[str]:
        return [
            "Differs from the published agent, of which only this much is known: actor-critic with an LSTM, and a "
            f"NAC on what keeps the time. Here: synchronous (A2C in place of A3C), {settings.batch} whole episodes a "
            f"step; Adam, rate {LEARNING_RATE:g} falling to 0, gradients of norm 1 at most; {CRITIC:g} × the "
            f"critic's squared error; an entropy bonus of {ENTROPY:g}. No shaped reward, no curriculum, no discount.",
            "The agent sees two planes of 5 × 5 (itself, the destination), and T at the first step. A linear layer "
            f"with ReLU reads the planes; an LSTM of size {settings.hidden} is given that and the time.",
            "The time: LSTM is told T at the first step and 0 later. LSTM-NAC is given "
            f"{SUMS} sums instead, to which a NAC of T and a tick of 1 is added at each step. LSTM-RecurrentNAC is "
            "given the outputs of a NAC of those outputs, T and the tick: its weights on itself are learned too.",
            "Agent and destination are apart, and no further than T steps; the first arrival ends the episode.",
            f"Tested on {settings.episodes} episodes of each T with the likeliest action, at the step with the "
            f"fewest failures on T from 5 to 12. Solved: more than {GridTime.threshold:.0%} success at the greatest "
            f"T, {settings.latest}.",
            "Intervals (95 %): Wilson for success rates over agents, Student's t for shares and their differences.",
        ]

    def summary(self, results: pl.DataFrame, settings: GridTimeSettings) -> pl.DataFrame:
        return summarize(results)

    def curves(self, results: pl.DataFrame, settings: GridTimeSettings) -> pl.DataFrame:
        return curves_table(
            "How late an agent can arrive in time",
            f"Episodes that end at the destination exactly at step T; trained on T up to {GridTime().times[1]}.",
            "T",
            "share of episodes",
            curves_across(results, {time: f"success_{time}" for time in tested(settings)}),
        )

    def claims(self, results: pl.DataFrame, settings: GridTimeSettings) -> list[Claim]:
        return claims(results, settings)


GRID_TIME = GridTimeExperiment()
