"""Linear recurrences: how far they remember, and how fast they are."""
