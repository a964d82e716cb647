"""Drawing what a reader gets to see: verdicts on uses, claims with their titles, documents."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from client.titles import claim_names, said, spoken, type_title
from client.verdicts import draw_checks, draw_conclusion
from console import output
from console.i18n import _

if TYPE_CHECKING:
    from agency_cli.services.judging import Judged, Outcome
    from protocol.credential import Credential
    from protocol.scenario import Scenario

_SHORT = 12


def scenario_name(scenario: Scenario | None) -> str:
    """The title of a scenario, and its version."""
    return "–" if scenario is None else f"{spoken(scenario.title)} ({scenario.scenario_id}, {scenario.version})"


def draw_outcome(outcome: Outcome) -> None:
    """The verdict in one word, then each item with its checks and its claims."""
    draw_conclusion(outcome.verdict)
    for judged in outcome.items:
        output.line()
        output.line(f"{spoken(type_title(judged.handed.credential))}  {judged.handed.id[:_SHORT]}")
        draw_checks(judged.verdict)
        # What is rejected is not shown: nobody should read a value off a screen that says no.
        if judged.verdict.verdict != "reject":
            draw_claims(judged)


def draw_claims(judged: Judged) -> None:
    """The claims that were shown, by their titles, and the documents."""
    output.fields(claim_rows(judged))


def claim_rows(judged: Judged) -> list[tuple[str, object]]:
    """Title and value of everything that was shown of an item."""
    return credential_rows(judged.handed.credential, [d.entry.name for d in judged.handed.documents])


def credential_rows(credential: Credential, documents: Iterable[str] = ()) -> list[tuple[str, object]]:
    """Title and value of what a credential shows, and the names of its documents."""
    licence = credential.licence
    until = licence.expiring_date.isoformat() if licence.expiring_date else _("open end")
    return [
        (_("Issued by"), f"{licence.dept_name}, {licence.issue_date.isoformat()}"),
        (_("Valid"), f"{licence.effective_date.isoformat()} – {until}"),
        *_claims(credential),
        *((_("Document"), name) for name in documents),
    ]


def _claims(credential: Credential) -> Iterator[tuple[str, object]]:
    for pointer in credential.named:
        for name in claim_names(credential.vct, [pointer]):
            yield name, said(credential.opened.values[pointer])
