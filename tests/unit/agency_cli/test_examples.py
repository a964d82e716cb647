"""The examples of `docs/issuing.md` can be issued as they stand."""

from __future__ import annotations

from pathlib import Path

from agency_cli.services.batch import BatchOrder, run_batch
from agency_cli.services.holders import addressee
from agency_cli.services.issuing import Desk, issue, open_desk
from agency_cli.services.orders import china_today, make_order, read_claims
from protocol.encoding import hex0x
from protocol.licence_types import licence_type
from tests.unit.agency_cli.support import HolderKeys, World

EXAMPLES = Path(__file__).resolve().parents[3] / "docs/examples"


def test_the_example_of_claims_is_issued(world: World, desk: Desk, alice: HolderKeys) -> None:
    body = read_claims(EXAMPLES / "claims/driving-licence.json")
    today = china_today(world.clock.now())
    order = make_order(body, licence_type("driving-licence"), desk.office, today=today)
    record = issue(desk, order, addressee(alice.token(world)))
    assert ".3710002026000123.001." in record.certificate_id


def test_the_example_of_a_batch_is_issued(world: World, alice: HolderKeys) -> None:
    world.issuer("social-insurance-proof")
    text = (EXAMPLES / "batch/social-insurance-proof.csv").read_text(encoding="utf-8")
    path = world.write("rows.csv", text.replace("0x" + "5a" * 32, alice.token(world)).encode())
    order = BatchOrder(path, world.folder / "rejects.csv", "social-insurance-proof")
    outcome = run_batch(open_desk(world.session), order, lambda _n: None)
    assert (outcome.issued, outcome.rejected) == (1, 0)
    claims = alice.credential(world.vault.deposits[0]).claims
    assert (claims["months_paid"], claims["paid_last_12_months"]) == (160, True)
    assert hex0x(alice.id) in claims["sub"]
