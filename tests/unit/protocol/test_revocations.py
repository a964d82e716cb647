"""What a ``revoke`` entry commits to; its vectors stand in tests/vectors/golden/revocation.json."""

from __future__ import annotations

import pytest

from protocol.errors import Malformed, Untrusted
from protocol.grant import nullifier_of
from protocol.revocations import EpochChange, Revocation, parse_revocation, verify_revocation, verify_secret

IDENT, SECRET = b"i" * 32, b"s" * 32


def test_what_is_written_is_read() -> None:
    for found in (Revocation(IDENT, SECRET), EpochChange(2, b"t" * 32)):
        assert parse_revocation(found.serialise()) == found


@pytest.mark.parametrize(("ident", "secret"), [(b"i", SECRET), (IDENT, b"s")])
def test_a_revocation_of_another_length_is_never_made(ident: bytes, secret: bytes) -> None:
    with pytest.raises(Malformed) as caught:
        Revocation(ident, secret)
    assert caught.value.code == "revocation"


def test_a_revocation_ends_the_grant_whose_nullifier_is_its_secrets_hash() -> None:
    raw = Revocation(IDENT, SECRET).serialise()
    assert verify_revocation(raw, ident=IDENT, nullifier=nullifier_of(SECRET)).secret == SECRET
    verify_secret(SECRET, nullifier_of(SECRET))
    for ident, nullifier in ((SECRET, nullifier_of(SECRET)), (IDENT, nullifier_of(IDENT))):
        with pytest.raises(Untrusted):
            verify_revocation(raw, ident=ident, nullifier=nullifier)
