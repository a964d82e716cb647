"""The whole story through the real programs, each step printed with what it proves."""
