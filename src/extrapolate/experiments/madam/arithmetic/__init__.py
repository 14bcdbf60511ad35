"""Madam on arithmetic units, which learn with Adam."""
