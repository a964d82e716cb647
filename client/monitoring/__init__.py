"""``monitor``: whoever wants to follows a log, without a key and without asking anyone (docs/spec/audit.md §6)."""
