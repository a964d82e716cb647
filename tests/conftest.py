"""What every test shares: Hypothesis without deadlines (the machine may be busy; a slow example is no fault)."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("steady", deadline=None)
settings.load_profile("steady")
