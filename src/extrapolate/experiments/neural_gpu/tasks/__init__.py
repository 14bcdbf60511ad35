"""Copy, reverse, duplicate and sort, learned on short sequences and done on long ones."""
