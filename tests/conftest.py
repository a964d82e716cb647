"""What every test shares: Hypothesis without deadlines (a slow example is no fault), and one language to begin with."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import Phase, settings

from console import i18n
from tests.servers.fixtures import postgres_server, postgres_template, postgres_url, s3_environment, s3_server

__all__ = ["postgres_server", "postgres_template", "postgres_url", "s3_environment", "s3_server"]

settings.register_profile("steady", deadline=None)
settings.register_profile(  # of `make mutation`: the same examples in every run, and no time lost on a smaller one
    "mutation", deadline=None, derandomize=True, max_examples=30, phases=(Phase.explicit, Phase.generate)
)
settings.load_profile("steady")


@pytest.fixture(autouse=True)
def _english() -> Iterator[None]:
    """A test that speaks Chinese must not make the next one in its process do so."""
    before = i18n.language()
    i18n.set_language("en")
    yield
    i18n.set_language(before)
