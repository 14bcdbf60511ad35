"""Madam against Adam and SGD: one learning rate for all, weights in a few bits, arithmetic units."""
