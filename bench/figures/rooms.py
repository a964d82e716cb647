"""A whole vault in one process, for figures: the stage of the random histories, with an issuer, a bank and a holder."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, select

from tests.desk import Desk
from tests.grant_world import World
from tests.stateful.rig import Rig, Workplace, quiet
from tests.vault_parties import ORIGIN_URL
from vault_api.db import tables as t


@dataclass(slots=True)
class Room:
    """The application, its writer's thread, SQLite in memory; parties with real keys who sign real requests."""

    place: Workplace
    stage: Rig
    world: World

    @classmethod
    def open(cls) -> Room:
        quiet()
        place = Workplace.open()
        stage = Rig(place)
        return cls(place, stage, World(stage))

    def close(self) -> None:
        self.stage.close()
        self.place.close()

    @property
    def desk(self) -> Desk:
        """The way into the application without a socket."""
        desk = self.place.desk
        assert desk is not None
        return desk

    @property
    def origin(self) -> str:
        return ORIGIN_URL

    def count(self, table: Any) -> int:
        """How many rows a table has, by the database itself."""
        return int(self.value(select(func.count()).select_from(table)))

    def uses(self) -> int:
        """How many uses all grants together have had."""
        return int(self.value(select(func.coalesce(func.sum(t.grants.c.uses), 0))))

    def value(self, question: Any) -> Any:
        with self.stage.vault.engine.connect() as conn:
            return conn.execute(question).scalar()
