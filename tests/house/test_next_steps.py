"""An error tells the next step: what a program refuses, or can't reach, has one, or is excused here."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module

import click
import pytest

from console.frame import Group
from tests.strangers import ROOT

FAULTS = {"Denied", "Conflict", "Unavailable"}
PROGRAMS = {
    "wallet_cli.hints": ("client", "wallet_cli"),
    "agency_cli.hints": ("client", "agency_cli"),
    "chain.main": ("chain",),
}
COMMAND_LINES = {
    "wallet": "wallet_cli.main",
    "agency": "agency_cli.main",
    "chain": "chain.main",
    "vault-api": "vault_api.main",
    "monitor": "client.monitoring.main",
}
NAMED = re.compile(rf"`((?:{'|'.join(COMMAND_LINES)}) [^`]+)`")
SAYS_IT = "the message says what to do"
A_MESSAGE = "a dossier's message on chain, which the wallet sends: its next step is the wallet's"
OF_A_CARD = "a key card's, which an agency publishes: its next step is the agency's"
NOTHING = "nothing can be done, and the message says why"
EXCUSED = {
    "anvil_failed": SAYS_IT,
    "anvil_missing": SAYS_IT,
    "code_ambiguous": SAYS_IT,
    "device_not_asked": SAYS_IT,
    "document_not_named": SAYS_IT,
    "freeze_too_soon": SAYS_IT,
    "guardians_not_here": SAYS_IT,
    "match_number": SAYS_IT,
    "nonce_unchecked": SAYS_IT,
    "nothing_begun": SAYS_IT,
    "offline_answer_late": SAYS_IT,
    "opening_missing": SAYS_IT,
    "scenario_ambiguous": SAYS_IT,
    "show_not_enough": SAYS_IT,
    "already_attested": A_MESSAGE,
    "already_revoked": A_MESSAGE,
    "dossier_exists": A_MESSAGE,
    "dossier_frozen": A_MESSAGE,
    "dossier_unknown": A_MESSAGE,
    "guardian_change_missing": A_MESSAGE,
    "guardian_quorum": A_MESSAGE,
    "guardian_unknown": A_MESSAGE,
    "message_expired": A_MESSAGE,
    "message_nonce": A_MESSAGE,
    "not_ready": A_MESSAGE,
    "recovery_missing": A_MESSAGE,
    "recovery_pending": A_MESSAGE,
    "card_previous": OF_A_CARD,
    "card_unknown": OF_A_CARD,
    "card_revoked_below": OF_A_CARD,
    "card_sequence": OF_A_CARD,
    "card_valid_from": OF_A_CARD,
    "chain_gas": NOTHING,
    "chain_sha256": NOTHING,
    "compromise_time": SAYS_IT,
    "contract_refused": NOTHING,
    "governor_required": SAYS_IT,
    "log_exists": "of a log that a vault opens: its next step is the vault's",
    "log_behind": "of a log that a vault anchors: its next step is the vault's",
    "log_frozen": NOTHING,
    "log_growth": NOTHING,
    "log_not_frozen": NOTHING,
    "log_size": NOTHING,
    "log_succeeded": NOTHING,
    "recovery_not_vetoable": NOTHING,
}  # fmt: skip


def raised(packages: tuple[str, ...], faults: set[str]) -> Iterator[str]:
    """The codes of the errors that these packages raise."""
    for path in sorted(path for package in packages for path in (ROOT / package).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in faults and node.args:
                code = node.args[0]
                if isinstance(code, ast.Constant) and isinstance(code.value, str):
                    yield code.value


@pytest.mark.parametrize("module", PROGRAMS)
def test_what_a_program_refuses_has_a_next_step(module: str) -> None:
    known = set(told(module)) | set(EXCUSED)
    assert sorted(set(raised(PROGRAMS[module], FAULTS)) - known) == []


def test_what_is_excused_is_raised() -> None:
    codes = {code for packages in PROGRAMS.values() for code in raised(packages, FAULTS)}
    assert sorted(set(EXCUSED) - codes) == []


def told(module: str) -> dict[str, str]:
    """The program's next steps by code, in English."""
    code = f"import json, {module}\nfrom console import hints\nprint(json.dumps(hints._HINTS))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    found = json.loads(done.stdout)
    assert isinstance(found, dict)
    return found


def missing_from(line: str) -> str | None:
    """The first word of a command line that its program does not have: a command of a group, or an option."""
    program, *words = line.split()
    command: click.Command = import_module(COMMAND_LINES[program]).cli
    for word in words:
        if word.startswith("--"):
            if not any(word in option.opts for option in command.get_params(click.Context(command))):
                return word
        elif isinstance(command, click.Group) and word.isascii() and word.islower():
            found = command.loaded(word) if isinstance(command, Group) else command.commands.get(word)
            if found is None:
                return word
            command = found
    return None


@pytest.mark.parametrize("module", [*PROGRAMS, "vault_api.main"])
def test_the_commands_of_a_next_step_are_there(module: str) -> None:
    lines = {line for text in told(module).values() for line in NAMED.findall(text)}
    assert len(lines) > 5
    assert [(line, missing) for line in sorted(lines) if (missing := missing_from(line)) is not None] == []


def test_a_command_that_is_not_there_is_missed() -> None:
    assert missing_from("wallet keys rewrap") is None
    assert missing_from("wallet keys melt") == "melt"
    assert missing_from("agency register --rotate") is None
    assert missing_from("agency register --often") == "--often"
