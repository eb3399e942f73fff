"""What the media engine is told of the settings."""

from __future__ import annotations

from typing import Any

from live.limits import Limits as MediaLimits
from server.limits import LIMIT_RANGES
from server.settings import Settings
from server.start import media_limits


def test_with_the_defaults_workers_have_theirs() -> None:
    assert media_limits(Settings()) == MediaLimits()


def test_every_limit_of_the_media_reaches_the_workers() -> None:
    names = {
        "media_peers": "peers",
        "media_room_peers": "peers_per_room",
        "media_rooms": "rooms",
        "media_tcp_connections": "tcp_connections",
        "media_tcp_strangers": "tcp_strangers_per_host",
        "media_setup_seconds": "setup",
        "media_idle_seconds": "idle",
    }
    assert set(names) == {name for name in LIMIT_RANGES if name.startswith("media_")}
    values: dict[str, Any] = {name: 7 + number for number, name in enumerate(names)}
    changed = media_limits(Settings(**values))
    assert {name: getattr(changed, limit) for name, limit in names.items()} == values


def test_one_address_may_have_as_many_strangers_as_the_settings_say_whatever_all_may() -> None:
    limits = media_limits(Settings(media_tcp_strangers=5000))
    assert limits.tcp_strangers_per_host == limits.tcp_strangers == 5000
