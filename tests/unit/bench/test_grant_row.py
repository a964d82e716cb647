from __future__ import annotations

from bench.grant_case import Case
from bench.rows.grant import candidates, for_ethers
from protocol.eip712 import typed_data


def test_what_is_measured_gives_right_answers() -> None:
    found = candidates(Case())
    assert set(found) == {"verified", "hashed", "parsed", "recover", "eth-account"}
    assert all(call() is not None for call in found.values())


def test_ethers_gets_the_message_without_the_domains_own_type() -> None:
    case = Case()
    given = for_ethers(typed_data(case.grant, case.domain), case.envelope.signature)
    assert set(given["types"]) == {"AccessGrant", "ScopeItem"}
    assert given["signature"] == "0x" + case.envelope.signature.hex()
