"""School mathematics in words: questions and answers as sequences of characters.

Five of the modules of the Mathematics Dataset in three difficulties: :data:`MODULES`. Two sources of problems,
:class:`Generated` here and :class:`Official` from a folder, give a :class:`Split` of one; :class:`Mathematics` is the
task of its problems, whose :class:`Vocabulary` makes tensors of them and judges answers.
"""

from extrapolate.tasks.mathematics.modules import MODULES, Module, get_module
from extrapolate.tasks.mathematics.problem import DIFFICULTIES, Problem
from extrapolate.tasks.mathematics.sources import Generated, Official, Source, Split
from extrapolate.tasks.mathematics.task import Mathematics
from extrapolate.tasks.mathematics.vocabulary import Vocabulary

__all__ = [
    "DIFFICULTIES",
    "MODULES",
    "Generated",
    "Mathematics",
    "Module",
    "Official",
    "Problem",
    "Source",
    "Split",
    "Vocabulary",
    "get_module",
]
