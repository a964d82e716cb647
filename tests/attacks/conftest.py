"""A reader that is lied to."""

from __future__ import annotations

from tests.reader_fixture import fresh_reader, reader, shared_reader

__all__ = ["fresh_reader", "reader", "shared_reader"]
