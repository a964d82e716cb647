"""Keeping what the vault holds: backup, restore, scrub, and the way on from an older state (docs/operations.md)."""
