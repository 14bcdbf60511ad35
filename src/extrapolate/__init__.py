"""Networks that learn the rule behind their examples, and stay right far outside the training range."""

__version__ = "0.1.0"
