"""For all tests."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

# How long an example takes, or takes to be thought of, says how busy the machine is; where time matters, a test measures
# CPU time itself.
settings.register_profile("plenum", deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True)
# The same examples every time: what refuses a change shall have come with that change. New ones are found by `make test`.
settings.register_profile("gate", settings.get_profile("plenum"), derandomize=True)
settings.load_profile("plenum")

# Hundreds of processes are started. Each would compile all that it imports, which takes longer than the rest of its start.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
