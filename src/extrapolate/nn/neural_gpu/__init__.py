"""Neural GPUs: one cell changes every position of a sequence at each step. ``extrapolate.nn`` exports them."""
