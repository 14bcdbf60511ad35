"""Neural GPUs: sequences copied, reversed, duplicated and sorted; numbers added and multiplied."""
