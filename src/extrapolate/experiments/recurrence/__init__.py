"""Experiments on linear recurrences: how long they remember, and how fast they are."""
