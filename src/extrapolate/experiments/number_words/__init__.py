"""Numbers in words: a recurrent network reads few of them and gives the value of the others."""

from extrapolate.experiments.number_words.experiment import NUMBER_WORDS

__all__ = ["NUMBER_WORDS"]
