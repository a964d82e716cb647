"""The credential: an SD-JWT VC of our profile (``docs/spec/credential.md``), read and verified.

In the clear stand who issued, what kind, for which key, which status and which dates; everything that
tells something of the holder stands behind a salted digest: ``sub``, ``certificate_id``,
``certificate_number``, ``supersedes``, ``holder`` and each of its members, each entry of ``files``, and
every business field. A credential that shows one of these in the clear is refused: its issuer would
make each presentation tell more than the holder chose.

A verifier never fetches a URL that it finds here: ``iss``, ``vct`` and the status ``uri`` are names.
Making credentials stands in ``protocol/credential_issue.py``. Left out: ``exp`` and ``nbf`` (dates and
status say it), ``vct#integrity``, type metadata documents.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, timezone

from protocol import forms
from protocol.canonical import Json
from protocol.encoding import b64u
from protocol.errors import Denied, Malformed, Untrusted
from protocol.fields import Fields, text_of
from protocol.identifiers import dossier_urn, parse_certificate_id, parse_dossier_urn
from protocol.jose import EcSigner, PublicJwk
from protocol.pointers import Path, leaves, selects, within
from protocol.sdjwt import KeyBinding, Opened, SdJwt, open_claims, parse_sdjwt, verify_issuer, verify_key_binding
from protocol.sdjwt_present import bind_key, select_disclosures
from protocol.vct import parse_vct

MAX_FILES = 63  # a slip has 64 objects, and the first is the credential
MAX_FILE_BYTES = 4 << 30
MAX_STATUS_INDEX = 2**19
CLEAR = frozenset(
    {"iss", "iat", "vct", "cnf", "status", "files", "_sd", "_sd_alg"}
    | {"certificate_type_code", "issue_dept_name", "issue_dept_code"}
    | {"issue_date", "effective_date", "expiring_date"}
)
# Dates of Chinese licences are days of China Standard Time; a licence holds until its last day ends.
_CHINA = timezone(timedelta(hours=8))
_FILE_NAME = r"[^/\\\x00-\x1f\x7f\u200e\u200f\u202a-\u202e\u2066-\u2069]+"


@dataclass(frozen=True, slots=True)
class StatusRef:
    """Where the credential's status stands: the list's uri (a name, never fetched) and the index in it."""

    uri: str
    idx: int

    def to_json(self) -> dict[str, Json]:
        return {"status_list": {"idx": self.idx, "uri": self.uri}}


@dataclass(frozen=True, slots=True)
class FileEntry:
    """One document of the credential: SHA-256 and SM3 of its plaintext, 32 bytes each."""

    name: str
    media_type: str
    size: int
    sha256: bytes
    sm3: bytes

    def to_json(self) -> dict[str, Json]:
        return {
            "name": self.name,
            "media_type": self.media_type,
            "size": self.size,
            "sha256": b64u(self.sha256),
            "sm3": b64u(self.sm3),
        }


@dataclass(frozen=True, slots=True)
class Licence:
    """The licence fields that stand in the clear; dates are days of China Standard Time."""

    type_code: str
    dept_name: str
    dept_code: str
    issue_date: date
    effective_date: date
    expiring_date: date | None


@dataclass(frozen=True, slots=True)
class Credential:
    """A strictly parsed credential. Only ``verify_credential_signature`` says that its issuer signed it.

    ``subject`` is the dossier id (32 bytes), None if withheld; ``key`` is the key of ``cnf``; ``files``
    maps the pointer of each disclosed entry to it.
    """

    issuer: str
    issued_at: int
    vct: str
    licence_type: str
    version: int
    status: StatusRef
    key: PublicJwk
    licence: Licence
    subject: bytes | None
    files: dict[str, FileEntry]
    opened: Opened
    sdjwt: SdJwt

    @property
    def kid(self) -> bytes:
        """Thumbprint of the key that should have signed, 32 bytes."""
        return self.sdjwt.issuer.kid

    @property
    def issuer_jwt(self) -> str:
        """The issuer-signed JWT: what ``item_commitment`` binds."""
        return self.sdjwt.issuer_jwt

    @property
    def claims(self) -> dict[str, Json]:
        """All claims that are shown, those in the clear included."""
        return self.opened.claims

    @property
    def named(self) -> tuple[str, ...]:
        """The pointers of the claims that the holder chose to show, sorted; ``/sub`` is always shown."""
        return tuple(p for p in self.opened.leaves if p != "/sub")

    def resolve(self, path: Path) -> tuple[str, ...]:
        """The pointers to name, so that what ``path`` selects is shown; empty if it selects nothing.

        A path to something whose parts are separately disclosable gives the parts.
        """
        found: set[str] = set()
        for pointer in self.opened.values:
            if selects(path, pointer):
                below = [p for p in self.opened.disclosed if within(p, pointer)]
                found.update(leaves(below) or (pointer,))
        return tuple(sorted(found))


def open_credential(raw: str | bytes) -> Credential:
    """Parse and open; the signature is not checked.

    Raises ``Malformed``, or ``Untrusted("disclosure_unknown")`` for a disclosure that is not the issuer's.
    """
    sdjwt = parse_sdjwt(raw)
    opened = open_claims(sdjwt)
    _check_placement(sdjwt, opened)
    fields = Fields({k: v for k, v in opened.claims.items() if k in CLEAR}, "credential")
    vct = fields.text("vct", pattern=forms.VCT)
    licence_type, version = parse_vct(vct)
    licence = _licence(fields)
    fields.take("files")
    credential = Credential(
        issuer=fields.text("iss", pattern=forms.AGENCY_URN),
        issued_at=fields.time("iat"),
        vct=vct,
        licence_type=licence_type,
        version=version,
        status=_status(fields.object("status")),
        key=_confirmation(fields.object("cnf")),
        licence=licence,
        subject=_subject(opened),
        files=_files(opened),
        opened=opened,
        sdjwt=sdjwt,
    )
    fields.done()
    _check_certificate(credential)
    return credential


def verify_credential_signature(raw: str | bytes, issuer_key: PublicJwk) -> Credential:
    """The credential if ``issuer_key`` signed it and every disclosure is the issuer's; else ``Untrusted``.

    That the key is the issuer's, and that the issuer may issue this type, are the registry's facts.
    """
    credential = open_credential(raw)
    verify_issuer(credential.sdjwt, issuer_key)
    return credential


def present_credential(
    raw: str | bytes, named: Iterable[str], signer: EcSigner, *, aud: str, nonce: str, iat: int
) -> str:
    """A presentation of the ``named`` claims and ``/sub``, bound to ``aud`` and ``nonce`` by ``signer``.

    Raises ``Denied`` for a claim that is not there, ``Untrusted("holder_key")`` if ``signer`` does not
    hold the key of ``cnf``: such a presentation would verify nowhere.
    """
    credential = open_credential(raw)
    if signer.public_jwk() != credential.key:
        raise Untrusted("holder_key", "the credential is bound to another key: ask its issuer to rebind it")
    chosen = select_disclosures(credential.sdjwt, {*named, "/sub"})
    return bind_key(chosen, signer, aud=aud, nonce=nonce, iat=iat)


def verify_presentation_binding(credential: Credential, *, aud: str, nonce: str) -> KeyBinding:
    """The key binding by the key of ``cnf`` for this audience and nonce; else ``Untrusted``."""
    return verify_key_binding(credential.sdjwt, key=credential.key, aud=aud, nonce=nonce)


def check_named(credential: Credential, named: Iterable[str]) -> None:
    """Raise ``Untrusted`` unless the claims shown are exactly those ``named``.

    A named claim that stands in the clear anyway is allowed; one that is not there is not, and neither is
    a shown one that was not named.
    """
    wanted = set(named) - {"/sub"}
    shown = set(credential.named)
    missing = sorted(p for p in wanted - shown if not _in_the_clear(credential, p))
    if missing:
        raise Untrusted("claims_missing", "named but not shown: {claims}", claims=", ".join(missing)[:500])
    if shown - wanted:
        raise Untrusted(
            "claims_unnamed", "shown but not named: {claims}", claims=", ".join(sorted(shown - wanted))[:500]
        )


def check_dates(credential: Credential, now: int) -> None:
    """Raise ``Denied`` unless the licence holds on the day of ``now`` (seconds) in China Standard Time."""
    today = datetime.fromtimestamp(now, UTC).astimezone(_CHINA).date()
    licence = credential.licence
    if today < licence.effective_date:
        raise Denied("credential_not_yet", "the licence takes effect on {day}", day=licence.effective_date.isoformat())
    if licence.expiring_date is not None and today > licence.expiring_date:
        raise Denied("credential_expired", "the licence ended on {day}", day=licence.expiring_date.isoformat())


def check_age(credential: Credential, now: int, max_age: int) -> None:
    """Raise ``Denied`` if the credential was signed more than ``max_age`` seconds ago; 0 sets no limit."""
    if max_age and now - credential.issued_at > max_age:
        raise Denied(
            "credential_too_old",
            "the credential was issued {age} s ago; at most {most} s are asked for",
            age=now - credential.issued_at,
            most=max_age,
        )


def parse_day(value: Json, where: str) -> date:
    """A day written YYYY-MM-DD."""
    text = text_of(value, where, pattern=forms.DATE)
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise Malformed("field_form", "{field}: not of the expected form", field=where) from None


def parse_file_entry(value: Json, where: str) -> FileEntry:
    """One entry of ``files``, read strictly; its name is safe to create a document under."""
    fields = Fields(value, where)
    found = FileEntry(
        name=fields.text("name", limit=200, pattern=_FILE_NAME),
        media_type=fields.text("media_type", pattern=forms.MEDIA_TYPE),
        size=fields.uint("size", most=MAX_FILE_BYTES),
        sha256=fields.bytes32("sha256"),
        sm3=fields.bytes32("sm3"),
    )
    fields.done()
    # A name is taken as it stands into a folder: it must not climb out of it, nor hide in it.
    if found.name.startswith("."):
        raise Malformed("field_form", "{field}: not of the expected form", field=where + ".name")
    return found


def _check_placement(sdjwt: SdJwt, opened: Opened) -> None:
    payload = sdjwt.issuer.claims()
    for name in payload:
        if name not in CLEAR:
            raise Malformed("credential_clear", "the claim {name} stands in the clear", name=name[:64])
    for pointer in opened.disclosed:
        name = pointer[1:].split("/")[0]
        text_of(name, "claim name", pattern=forms.CLAIM_NAME)
        if pointer == f"/{name}" and name in CLEAR:
            raise Malformed("credential_hidden", "the claim {name} may not be withheld", name=name)
    files = Fields(payload, "credential").array("files", most=MAX_FILES)
    if any(not isinstance(f, dict) or "..." not in f for f in files):
        raise Malformed("credential_clear", "the claim {name} stands in the clear", name="files")


def _licence(fields: Fields) -> Licence:
    found = Licence(
        type_code=fields.text("certificate_type_code", pattern=r"[0-9A-Z]{21}"),
        dept_name=fields.text("issue_dept_name", limit=200),
        dept_code=fields.text("issue_dept_code", pattern=r"[0-9A-Z]{18}"),
        issue_date=parse_day(fields.take("issue_date"), "credential.issue_date"),
        effective_date=parse_day(fields.take("effective_date"), "credential.effective_date"),
        expiring_date=parse_day(fields.take("expiring_date"), "credential.expiring_date")
        if fields.has("expiring_date")
        else None,
    )
    if found.expiring_date is not None and found.expiring_date < found.effective_date:
        raise Malformed("credential_dates", "the licence ends before it takes effect")
    return found


def _status(fields: Fields) -> StatusRef:
    inner = fields.object("status_list")
    found = StatusRef(uri=inner.text("uri", pattern=forms.STATUS_URI), idx=inner.uint("idx", most=MAX_STATUS_INDEX - 1))
    inner.done()
    fields.done()
    return found


def _confirmation(fields: Fields) -> PublicJwk:
    key = PublicJwk.from_json(fields.take("jwk"))
    fields.done()
    return key


def _subject(opened: Opened) -> bytes | None:
    return parse_dossier_urn(opened.claims["sub"]) if "sub" in opened.claims else None


def _files(opened: Opened) -> dict[str, FileEntry]:
    shown = sorted(p for p in opened.disclosed if p.startswith("/files/") and p.count("/") == 2)
    found = {p: parse_file_entry(opened.values[p], "credential" + p) for p in shown}
    if len({f.name for f in found.values()}) != len(found):
        raise Malformed("credential_files", "two documents of the credential have one name")
    return found


def _check_certificate(credential: Credential) -> None:
    if "certificate_id" in credential.claims:
        found = parse_certificate_id(credential.claims["certificate_id"])
        licence = credential.licence
        if (found.type_code, found.issuer_code) != (licence.type_code, licence.dept_code):
            raise Malformed("certificate_mismatch", "the certificate id names another type or issuer")


def _in_the_clear(credential: Credential, pointer: str) -> bool:
    return pointer in credential.opened.values and not any(within(pointer, p) for p in credential.opened.disclosed)


def subject_urn(credential: Credential) -> str | None:
    """The urn of the dossier that the credential is about, or None if ``sub`` is withheld."""
    return None if credential.subject is None else dossier_urn(credential.subject)
