"""Every structure of the formats, where its vectors are made, and which part of the code they run through.

The README's table is made from here; tests hold that each structure has vectors enough, that nothing is left out of the
table, and that every public parser and verifier of ``protocol/`` is named here or in ``ELSEWHERE`` with a reason.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from functools import cache

from tests.vectors.book import ACCEPTED, Book, Judge, read

MAKERS = (
    *("encodings", "identifiers", "sealing", "accounts", "cards", "signed", "statements", "scenarios"),
    *("credentials", "shows", "logs", "heads", "tiling", "parcels", "requests", "trust", "windows", "evidence", "recoveries", "shares"),
)
LEAST = 10  # refused cases of a structure


@dataclass(frozen=True)
class Structure:
    """``chapter``: where FORMATS has it; ``page``: of docs; ``code``: our reader; ``judge``: how the tests call it."""

    name: str
    chapter: str
    page: str
    code: str
    judge: str


def _table(text: str) -> tuple[Structure, ...]:
    return tuple(Structure(*(cell.strip() for cell in line.split("|"))) for line in text.strip().splitlines())


# name | chapter | page | code | judge
STRUCTURES = _table("""
base64url | encodings | spec/encodings.md | encoding.unb64u | texts.base64url
base64 | encodings | spec/encodings.md | encoding.unb64 | texts.base64
base45 | encodings | spec/encodings.md | encoding.unbase45 | texts.base45
hex | encodings | spec/encodings.md | encoding.unhex0x | texts.hex_text
canonical-json | encodings | spec/encodings.md | canonical.loads_canonical | texts.canonical_json
pointer | encodings | spec/credential.md | pointers.parse_pointer | texts.pointer
jwk | Keys | spec/credential.md | jose.PublicJwk.from_json | texts.jwk
age-recipient | Keys | spec/sealed-object.md | recipients.parse_recipient | texts.recipient
age-identity | Keys | spec/sealed-object.md | recipients.parse_identity | texts.identity
keys | Keys | spec/keys.md | keys.person_root | sealing.keys
key-ring | Keys | spec/keys.md | keyring.open_ring | sealing.key_ring
key-card | Keys | spec/keycard.md | keycard.verify_key_card | accounts.key_card
guardian-set | Keys | spec/recovery.md | guardians.GuardianSet.take | recoveries.guardian_set
recovery-request | Keys | spec/recovery.md | recovery.RecoveryRequest.parse | recoveries.request
recovery-share | Keys | spec/recovery.md | recovery.Share.parse | recoveries.share
recovery-answer | Keys | spec/recovery.md | recovery.Answer.parse | recoveries.answer
recovery-root | Keys | spec/recovery.md | slip39.combine | recoveries.root
dossier-id | Keys | spec/identifiers.md | identifiers.dossier_id | texts.dossier
dossier-urn | Credential | spec/identifiers.md | identifiers.parse_dossier_urn | texts.dossier_urn
agency-urn | Credential | spec/identifiers.md | identifiers.parse_agency_urn | texts.agency_urn
address | Keys | spec/identifiers.md | identifiers.parse_address | texts.address
citizen-number | Credential | spec/identifiers.md | identifiers.check_citizen_number | texts.citizen_number
credit-code | Credential | spec/identifiers.md | identifiers.check_credit_code | texts.credit_code
certificate-id | Credential | spec/identifiers.md | identifiers.parse_certificate_id | texts.certificate_id
vct | Credential | spec/credential.md | vct.parse_vct | texts.vct
status-uri | Credential | spec/credential.md | status_list.parse_status_uri | texts.status_uri
credential | Credential | spec/credential.md | credential.verify_credential_signature | credentials.credential
presentation | Credential | spec/credential.md | credential.verify_presentation_binding | credentials.presentation
status-list | Credential | spec/credential.md | status_list.verify_status_token | credentials.status_list
slip | Deposit | spec/credential.md | slips.verify_slip | signed.slip
item-commitment | Deposit | spec/credential.md | slips.item_commitment | signed.item
rewrap | Keys | spec/keys.md | rewraps.verify_rewrap | signed.rewrap
own-document | Deposit | spec/export.md | client.own_document.OwnDocument.parse | signed.own_document
card-token | Deposit | spec/credential.md | statements.verify_card_token | signed.card_token
sealed-object | Deposit | spec/sealed-object.md | envelope.open_bytes | sealing.sealed_object
account-message | Grant | spec/grant.md | signatures.verify_account | accounts.message
grant | Grant | spec/grant.md | grant.GrantEnvelope.parse | accounts.grant
mandate | Grant | spec/grant.md | mandate.MandateEnvelope.parse | accounts.mandate
revocation | Grant | spec/log.md | revocations.verify_revocation | accounts.revocation
parcel | Grant | spec/sealed-object.md | parcel.Parcel.parse | uses.parcel
sealed-parcel | Grant | spec/parcel.md | agency_cli.services.parcels.open_granted | uses.sealed_parcel
scenario | Grant | spec/scenario.md | scenario.verify_scenario | signed.scenario
over-asking | Grant | spec/scenario.md | scenario.check_over_asking | signed.over_asking
receipt | Use | spec/receipt.md | receipts.verify_receipt | signed.receipt
access-record | Use | spec/use.md | entries.AccessRecord.parse | logs.access_record
use-in-log | Use | spec/log.md | entries.verify_access | logs.use
statement | Log | spec/credential.md | statements.verify_statement | signed.statement
origin | Log | spec/log.md | entries.parse_origin | texts.origin
entry | Log | spec/log.md | entries.Entry.parse | logs.entry
opening | Log | spec/log.md | entries.verify_opening | logs.opening
public-entry | Log | spec/log.md | entries.verify_public | logs.public_entry
history | Log | spec/log.md | history.verify_history | logs.history
vkey | Log | spec/log.md | note.Vkey.parse | logs.vkey
checkpoint | Log | spec/log.md | note.verify_checkpoint | logs.checkpoint
growth | Log | spec/log.md | note.verify_growth | logs.growth
tlog-proof | Log | spec/log.md | tlog_proof.verify_tlog_proof | logs.tlog_proof
anchored-entry | Log | spec/verdict.md | verify_log.verify_entry | logs.anchored_entry
tile-path | Log | spec/log.md | tiles.parse_tile_path | logs.tile_path
entry-bundle | Log | spec/log.md | tiles.parse_bundle | logs.bundle
tiles | Log | spec/log.md | tiles.VerifiedTileReader | logs.tiles
log-evidence | Log | spec/audit.md | log_evidence.verify_log_evidence | evidence.log_evidence
show-code | Show | spec/show.md | show_code.verify_show_code | credentials.show_code
request-code | Show | spec/window.md | request_code.verify_request | windows.request_code
offline-frame | Show | spec/window.md | offline.parse_frame | windows.offline_frame
offline-message | Show | spec/window.md | offline.open_message | windows.offline_message
content-digest | HTTP | http.md | http_sig.parse_content_digest | texts.content_digest
signed-request | HTTP | http.md | vault_api.http_auth.read_signature | uses.request
verdict | Verdict | spec/verdict.md | verdict.conclude | uses.verdict
trust-file | Verdict | spec/export.md | client.trust.open_trust | trust.trust_file
""")

# Parts of FORMATS that no code reads or writes yet: they get their vectors with their code.
NOT_BUILT: dict[str, str] = {}

# Public readers of protocol/ that are no structure of their own, and why.
ELSEWHERE = {
    "account_envelope.AccountEnvelope.parse": "the form of grant and mandate",
    "account_envelope.AccountEnvelope.from_json": "the same, where an envelope stands in another document",
    "age_format.parse_header": "a part of sealed-object",
    "age_format.parse_whole_header": "a part of sealed-object",
    "cose.parse": "a part of show-code and request-code",
    "cose.Sign1.verify": "a part of show-code and request-code",
    "credential.open_credential": "a part of credential",
    "credential.parse_day": "a part of credential",
    "credential.parse_file_entry": "a part of credential and own-document",
    "dcql.parse_query": "a part of scenario",
    "dcql.parse_alternatives": "a part of scenario",
    "dcql.parse_path": "a part of scenario",
    "eip712.Typed.from_json": "a part of account-message",
    "envelope.open_file": "sealed-object, joined; the age test kit besides",
    "envelope.open_joined": "the same, in memory",
    "envelope.open_stream": "sealed-object, in constant memory",
    "entries.Opening.from_json": "a part of opening",
    "entries.verify_opened": "a part of history; of an opening whose object is at hand, a part of opening",
    "jose.parse_jws": "a part of every signed form",
    "jose.verify_jws": "a part of every signed form",
    "jose.verify_es256": "a part of every signed form",
    "keycard.KeyCardEnvelope.parse": "a part of key-card",
    "keycard.KeyCardEnvelope.from_json": "a part of key-card",
    "keyring.KeyRing.parse": "a part of key-ring",
    "keyring.RingMember.from_json": "a part of key-ring, and of a request to join",
    "joining.parse_request": "between two devices of one wallet: tests/unit/wallet_cli/test_devices.py",
    "joining.open_answer": "the same; what is sealed in it is a key-ring",
    "rewraps.parse_rewrap": "a part of rewrap",
    "recovery.open_share": "a recovery-share in a sealed-object",
    "recovery.open_answer": "a recovery-answer in a sealed-object",
    "merkle.verify_inclusion": "a part of tlog-proof; transparency-dev's vectors besides",
    "merkle.verify_consistency": "a part of growth; transparency-dev's vectors besides",
    "log_evidence.parse_log_evidence": "a part of log-evidence",
    "merkle.Frontier.parse": "a vault's own state, never received",
    "note.Vkey.verify": "a part of checkpoint",
    "note.parse_note": "a part of checkpoint",
    "note.verify_note": "a part of checkpoint",
    "note.Checkpoint.parse_text": "a part of checkpoint",
    "receipts.parse_receipt": "a part of receipt",
    "recipients.HybridRecipient.parse": "a part of age-recipient",
    "recipients.X25519Recipient.parse": "a part of age-recipient",
    "recipients.HybridIdentity.parse": "a part of age-identity",
    "recipients.X25519Identity.parse": "a part of age-identity",
    "revocations.parse_revocation": "a part of revocation",
    "revocations.verify_secret": "a part of revocation",
    "scenario.parse_scenario": "a part of scenario",
    "sdjwt.open_claims": "a part of credential",
    "sdjwt.parse_sdjwt": "a part of credential",
    "paper.parse_paper": "judged by the page's own script and npm's jose: tests/interop/test_paper_strangers.py",
    "paper.verify_paper": "the same",
    "stamp.Particulars.parse": "a part of a stamp's code: tests/unit/protocol/test_paper.py",
    "stamp.parse_stamp": "a statement, which has vectors, and a packing: tests/unit/protocol/test_paper.py",
    "sdjwt.parse_disclosure": "a part of credential",
    "sdjwt.verify_issuer": "a part of credential",
    "sdjwt.verify_key_binding": "a part of presentation",
    "show_code.parse_show_code": "a part of show-code",
    "slips.parse_slip": "a part of slip",
    "request_code.parse_request": "a part of request-code",
    "statements.parse_statement": "a part of statement",
    "statements.parse_card_token": "a part of card-token",
    "status_list.parse_status_token": "a part of status-list",
    "tlog_proof.TlogProof.parse": "a part of tlog-proof",
    "verdict.Verdict.from_json": "a part of verdict",
    "verify_credential.verify_credential": "facts of the chain besides: tests/attacks/test_presentation_attacks.py",
    "verify_grant.verify_grant": "facts of the chain besides: tests/attacks/test_grant_attacks.py",
    "verify_log.verify_commitment": "a part of opening, by the kind that is expected",
    "verify_log.verify_anchored_history": "a part of anchored-entry",
    "verify_log.verify_finality": "confirmations are a fact of the chain: tests/unit/protocol/test_verify_log.py",
}


def judge_of(name: str) -> Judge:
    """Our verifier of a structure."""
    module, function = next(one.judge for one in STRUCTURES if one.name == name).split(".")
    found: Judge = getattr(importlib.import_module(f"tests.vectors.judges.{module}"), function)
    return found


@cache
def books() -> list[Book]:
    """Every structure's vectors, made anew, in the order of the table."""
    made = [book for name in MAKERS for book in importlib.import_module(f"tests.vectors.makers.{name}").books()]
    by_name = {book.structure: book for book in made}
    if len(by_name) != len(made) or set(by_name) != {one.name for one in STRUCTURES}:
        raise ValueError("the table and the makers name other structures")
    return [by_name[one.name] for one in STRUCTURES]


def counts(name: str) -> tuple[int, int]:
    """How many accepted and refused cases the committed vectors of a structure have."""
    cases = read(name)["cases"]
    accepted = sum(case["expect"] == ACCEPTED for case in cases)
    return accepted, len(cases) - accepted


def table() -> str:
    """The README's table."""
    rows = ["| FORMATS | structure | accepted | refused | specification | judged by |", "|---|---|---|---|---|---|"]
    totals = [0, 0]
    for one in STRUCTURES:
        accepted, refused = counts(one.name)
        totals = [totals[0] + accepted, totals[1] + refused]
        code = one.code if one.code.split(".")[0] in {"client", "agency_cli", "vault_api"} else f"protocol.{one.code}"
        links = f"[{one.name}](golden/{one.name}.json)", f"[{one.page}](../../docs/{one.page})"
        rows.append(f"| {one.chapter} | {links[0]} | {accepted} | {refused} | {links[1]} | `{code}` |")
    rows.append(f"| | {len(STRUCTURES)} structures | {totals[0]} | {totals[1]} | | |")
    return "\n".join(rows)


def not_built() -> str:
    """What of FORMATS has no vectors since it has no code."""
    return "\n".join(f"* {part}: {why}" for part, why in NOT_BUILT.items()) or "Nothing: every part has its code."
