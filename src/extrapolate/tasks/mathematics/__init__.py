"""School mathematics as text: questions and answers are sequences of characters.

:data:`MODULES` are five modules of the Mathematics Dataset, with three difficulties each. The problems of a module
come from :class:`Generated` or, for the published files, from :class:`Official`, as a :class:`Split`.
:class:`Mathematics` is the task with these problems. Its :class:`Vocabulary` encodes them and checks answers.
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
