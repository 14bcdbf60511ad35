"""The command line: ``extrapolate list | run | report | fit | predict | compute``."""

from extrapolate.cli.app import main

__all__ = ["main"]
