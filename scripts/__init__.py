"""The demonstration and the local set-up: real programs, real chain, sample people."""
