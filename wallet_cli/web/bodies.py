"""What the page's actions take: typed, bounded, and nothing beside it."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from client.localsite import MAX_TOKEN_CHARS
from client.own_document import MAX_NOTE, MAX_TITLE
from protocol.grant import MAX_CLAIMS, MAX_SCOPE
from protocol.pointers import MAX_POINTER_CHARS
from protocol.recipients import MAX_PASSPHRASE_BYTES
from wallet_cli.services.showing import MAX_SHOWN

MAX_ID = 64
MAX_ALSO = MAX_SCOPE * MAX_CLAIMS
MAX_CODE = 2000
MAX_PHRASE = 512
MAX_NAME = 180
Id = Annotated[str, Field(min_length=1, max_length=MAX_ID, pattern="^[A-Za-z0-9_-]+$")]

Claim = Annotated[str, Field(max_length=MAX_ID + 1 + MAX_POINTER_CHARS)]


class Body(BaseModel):
    """Unknown members and other types are refused."""

    model_config = ConfigDict(extra="forbid", strict=True)


class Nothing(Body):
    """An action that needs no word."""


class Token(Body):
    """The secret of the start link."""

    token: str = Field(max_length=MAX_TOKEN_CHARS)


class Look(Body):
    """How the page looks."""

    lang: Literal["zh", "en"]
    elder: bool = False


class Passphrase(Body):
    """What opens the key store again."""

    passphrase: str = Field(min_length=1, max_length=MAX_PASSPHRASE_BYTES)


class Confirmed(Body):
    """The holder's yes to what cannot be taken back."""

    confirmed: Literal[True]


class Consent(Confirmed):
    """And the optional claims that were ticked: an item's id, a space, a pointer."""

    also: list[Claim] = Field(default=[], max_length=MAX_ALSO)

    def ticked(self) -> set[tuple[str, str]]:
        """The claims as ``granting.with_also`` takes them."""
        parts = (text.partition(" ") for text in self.also)
        return {(item, pointer) for item, _, pointer in parts}


class Show(Body):
    """Which items are shown, and how."""

    items: list[Id] = Field(max_length=MAX_SHOWN)
    optional: bool = False
    ask: bool = False


class Code(Body):
    """The text of a window's request code."""

    text: str = Field(min_length=1, max_length=MAX_CODE)


class Grant(Body):
    """What a grant is to allow; None: what the scenario allows at most."""

    scenario: Id
    agency: str = Field(pattern="^0x[0-9a-fA-F]{40}$")
    days: int | None = Field(default=None, ge=1, le=3650)
    uses: int | None = Field(default=None, ge=1, le=1_000_000)
    hours_between: int | None = Field(default=None, ge=1, le=8760)


class Phrase(Body):
    """The recovery phrase, to be compared."""

    phrase: str = Field(min_length=1, max_length=MAX_PHRASE)


class OwnDocument(Body):
    """What stands beside an own document's bytes."""

    title: str = Field(min_length=1, max_length=MAX_TITLE)
    note: str = Field(default="", max_length=MAX_NOTE)
    name: str = Field(min_length=1, max_length=MAX_NAME, pattern=r"^[^/\\\x00-\x1f\x7f]+$")
