"""Neural GPUs: at each step one cell updates all positions of a sequence. ``extrapolate.nn`` exports them."""
