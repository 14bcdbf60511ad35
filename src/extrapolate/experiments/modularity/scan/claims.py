"""How the published findings are judged on the results."""

import numpy as np
import polars as pl

from extrapolate.experiments.findings import Claim
from extrapolate.experiments.modularity.judging import Judge
from extrapolate.experiments.modularity.scan.settings import PRESETS, ScanSettings
from extrapolate.experiments.modularity.scan.subject import ALL, JUMP, LACKING, REMOVED
from extrapolate.experiments.modularity.subject import CONTROL

#: Right answers: of a network that has learned a split at least, that a mask may cost at most, and that a mask
#: must lose to be clearly worse.
LEARNED, LITTLE, CLEARLY = 0.95, 0.05, 0.1

#: The token whose output weights the jump mask is to remove.
TOKEN = "I_JUMP"


def claims(results: pl.DataFrame, settings: ScanSettings) -> list[Claim]:
    """The findings over all networks that were run, by their means."""
    judge = Judge(results, settings, PRESETS["laptop"])
    return [
        *(
            judge.above(
                f"unmasked/{split}",
                f"trained on the simple split, a network solves the test commands of {split} (right answers, at "
                "least 95 %)",
                judge.accuracy("unmasked", split),
                LEARNED,
            )
            for split in (ALL, *LACKING)
        ),
        *(
            judge.below(
                f"control/{split}",
                f"the mask learned on the simple split costs little (right answers to {split}, unmasked less "
                "control, at most 0.05)",
                judge.accuracy("unmasked", split) - judge.accuracy(CONTROL, split),
                LITTLE,
            )
            for split in (ALL, *LACKING)
        ),
        *(
            judge.above(
                f"{split}-mask/{split}",
                f"a mask learned on the training commands of {split} lacks weights that its test commands need "
                "(right answers, control less its own mask, at least 0.1)",
                judge.accuracy(CONTROL, split) - judge.accuracy(split, split),
                CLEARLY,
            )
            for split in LACKING
        ),
        _output(judge),
    ]


def _output(judge: Judge) -> Claim:
    """Of which token the jump mask removes the most output weights."""

    def shares(column: str) -> np.ndarray:
        return judge.column(JUMP, JUMP, column)

    others = [name for name in judge.results.columns if name.startswith(REMOVED) and name != REMOVED + TOKEN]
    own, most = shares(REMOVED + TOKEN), np.max([shares(name) for name in others], 0)
    return judge.above(
        "jump-mask/output",
        "of all tokens' output weights, the jump mask removes most of those of jump (measured: their share less the "
        "largest share of another token, above 0)",
        own - most,
        np.nextafter(0, 1),
        f"{own.mean():.2g} of jump's, {most.mean():.2g} of another's",
    )
