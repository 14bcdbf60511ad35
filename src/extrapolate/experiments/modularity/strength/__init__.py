"""Masks pressed harder and harder: what the strength of the pressure decides."""
