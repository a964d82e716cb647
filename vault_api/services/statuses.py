"""Status lists: an issuer's signed token, served to anybody, and logged (entry ``status``)."""

from __future__ import annotations

from sqlalchemy import delete, insert, select

from chain.ledger import ROLE_ISSUER
from protocol import wire
from protocol.encoding import hex0x
from protocol.errors import Conflict, Denied, Unavailable, Untrusted
from protocol.status_list import status_uri, verify_status_token
from vault_api.callers import Agency
from vault_api.db import tables as t
from vault_api.logbook import log_public
from vault_api.sequencer import Tx
from vault_api.vault import Vault
from vault_api.writes import Answer, write


def put_status_list(vault: Vault, agency: Agency, account: bytes, n: int, token: str) -> Answer:
    """Take the newest token of a list from its issuer; an older one than the last is refused."""
    if agency.account != account:
        raise Denied("not_your_list", "only {account} puts tokens of this list", account=hex0x(account))
    now = vault.moment()
    if not agency.known.state.has_role(ROLE_ISSUER, now):
        raise Denied("not_an_issuer", "the agency is not registered as an issuer")
    uri = status_uri(account, n)
    try:
        signed = verify_status_token(token, agency.key, uri=uri, now=now)
    except Unavailable as error:
        # To a verifier an old list says: ask again. Whoever sends one here is refused: this service lacks nothing.
        raise Denied(error.code, error.template, **error.facts) from None
    if signed.body.iss != vault.agency_urn(account):
        raise Untrusted("status_issuer", "the token is by {got}", got=signed.body.iss)

    def work(tx: Tx) -> Answer:
        where = (t.status_lists.c.agency == account, t.status_lists.c.n == n)
        last = tx.conn.execute(select(t.status_lists.c.iat).where(*where)).scalar()
        if last is not None and signed.body.iat <= last:
            raise Conflict(
                "status_older",
                "a token of {last} is here; this one is of {got}",
                last=last,
                got=signed.body.iat,
            )
        index = log_public(tx, "status", uri, signed.raw.encode("ascii"))
        tx.conn.execute(delete(t.status_lists).where(*where))
        row = {
            "agency": account,
            "n": n,
            "token": signed.raw,
            "iat": signed.body.iat,
            "exp": signed.body.exp,
            "idx": index,
        }
        tx.conn.execute(insert(t.status_lists), row)
        return Answer.of(wire.PublicLogged(index=index), index=index)

    # commit point: status list (docs/spec/durability.md §2)
    return write(vault.sequencer, agency.signature, work)


def get_status_list(vault: Vault, account: bytes, n: int) -> str:
    """The newest token of a list; ``Denied("status_list_unknown")`` if none was put."""
    where = (t.status_lists.c.agency == account, t.status_lists.c.n == n)
    with vault.engine.connect() as conn:
        token: str | None = conn.execute(select(t.status_lists.c.token).where(*where)).scalar()
    if token is None:
        raise Denied("status_list_unknown", "no token of this status list is here")
    return token
