"""The command-line frame that every OneFile program shares (ADR 0002).

Language, exit codes, ``--json``, progress, rendering of errors and tables, and shell completion.
It imports ``protocol`` only; nothing here knows what a dossier is.
"""
