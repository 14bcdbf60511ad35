"""The front door: ``extrapolate list | run | report | fit | predict``."""

from extrapolate.cli.app import main

__all__ = ["main"]
