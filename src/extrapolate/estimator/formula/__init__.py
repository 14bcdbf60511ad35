"""A formula: structure, constants, rendering, and saving to a file."""
