"""Experiments with agents."""
