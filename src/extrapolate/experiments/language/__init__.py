"""Numbers read in words and in programs."""
