"""Experiments with numbers in words and in programs."""
