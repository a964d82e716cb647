"""The vault's routes as calls: one line each, in the order of ``docs/http.md``.

Answers are strictly parsed models of ``protocol/wire.py``. What they claim is not checked here: the vault is
not trusted with truth, and ``client/checks.py`` compares its answers with signatures, proofs and the chain.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import BinaryIO, TypeVar

from client.http import Call, Http, Step, json_body
from client.problems import error_of
from protocol import wire, wire_batch, wire_keys, wire_shares, wire_uploads, wire_verify
from protocol.encoding import b64u, hex0x
from protocol.errors import Malformed, OneFileError, Untrusted
from protocol.jose import EcSigner
from protocol.wire import Wire
from protocol.wire_notices import Notices

MAX_TEXT = 1 << 20
MAX_PAGES = 100_000
OCTETS = {"content-type": "application/octet-stream"}
SLOWEST_COPY = 8 << 20  # bytes a second: how long a vault may put segments together

Row = TypeVar("Row", bound=Wire)
Answer = TypeVar("Answer", bound=Wire)


class VaultApi:
    """One vault, as one caller sees it."""

    def __init__(self, http: Http) -> None:
        self.http = http

    # --- anybody ----------------------------------------------------------------------------------

    def info(self) -> wire.Info:
        return self._get("/v1/info", wire.Info)

    def card(self, subject: bytes) -> wire.Card:
        return self._post("/v1/cards/query", wire.CardQuery(subject=hex0x(subject)), wire.Card)

    def checkpoint(self) -> bytes:
        """The newest signed checkpoint."""
        return self._bytes("/v1/log/checkpoint")

    def tile(self, path: str) -> bytes:
        """A tile or entry bundle by its C2SP path (``tile/0/000``, ``tile/entries/000.p/7``)."""
        return self._bytes(f"/v1/log/{path}")

    def proof(self, index: int, size: int | None = None) -> bytes:
        """The ``.tlog-proof`` of entry ``index`` in the checkpoint of ``size`` (None: the newest)."""
        query = {} if size is None else {"size": size}
        return self.http.exchange(Call("GET", f"/v1/log/proof/{index}", query), limit=MAX_TEXT)[1]

    def cards(self, subjects: Sequence[bytes]) -> list[wire.Card | None]:
        """The newest card of each subject; None where there is none."""
        query = wire_batch.CardsQuery(subjects=[hex0x(subject) for subject in subjects])
        found = self._post("/v1/cards/batch", query, wire_batch.Cards)
        _as_many("/v1/cards/batch", subjects, found.cards)
        return found.cards

    def consistency(self, first: int, second: int) -> wire.Consistency:
        call = Call("GET", "/v1/log/consistency", {"first": first, "second": second})
        return self.http.ask(call, wire.Consistency)

    def status_list(self, account: bytes, number: int) -> bytes:
        """The status token of list ``number`` of an issuer."""
        return self._bytes(f"/v1/status-lists/{hex0x(account)}/{number}")

    def scenarios(self) -> Iterator[wire.ScenarioRow]:
        return self._pages("/v1/scenarios", wire.ScenarioRow)

    def scenario(self, digest: bytes) -> wire.ScenarioRow:
        return self._get(f"/v1/scenarios/{b64u(digest)}", wire.ScenarioRow)

    def agencies(self) -> Iterator[wire.AgencyRow]:
        return self._pages("/v1/agencies", wire.AgencyRow)

    def agency(self, account: bytes) -> wire.AgencyRow:
        return self._get(f"/v1/agencies/{hex0x(account)}", wire.AgencyRow)

    def verify(self, request: wire_verify.VerifyRequest) -> wire_verify.VerdictAnswer:
        return self._post("/v1/verify", request, wire_verify.VerdictAnswer)

    # --- who has a key card -------------------------------------------------------------------------

    def relay(self, message: wire.Relay, signer: EcSigner | None = None) -> wire.Relayed:
        """Bring an EIP-712 message to the chain; ``signer`` is the card's present key where a card goes along."""
        return self._post("/v1/relay", message, wire.Relayed, signer)

    def open_dossier(self, request: wire.OpenDossier, signer: EcSigner) -> wire.Logged:
        return self._post("/v1/dossiers", request, wire.Logged, signer)

    def upload(
        self, digest: bytes, source: Callable[[], BinaryIO], size: int, step: Step | None = None
    ) -> wire.Payload:
        """Store a payload of ``size`` bytes under its SHA-256; ``source`` opens it anew for each try."""
        call = Call(
            "PUT",
            f"/v1/payloads/{b64u(digest)}",
            headers=OCTETS,
            stream=source,
            stream_size=size,
            stream_sha256=digest,
            step=step,
        )
        return self.http.ask(call, wire.Payload)

    def begin_upload(self, digest: bytes, size: int) -> wire_uploads.Upload:
        """Announce a payload, or find its upload again."""
        body = wire_uploads.BeginUpload(sha256=b64u(digest), size=size)
        return self._post("/v1/uploads", body, wire_uploads.Upload)

    def send_segment(self, upload: str, offset: int, segment: bytes) -> wire_uploads.Upload:
        """Add a segment at ``offset``; ``Conflict("upload_offset")`` names the true offset if it is another."""
        call = Call("PATCH", f"/v1/uploads/{upload}", {"offset": offset}, segment, OCTETS)
        return self.http.ask(call, wire_uploads.Upload)

    def complete_upload(self, upload: str, size: int) -> wire.Payload:
        """Have the segments put together; waits as long as copying so many bytes may take."""
        call = Call("POST", f"/v1/uploads/{upload}/complete", wait_s=size // SLOWEST_COPY)
        return self.http.ask(call, wire.Payload)

    def deposit(self, deposit: wire.Deposit) -> wire.Deposited:
        return self._post("/v1/deposits", deposit, wire.Deposited)

    def deposit_batch(self, batch: Sequence[wire.Deposit]) -> list[wire.Deposited | OneFileError]:
        """What became of each deposit."""
        found = self._post("/v1/deposits/batch", wire_batch.DepositBatch(deposits=list(batch)), wire_batch.DepositRows)
        _as_many("/v1/deposits/batch", batch, found.rows)
        return [_deposited(row) for row in found.rows]

    def put_agency_card(self, account: bytes, card: wire.Card, signer: EcSigner) -> wire.AgencyRow:
        return self._put(f"/v1/agencies/{hex0x(account)}/card", card, wire.AgencyRow, signer)

    # --- holder -------------------------------------------------------------------------------------

    def post_shares(self, shares: Sequence[wire_shares.PostShare]) -> int:
        """Give guardians these sealed shares in place of all before; how many are kept."""
        body = wire_shares.PostShares(shares=list(shares))
        return self._post("/v1/me/shares", body, wire_shares.SharesKept).kept

    def shares(self) -> Iterator[wire_shares.Share]:
        """The shares that this dossier was given to keep."""
        return self._pages("/v1/me/shares", wire_shares.Share)

    def me(self) -> wire.Me:
        return self._get("/v1/me", wire.Me)

    def put_card(self, card: wire.Card, signer: EcSigner | None = None) -> wire.Logged:
        return self._put("/v1/me/card", card, wire.Logged, signer)

    def put_ring(self, ring: wire_keys.PutRing) -> wire_keys.RingKept:
        return self._put("/v1/me/ring", ring, wire_keys.RingKept)

    def my_ring(self) -> wire_keys.Ring:
        return self._get("/v1/me/ring", wire_keys.Ring)

    def members_ring(self, signer: EcSigner) -> wire_keys.Ring:
        """The key ring that ``signer`` is a member of."""
        return self.http.ask(Call("GET", "/v1/ring", signer=signer), wire_keys.Ring)

    def rewrap(self, batch: Sequence[wire_keys.Rewrap]) -> list[OneFileError | None]:
        """Replace headers; for each item None, or why it was refused."""
        found = self._post("/v1/me/rewraps", wire_keys.Rewraps(rewraps=list(batch)), wire_keys.RewrapRows)
        _as_many("/v1/me/rewraps", batch, found.rows)
        return [None if row.problem is None else problem_of(row.problem) for row in found.rows]

    def items(self) -> Iterator[wire.Item]:
        return self._pages("/v1/me/items", wire.Item)

    def item(self, item: bytes) -> wire.Item:
        return self._get(f"/v1/me/items/{b64u(item)}", wire.Item)

    def delete_item(self, item: bytes, statement: wire.Statement) -> wire.Logged:
        return self._post(f"/v1/me/items/{b64u(item)}/delete", statement, wire.Logged)

    def state(self, statement: wire.Statement) -> wire.Logged:
        """Have a signed statement logged."""
        return self._post("/v1/me/statements", statement, wire.Logged)

    def payload(self, digest: bytes, size: int, target: BinaryIO, step: Step | None = None) -> int:
        """Write one of the caller's payloads, of ``size`` bytes, to ``target``; its digest is checked."""
        call = Call("GET", f"/v1/me/payloads/{b64u(digest)}")
        return self.http.download(call, target, digest, limit=size, step=step)

    def log(self, page: str | None = None) -> wire.Page[wire.LogRow]:
        """One page of the dossier's history, in the order of n."""
        query = {} if page is None else {"page": page}
        return self.http.ask(Call("GET", "/v1/me/log", query), wire.Page[wire.LogRow])

    def my_grants(self) -> Iterator[wire.GrantRow]:
        return self._pages("/v1/me/grants", wire.GrantRow)

    def my_grant(self, grant: bytes) -> wire.GrantRow:
        return self._get(f"/v1/me/grants/{b64u(grant)}", wire.GrantRow)

    def post_grant(self, request: wire.PostGrant) -> wire.GrantPosted:
        return self._post("/v1/grants", request, wire.GrantPosted)

    def revoke(self, grant: bytes, secret: bytes) -> wire.Revoked:
        return self._post(f"/v1/grants/{b64u(grant)}/revoke", wire.Revoke(secret=b64u(secret)), wire.Revoked)

    def my_notices(self, page: str | None = None, wait_s: int = 0) -> Notices:
        """What is new for the holder after ``page``; waits so long if nothing is."""
        return self._notices("/v1/me/notices", page, wait_s)

    def open_show(self, request: wire.OpenShow) -> wire.Show:
        return self._post("/v1/me/shows", request, wire.Show)

    def my_show(self, session: bytes, wait_s: int = 0) -> wire.Show:
        """The session; waits so long for a change from ``open``."""
        return self._wait(f"/v1/me/shows/{b64u(session)}", wait_s)

    def present(self, session: bytes, sealed: bytes, headers: Sequence[wire.ExtraHeader] = ()) -> wire.Show:
        """Hand over what is shown; ``headers`` open its documents for who collected."""
        request = wire.Present(presentation=b64u(sealed), headers=list(headers))
        return self._put(f"/v1/me/shows/{b64u(session)}/presentation", request, wire.Show)

    def refuse_show(self, session: bytes) -> wire.Show:
        return self._post(f"/v1/me/shows/{b64u(session)}/refuse", None, wire.Show)

    # --- agency -------------------------------------------------------------------------------------

    def grants(self) -> Iterator[wire.GrantRow]:
        """The grants given to the caller."""
        return self._pages("/v1/grants", wire.GrantRow)

    def grant(self, grant: bytes) -> wire.GrantRow:
        return self._get(f"/v1/grants/{b64u(grant)}", wire.GrantRow)

    def notices(self, page: str | None = None, wait_s: int = 0) -> Notices:
        """What is new for the agency after ``page``; waits so long if nothing is."""
        return self._notices("/v1/notices", page, wait_s)

    def say(self, statement: str) -> wire.Logged:
        """Have a statement of this agency logged in the dossier that it concerns."""
        return self._post("/v1/statements", wire.Statement(statement=statement), wire.Logged)

    def verify_grant(self, grant: bytes) -> wire_verify.VerdictAnswer:
        return self._post(f"/v1/grants/{b64u(grant)}/verify", None, wire_verify.VerdictAnswer)

    def release(self, grant: bytes, receipt: str) -> wire.Released | wire.Pending:
        """Use the grant: the receipt is the authorisation. ``Pending`` hands out nothing: ask again with it."""
        body = json_body(wire.Release(receipt=receipt))
        call = Call("POST", f"/v1/grants/{b64u(grant)}/release", body=body)
        models: dict[int, type[wire.Released | wire.Pending]] = {0: wire.Released, 202: wire.Pending}
        return self.http.ask_of(call, models)

    def grant_payload(self, grant: bytes, digest: bytes, size: int, target: BinaryIO, step: Step | None = None) -> int:
        """Write a payload of ``size`` bytes that a grant handed over to ``target``; its digest is checked."""
        path = f"/v1/grants/{b64u(grant)}/payloads/{b64u(digest)}"
        return self.http.download(Call("GET", path), target, digest, limit=size, step=step)

    def collect(self, code: str, receipt: str) -> wire.Show:
        return self._post("/v1/shows/collect", wire.Collect(code=code, receipt=receipt), wire.Show)

    def show(self, session: bytes, wait_s: int = 0) -> wire.Show:
        """The collected session; waits so long for a change from ``collected``."""
        return self._wait(f"/v1/shows/{b64u(session)}", wait_s)

    def show_payload(self, session: bytes, digest: bytes, size: int, target: BinaryIO, step: Step | None = None) -> int:
        """Write a payload of ``size`` bytes whose header a show handed over to ``target``; its digest is checked."""
        path = f"/v1/shows/{b64u(session)}/payloads/{b64u(digest)}"
        return self.http.download(Call("GET", path), target, digest, limit=size, step=step)

    def put_status_list(self, account: bytes, number: int, token: str) -> wire.PublicLogged:
        path = f"/v1/status-lists/{hex0x(account)}/{number}"
        return self._put(path, wire.StatusToken(token=token), wire.PublicLogged)

    def post_scenario(self, scenario: str) -> wire.ScenarioRow:
        return self._post("/v1/scenarios", wire.PostScenario(scenario=scenario), wire.ScenarioRow)

    # --- the three moves of every call -----------------------------------------------------------------

    def _get(self, path: str, model: type[Answer]) -> Answer:
        return self.http.ask(Call("GET", path), model)

    def _wait(self, path: str, wait_s: int) -> wire.Show:
        return self.http.ask(Call("GET", path, {"wait": wait_s} if wait_s else {}, wait_s=wait_s), wire.Show)

    def _notices(self, path: str, page: str | None, wait_s: int) -> Notices:
        query: dict[str, str | int] = {} if page is None else {"page": page}
        if wait_s:
            query["wait"] = wait_s
        return self.http.ask(Call("GET", path, query, wait_s=wait_s), Notices)

    def _bytes(self, path: str) -> bytes:
        return self.http.exchange(Call("GET", path), limit=MAX_TEXT)[1]

    def _post(self, path: str, body: Wire | None, model: type[Answer], signer: EcSigner | None = None) -> Answer:
        raw = None if body is None else json_body(body)
        return self.http.ask(Call("POST", path, body=raw, signer=signer), model)

    def _put(self, path: str, body: Wire, model: type[Answer], signer: EcSigner | None = None) -> Answer:
        return self.http.ask(Call("PUT", path, body=json_body(body), signer=signer), model)

    def _pages(self, path: str, row: type[Row]) -> Iterator[Row]:
        page: str | None = None
        for _ in range(MAX_PAGES):
            query = {} if page is None else {"page": page}
            answer = self.http.ask(Call("GET", path, query), wire.Page[row])  # type: ignore[valid-type]  # a model made for this row
            yield from answer.rows
            page = page_after(page, answer)
            if page is None:
                return
        raise too_many_pages()


def _as_many(path: str, asked: Sequence[object], answered: Sequence[object]) -> None:
    if len(asked) != len(answered):
        raise _no_form(path)


def _deposited(row: wire_batch.DepositRow) -> wire.Deposited | OneFileError:
    if row.problem is not None and row.deposited is None:
        return problem_of(row.problem)
    if row.deposited is None or row.problem is not None:
        raise _no_form("/v1/deposits/batch")
    return row.deposited


def problem_of(problem: wire.Problem) -> OneFileError:
    """The error behind one row of a batch."""
    return error_of(problem.status, problem.model_dump_json().encode())


def _no_form(path: str) -> Untrusted:
    return Untrusted("vault_answer", "the vault's answer to {path} has not the agreed form", path=path)


def page_after(page: str | None, answer: wire.Page[Row]) -> str | None:
    """The token of the page that follows ``page``; ``Malformed`` for one that leads nowhere.

    A page that is empty and not the last, or that follows itself, would be asked for without end.
    """
    if answer.next is not None and (not answer.rows or answer.next == page):
        raise Malformed("vault_pages", "the vault's pages lead nowhere")
    return answer.next


def too_many_pages() -> Malformed:
    """The vault goes on giving pages beyond all reason."""
    return Malformed("vault_pages", "the vault's pages lead nowhere")
