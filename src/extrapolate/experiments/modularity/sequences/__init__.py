"""Networks that answer a sequence with a sequence, and how they are trained and taken apart."""
