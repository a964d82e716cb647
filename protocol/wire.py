"""What travels over HTTP: one model for each request and answer, shared by the vault and its clients.

The vault and its clients never import each other; these models, and ``docs/http.md``, are where they meet.
Spelling: 32-byte values and binary objects are base64url without padding; values that the chain knows
(dossier ids, accounts, nullifiers, transactions) are 0x-hex in lower case; times are whole seconds since
1970 UTC. Signed objects (JWS, key cards, grants) travel as their own formats say and are parsed by their
own modules: here they are bounded text or bounded JSON objects.

Law: a field may be added with a default; none may be renamed, retyped or given another unit.
"""

from __future__ import annotations

from typing import Annotated, Any, Generic, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

MAX_JWS_CHARS = 64 << 10
MAX_HEADER_CHARS = 64 << 10
MAX_PARCEL_CHARS = 4 << 20
MAX_OBJECTS = 64
MAX_SCOPE = 64
MAX_SHOWN_DOCUMENTS = 64
MAX_PAGE = 200
MAX_TOKEN_CHARS = 256
MAX_WAIT_S = 25
MAX_PAYLOAD_BYTES = 4 << 30
MAX_INLINE_BYTES = 64 << 10

Bytes32 = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{43}$")]
Bytes16 = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{22}$")]
Hex32 = Annotated[str, StringConstraints(pattern=r"^0x[0-9a-f]{64}$")]
Account = Annotated[str, StringConstraints(pattern=r"^0x[0-9a-f]{40}$")]
HexBytes = Annotated[str, StringConstraints(pattern=r"^0x([0-9a-f]{2})*$", max_length=20_000)]
Jws = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.~-]+$", max_length=MAX_JWS_CHARS)]
Header = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]+$", max_length=MAX_HEADER_CHARS)]
Sealed = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]+$", max_length=MAX_PARCEL_CHARS)]
Inline = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]+$", max_length=(MAX_INLINE_BYTES + 2) // 3 * 4)]
Binary = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]*$", max_length=MAX_PARCEL_CHARS)]
Seconds = Annotated[int, Field(ge=0, lt=2**53)]
Count = Annotated[int, Field(ge=0, lt=2**53)]
Signed = dict[str, Any]  # a key card or grant envelope: parsed by protocol.keycard / protocol.grant


class Wire(BaseModel):
    """Strict and frozen: an unknown field is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, defer_build=True)


Row = TypeVar("Row", bound=Wire)


class Page(Wire, Generic[Row]):
    """Some rows and, if more follow, the opaque token that asks for them."""

    rows: Annotated[list[Row], Field(max_length=MAX_PAGE)]
    next: Annotated[str, StringConstraints(min_length=1, max_length=MAX_TOKEN_CHARS)] | None = None


class Problem(BaseModel):
    """RFC 9457 problem details; ``fault`` and ``code`` are those of ``protocol.errors``."""

    model_config = ConfigDict(extra="allow", frozen=True, defer_build=True)

    type: str
    title: str
    status: int
    detail: str
    code: str
    fault: str
    facts: dict[str, str | int] = {}


class Contracts(Wire):
    agency_registry: Account
    dossier_registry: Account
    grant_registry: Account
    archive_log: Account


class Limits(Wire):
    payload_bytes: Count
    objects_per_item: Count
    page_rows: Count


class Info(Wire):
    """``GET /v1/info``: what a client must know before the first signature."""

    v: Literal[1] = 1
    log_origin: str
    log_vkey: str
    public_origin: str
    chain_id: Count
    contracts: Contracts
    limits: Limits
    version: str
    time: Seconds


class Opening(Wire):
    """What opens one log entry: ``protocol.entries.Opening``."""

    n: Count
    salt: Bytes32
    object_sha256: Bytes32
    t: str
    index: Count


class Logged(Wire):
    """One entry, its opening and, where the vault holds it, the object that the entry commits to.

    ``opening`` and ``object`` are null once they were erased; the entry stays.
    """

    index: Count
    entry: Binary
    opening: Opening | None = None
    object: Binary | None = None


# --- key cards, dossiers, relay -----------------------------------------------------------------


class CardQuery(Wire):
    """``POST /v1/cards/query``: in a body, since a dossier id never stands in a URL."""

    subject: Hex32


class Card(Wire):
    """A key card envelope (``protocol.keycard``)."""

    card: Signed


class OpenDossier(Wire):
    """``POST /v1/dossiers``, signed with the present key of the enclosed card."""

    dossier: Hex32
    card: Signed
    tag_key: Bytes32


RelayFunction = Literal[
    "open", "rotate", "publish_card", "bump_epoch", "attest", "revoke", "set_guardians", "apply_guardians", "freeze",
    "propose_recovery", "veto_recovery", "execute_recovery",
]  # fmt: skip


class Relay(Wire):
    """``POST /v1/relay``: an EIP-712 message for one of our own contracts' functions.

    ``message`` has the EIP-712 member names (what guardians sign, ``guardians`` too: their set); ``signatures`` in the
    order of the function's parameters; ``card`` from who has none here yet (its present key then signs the request).
    """

    contract: Literal["agency_registry", "dossier_registry", "grant_registry"]
    function: RelayFunction
    message: dict[str, Any]
    signatures: Annotated[list[HexBytes], Field(max_length=16)]
    card: Signed | None = None


class Relayed(Wire):
    transaction: Hex32
    block: Count


# --- deposits and items -------------------------------------------------------------------------


class Deposit(Wire):
    """``POST /v1/deposits``: every payload named in the slip comes along, if it is small, or was uploaded before."""

    slip: Jws
    headers: Annotated[list[Header], Field(min_length=1, max_length=MAX_OBJECTS)]
    item_salt: Bytes32
    card_token: Jws | None = None
    payloads: Annotated[list[Inline], Field(max_length=MAX_OBJECTS)] = []


class Deposited(Wire):
    """``opening`` only for the holder's own deposits."""

    item: Bytes32
    index: Count
    at: Seconds
    opening: Opening | None = None


class Payload(Wire):
    """``PUT /v1/payloads/{sha256}``."""

    sha256: Bytes32
    size: Count


class Item(Wire):
    """One item of the caller's dossier; headers, salt and slip are empty once it is deleted."""

    item: Bytes32
    state: Literal["present", "deleted"]
    at: Seconds
    index: Count
    slip: Jws | None = None
    item_salt: Bytes32 | None = None
    headers: list[Header] = []
    rewrap: Jws | None = None
    opening: Opening | None = None


class Me(Wire):
    dossier: Hex32
    card: Signed
    grant_epoch: Count
    next_n: Count
    items: Count


class Statement(Wire):
    """A signed statement (``protocol.statements``) to be logged: claim, delete, notice, complaint …"""

    statement: Jws


class LogRow(Wire):
    """``GET /v1/me/log``: one event of the caller's dossier, in the order of n."""

    logged: Logged
    grant: Bytes32 | None = None
    show: Bytes16 | None = None
    receipt: Jws | None = None


# --- grants -------------------------------------------------------------------------------------


class ExtraHeader(Wire):
    """A header that opens ``payload`` (SHA-256) of ``item`` for the reader."""

    item: Bytes32
    payload: Bytes32
    header: Header


class PostGrant(Wire):
    """``POST /v1/grants``: parcels in the order of the scope."""

    grant: Signed
    parcels: Annotated[list[Sealed], Field(min_length=1, max_length=MAX_SCOPE)]
    headers: Annotated[list[ExtraHeader], Field(max_length=MAX_SCOPE * MAX_OBJECTS)] = []


class GrantPosted(Wire):
    grant: Bytes32
    index: Count
    opening: Opening


class GrantRow(Wire):
    """A grant as its holder or its reader sees it; the parcels come only with a release."""

    grant: Bytes32
    envelope: Signed
    state: Literal["live", "not_yet", "expired", "used_up", "revoked"]
    uses: Count
    at: Seconds
    index: Count


class Release(Wire):
    """``POST /v1/grants/{id}/release``: the receipt is the authorisation."""

    receipt: Jws


class Released(Wire):
    """What one use hands over, with the proof that it is already in the log."""

    use_no: Count
    record: Binary
    logged: Logged
    proof: str
    parcels: list[Sealed]
    headers: list[ExtraHeader]


class Pending(Wire):
    """202: the sequencer is late. No key was handed out; ask again with the same receipt."""

    state: Literal["pending"] = "pending"
    retry_after_s: Count


class Revoke(Wire):
    """``POST /v1/grants/{id}/revoke``: knowing the secret is the authorisation."""

    secret: Bytes32


class Revoked(Wire):
    index: Count
    at: Seconds


class OpenShow(Wire):
    """``POST /v1/me/shows``: the vault learns a random session and nothing of what is shown."""

    session: Bytes16
    lifetime_s: Annotated[int, Field(ge=30, le=900)]


class Collect(Wire):
    """``POST /v1/shows/collect``: the code as scanned, and the receipt with its nonce."""

    code: Annotated[str, StringConstraints(max_length=400)]
    receipt: Jws


class Show(Wire):
    """A session as the holder or the collecting agency sees it."""

    session: Bytes16
    state: Literal["open", "collected", "delivered", "refused", "undelivered", "expired"]
    expires: Seconds
    receipt: Jws | None = None
    logged: Logged | None = None
    proof: str | None = None
    agency_card: Signed | None = None
    presentation: Sealed | None = None
    headers: Annotated[list[ExtraHeader], Field(max_length=MAX_SHOWN_DOCUMENTS)] = []


class Present(Wire):
    """``PUT /v1/me/shows/{session}/presentation``: an age file for the collecting agency alone.

    ``headers`` open the documents that are shown with it, for that agency.
    """

    presentation: Sealed
    headers: Annotated[list[ExtraHeader], Field(max_length=MAX_SHOWN_DOCUMENTS)] = []


# --- log, status lists, scenarios, agencies, verification ---------------------------------------


class Consistency(Wire):
    """RFC 9162 proof from size ``first`` to size ``second``."""

    first: Count
    second: Count
    proof: Annotated[list[Bytes32], Field(max_length=128)]


class StatusToken(Wire):
    """``PUT /v1/status-lists/{account}/{n}``: a Token Status List as JWT."""

    token: Annotated[str, StringConstraints(max_length=256 << 10)]


class PostScenario(Wire):
    scenario: Jws


class ScenarioRow(Wire):
    """``hash`` = SHA-256 of the JWS bytes."""

    hash: Bytes32
    scenario: Jws
    index: Count


class PublicLogged(Wire):
    index: Count


class AgencyRow(Wire):
    """What the chain says of one agency, and its key card if the vault has it."""

    account: Account
    name: str
    division: str
    roles: list[Literal["issuer", "reader", "scenario_authority"]]
    licence_types: list[str]
    compromised_since: Seconds | None = None
    card: Signed | None = None
    fact_age_s: Count
