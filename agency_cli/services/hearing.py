"""What holders and issuers tell this agency, judged before anybody acts on it, and acknowledged (docs/spec/notices.md).

The vault carries notices and could forge, replay or withhold them. A statement counts if the chain stands for the key
that signed it and the grant is of the dossier that speaks. A withheld end of a grant is seen where the chain knows it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from agency_cli.services import folders
from agency_cli.services.inbox import find_grant
from agency_cli.services.judging import judge_given
from agency_cli.services.saying import say
from agency_cli.services.uses import Uses
from client.checks import Desk
from client.notices import Heard, Kept, NoticeBox, acknowledged, judge
from client.scenarios import scenario_by_hash
from client.session import Session
from protocol.encoding import b64u
from protocol.errors import Denied, OneFileError, Unavailable, Untrusted
from protocol.identifiers import dossier_urn
from protocol.statements import Statement
from protocol.wire_notices import BY_THE_VAULT, GRANT_ENDED

ENDS = frozenset({"notice", GRANT_ENDED})
ANSWERED = frozenset({"notice", "complaint", "correction"})  # what is acknowledged
_MIN_NAME = 4


def listen(session: Session, wait_s: int = 0) -> list[Kept]:
    """Fetch what is new for this agency."""
    return NoticeBox(session.profile.folder).fetch(session.api.notices, wait_s)


def heard(session: Session, desk: Desk, kept: Iterable[Kept]) -> list[Heard]:
    """Each notice with who said it, by the chain."""
    return [_checked(session, desk, judge(session, desk, one)) for one in kept]


def find(session: Session, wanted: str) -> Kept:
    """The notice whose name begins so; ``Denied("notice_not_found")`` if not exactly one."""
    found = [
        one for one in NoticeBox(session.profile.folder) if len(wanted) >= _MIN_NAME and one.name.startswith(wanted)
    ]
    if len(found) != 1:
        raise Denied(
            "notice_not_found",
            "{count} notices here have a name that begins with {name}",
            count=len(found),
            name=wanted,
        )
    return found[0]


def waiting(kept: Iterable[Kept]) -> list[Kept]:
    """What waits for an acknowledgement of ours."""
    return [one for one in kept if one.notice.kind in ANSWERED and one.index is None]


def acknowledge(session: Session, desk: Desk, kept: Kept) -> Kept:
    """Say in the log that we have it. What nobody signed, or somebody false, is not acknowledged.

    Raises what was wrong with it; ``Denied("notice_no_answer")`` for a kind that waits for none.
    """
    if kept.notice.kind not in ANSWERED:
        raise Denied("notice_no_answer", "a notice of this kind is not acknowledged")
    (judged,) = heard(session, desk, [kept])
    if judged.error is not None:
        raise judged.error
    box, said = NoticeBox(session.profile.folder), kept.said
    index = say(
        session,
        kept.answer,
        lambda raw: box.save(acknowledged(kept, raw)),
        "acknowledgement",
        about=said.hash,
        item=said.body.item,
    )
    answer = next(one.answer for one in box if one.name == kept.name)
    return box.save(acknowledged(kept, answer or "", index))


def withheld_ends(session: Session, desk: Desk) -> Iterator[str]:
    """Grants that we have used and that the chain says were ended, of which the vault never told us.

    Seen only while the folder of a use is kept: the grant that stands in it names what the chain is asked for.
    """
    told = {one.notice.grant for one in NoticeBox(session.profile.folder) if one.notice.kind in ENDS}
    asked: set[bytes] = set()
    for use in Uses(session.profile.folder):
        grant = use.receipt.body.grant
        if grant is None or grant in asked or b64u(grant) in told or not use.kept or use.out is None:
            continue
        asked.add(grant)
        if _ended_on_chain(desk, folders.read_use(use.out)):
            yield b64u(grant)


def _ended_on_chain(desk: Desk, files: folders.UseFiles) -> bool:
    if files.envelope is None:
        return False
    try:
        return desk.facts.nullifier(files.envelope.grant.nullifier).spent_at is not None
    except Unavailable:
        return False


def _checked(session: Session, desk: Desk, found: Heard) -> Heard:
    """What is signed must also be said by the dossier whose grant it names."""
    if not found.believed or found.kept.notice.kind in BY_THE_VAULT:
        return found
    try:
        _check_owner(session, desk, found.kept.said.body)
    except Unavailable as error:
        return replace(found, state="unknown", code=error.code, error=error)
    except OneFileError as error:
        return replace(found, state="false", code=error.code, error=error)
    return found


def _check_owner(session: Session, desk: Desk, said: Statement) -> None:
    if said.grant is None:
        return
    given = find_grant(session, b64u(said.grant))
    scenario = scenario_by_hash(session, desk, given.grant.scenario)
    verdict = judge_given(desk, given, scenario, uses=0, now=session.clock.now())
    signature = next(check for check in verdict.checks if check.name == "grant_signature")
    if signature.status == "fail" or said.iss != dossier_urn(given.grant.dossier):
        raise Untrusted("notice_other_dossier", "the notice speaks of a grant that its dossier never gave")
