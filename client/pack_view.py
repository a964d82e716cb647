"""Drawing a pack for people."""

from __future__ import annotations

from client.inputs import span
from client.pack import Pack
from console import output
from console.i18n import _, moment


def draw_pack(pack: Pack, now: int) -> None:
    """How old it is, and how much it covers."""
    output.fields(
        [
            (_("Facts of"), moment(pack.assembled_at)),
            (_("Age"), span(pack.age(now))),
            (_("Block"), pack.facts.block.number),
            (_("Agencies"), len(pack.facts.agencies)),
            (_("Status lists"), len(pack.lists)),
            (_("Scenarios"), len(pack.scenarios)),
        ]
    )
