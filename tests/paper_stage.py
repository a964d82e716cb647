"""A vault with an issuer, its status list, and paper statements for the page that checks them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from protocol.credential import StatusRef
from protocol.encoding import hex0x
from protocol.paper import Paper, paper_link, sign_paper
from protocol.status_list import StatusList, sign_status_token, status_uri
from tests.vault_parties import Party
from tests.vault_stage import VaultStage, vault_stage

CLAIMS: dict[str, str | int | bool] = {
    "/certificate_number": "371000-0001",
    "/issue_dept_name": "威海市公安局",
    "/issue_date": "2020-01-01",
    "/effective_date": "2020-01-01",
    "/expiring_date": "2099-12-31",
    "/holder/name": "样例甲",
    "/vehicle_classes": "C1",
}


@dataclass
class PaperStage:
    """``link`` prints a paper; ``publish`` brings the list's newest state to the vault."""

    stage: VaultStage
    issuer: Party
    bits: StatusList = field(default_factory=StatusList.empty)
    published: int = 0

    @property
    def now(self) -> int:
        return self.stage.clock.now()

    @property
    def uri(self) -> str:
        return status_uri(self.issuer.address, 1)

    def publish(self) -> None:
        self.stage.clock.advance(1)
        token = self.bits.token(iss=self.stage.urn(self.issuer), uri=self.uri, iat=self.now, lifetime_s=3600)
        path = f"/v1/status-lists/{hex0x(self.issuer.address)}/1"
        answer = self.stage.put(self.issuer, path, {"token": sign_status_token(token, self.issuer.present)})
        assert answer.status_code == 200, answer.text

    def link(self, origin: str = "http://127.0.0.1", **changes: Any) -> str:
        return paper_link(origin, self.statement(**changes))

    def statement(self, **changes: Any) -> str:
        given = {
            "iss": self.stage.urn(self.issuer),
            "log": self.stage.origin,
            "iat": self.now,
            "exp": self.now + 86_400,
            "vct": "urn:onefile:licence:driving-licence:1",
            "status": StatusRef(self.uri, changes.pop("idx", 0)),
            "claims": CLAIMS,
            **changes,
        }
        return sign_paper(Paper(**given), self.issuer.present)


@contextmanager
def paper_stage(folder: Path) -> Iterator[PaperStage]:
    with vault_stage(folder) as stage:
        made = PaperStage(stage, stage.agency("威海市公安局", 1, division="traffic", types=("driving-licence",)))
        made.publish()
        yield made
