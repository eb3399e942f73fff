"""For all tests."""

from __future__ import annotations

from hypothesis import settings

# How long an example takes says how busy the machine is; where time matters, a test measures CPU time itself.
settings.register_profile("plenum", deadline=None)
settings.load_profile("plenum")
