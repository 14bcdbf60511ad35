"""Masks over a network that adds in two places: does it use the same weights for both?"""
