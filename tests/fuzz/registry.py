"""Every parser of the project that outside bytes reach; ``tests/house/test_fuzz_registry.py`` holds it complete."""

from __future__ import annotations

from tests.fuzz import (
    agency_parsers,
    chain_parsers,
    client_parsers,
    keeping_parsers,
    log_parsers,
    message_parsers,
    paper_parsers,
    recovery_parsers,
    sealed_parsers,
    signed_parsers,
    vault_parsers,
)
from tests.fuzz.parser import Parser

_MODULES = (
    sealed_parsers,
    signed_parsers,
    message_parsers,
    log_parsers,
    vault_parsers,
    chain_parsers,
    client_parsers,
    agency_parsers,
    paper_parsers,
    recovery_parsers,
    keeping_parsers,
)
PARSERS: dict[str, Parser] = {parser.name: parser for module in _MODULES for parser in module.PARSERS}

assert len(PARSERS) == sum(len(module.PARSERS) for module in _MODULES)
