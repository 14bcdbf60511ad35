"""Agents that act."""
