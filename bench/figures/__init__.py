"""Figures: promises of the system, tried very often (``make figure``, docs/figures.md)."""
