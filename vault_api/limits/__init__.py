"""What keeps the vault answering under load: rates by address and caller, gates in front of the work, time limits."""
