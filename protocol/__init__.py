"""Bytes to meaning and back: every OneFile structure, and nothing that touches the world.

No module here opens a file, reads a clock or the environment, or talks to a network (the one
exception is ``protocol/__main__.py``, the plumbing for strangers).
"""
