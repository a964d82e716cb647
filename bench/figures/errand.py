"""A citizen's and a department's errands with the programs themselves, on values that are looked for afterwards."""

from __future__ import annotations

import json
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.figures.figure import Tally
from bench.local_chain import LocalChain
from bench.programs import LICENCE, NAME, Programs
from client import agent
from client.profile import FOLDERS, Profile
from scripts.samples import made_pdf
from vault_api.settings import Settings

OFFICE, CITIZEN = "office", "citizen"


@dataclass(slots=True)
class Errand:
    """A department and a wallet with profiles, unlocked; ``close`` locks them."""

    programs: Programs
    folder: Path
    home: Path

    @classmethod
    def of(cls, chain: LocalChain, settings: Settings) -> Errand:
        errand = cls(Programs.of(chain, settings), chain.folder, settings.home)
        errand.programs.issuer(OFFICE)
        phrase = ("--phrase-file", str(chain.folder / "phrase"), "--yes", "--unlock", "1h")
        errand._wallet("init", *phrase)
        return errand

    def run(self, values: Sequence[str], tally: Tally) -> None:
        """Issue a credential and a document with the values, claim and open them, and put in an own document."""
        item = self._issue(values)
        self._wallet("sync")
        verdict = self._wallet("claim", item)["items"][0]["verdict"]["verdict"]
        tally.control(verdict in {"accept", "indeterminate"}, f"the wallet's verdict on what was issued: {verdict}")
        opened = self.folder / f"{secrets.token_hex(4)}.pdf"
        self._wallet("open", item, "proof.pdf", "--to", str(opened))
        seen = opened.read_bytes()
        tally.control(all(value.encode() in seen for value in values), "the wallet did not open what was issued")
        own = self.folder / "own.pdf"
        own.write_bytes(seen)
        self._wallet("put", str(own), "--title", values[0])

    def close(self) -> None:
        """End the agents that keep the keys: they are no children of ours."""
        for program, folder in FOLDERS.items():
            for made in (self.home / folder).glob("*"):
                agent.lock(Profile.of(program, made.name, self.home))

    def _issue(self, values: Sequence[str]) -> str:
        invitation, claims = self.folder / "invitation.jwt", self.folder / "claims.json"
        document = self.folder / "proof.pdf"
        invitation.write_text(self._wallet("card", "--for", NAME)["card_token"])
        claims.write_text(json.dumps(_claims(values), ensure_ascii=False))
        document.write_bytes(made_pdf("SAMPLE", pages=1) + json.dumps(values, ensure_ascii=False).encode())
        order = ["--type", LICENCE, "--to", str(invitation), "--claims", str(claims), "--document", str(document)]
        number = secrets.token_hex(8).upper()
        made = self.programs.run("agency", "issue", *order, "--number", number, "--profile", OFFICE)
        return str(made["item"])

    def _wallet(self, *arguments: str) -> Any:
        return self.programs.run("wallet", *arguments, "--profile", CITIZEN)


def _claims(values: Sequence[str]) -> dict[str, object]:
    """A social insurance proof of nobody, with values where a person's would stand."""
    given = [values[number % len(values)] for number in range(4)]
    return {
        "holder": {"name": given[0], "identity_type": "other", "identity_number": given[1]},
        "insured_region": given[2],
        "insurance_kinds": "pension",
        "insured_since": "2015-07-01",
        "months_paid": 136,
        "contribution_base": 812300,
        "employer_name": given[3],
        "insured_status": "insured",
        "paid_last_12_months": True,
    }
