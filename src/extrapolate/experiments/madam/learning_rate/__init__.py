"""One learning rate for networks of any kind and depth."""
