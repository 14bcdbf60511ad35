"""Masks over an image classifier, each learned on all classes but one: what is lost with a class."""
