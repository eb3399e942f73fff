"""Settings: what cannot work stops the start, in one clear line."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pytest

from server.settings import Settings, SettingsError


def complaint(**environment: str) -> str:
    with pytest.raises(SettingsError) as caught:
        Settings.from_environment({f"PLENUM_{name.upper()}": value for name, value in environment.items()})
    text = str(caught.value)
    assert "\n" not in text
    return text


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("port", "0"),
        ("port", "-1"),
        ("port", "65536"),
        ("port", "99999999999999999999"),
        ("port", "eighty"),
        ("port", ""),
        ("port", "80.5"),
        ("media_port", "-1"),
        ("media_port", "70000"),
        ("media_workers", "-1"),
        ("media_workers", "65"),
        ("media_public_tcp_port", "65536"),
        ("node_name", "Node 1"),
        ("node_name", "n" * 17),
        ("trusted_proxies", "proxy.example.org"),
        ("trusted_proxies", "10.0.0.7/24"),
        ("heartbeat_seconds", "0"),
        ("heartbeat_seconds", "-15"),
        ("heartbeat_seconds", "nan"),
        ("heartbeat_seconds", "inf"),
        ("heartbeat_seconds", "600"),
        ("stage_grace_seconds", "-1"),
        ("stage_grace_seconds", "nan"),
        ("connections_per_person", "0"),
        ("messages_per_second", "0"),
        ("messages_per_second", "-20"),
        ("outbox_bytes", "10"),
        ("outbox_bytes", "-1"),
        ("connections", "0"),
        ("connections_per_address", "0"),
        ("request_seconds", "0"),
        ("request_seconds", "nan"),
        ("stall_seconds", "0.5"),
        ("head_bytes", "100"),
        ("body_bytes", "1000"),
        ("message_bytes", "1000"),
        ("forms_per_second", "0"),
        ("wrong_links", "0"),
        ("wrong_links_per_second", "0"),
        ("seats_per_person", "0"),
        ("offers_per_second", "0"),
        ("media_peers", "0"),
        ("media_setup_seconds", "0"),
        ("media_idle_seconds", "0"),
        ("trusted_proxies", "0.0.0.0/0"),
        ("io_uring", "on"),
        ("log_level", "loud"),
        ("log_level", ""),
        ("metrics_token", "short"),
        ("metrics_token", "x" * 15),
        ("metrics_token", "correct horse battery staple"),
        ("metrics_token", "=" * 16),
        ("metrics_token", "å" * 16),
        ("metrics_token", "x" * 16 + "\n"),
        ("host", " "),
        ("public_addresses", "conference.example.org"),
        ("public_addresses", "192.0.2.1, rubbish"),
        ("public_addresses", "192.0.2.1;192.0.2.2"),
        ("public_addresses", "0.0.0.0"),
        ("public_addresses", "::"),
        ("public_addresses", "224.0.0.1"),
        ("public_addresses", "fe80::1%eth0"),
        ("public_addresses", "192.0.2.1:8001"),
        ("public_url", "conference.example.org"),
        ("public_url", "ftp://conference.example.org"),
        ("public_url", "https://"),
        ("public_url", "https://conference.example.org:99999"),
        ("public_url", "https://conference.example.org/plenum"),
        ("public_url", "https://conference.example.org?x"),
        ("public_url", "https://somebody@conference.example.org"),
        ("public_url", "https://[::1"),
        ("public_url", "https://conference.example.org\n"),
        ("turn_urls", "turn.example.org"),
        ("turn_urls", "stun:turn.example.org"),
        ("turn_urls", "turn:turn.example.org, https://turn.example.org"),
        ("turn_urls", "turn:turn.example.org:0"),
        ("turn_urls", "turn:turn.example.org:70000"),
        ("turn_urls", "turn:turn.example.org?transport=sctp"),
        ("turn_urls", "turns:turn.example.org?transport=udp"),
        ("turn_urls", 'turn:x>; rel="y"'),
        ("turn_secret", "a secret without a server"),
    ],
)
def test_what_cannot_work_is_named_with_its_variable(name: str, value: str) -> None:
    assert f"PLENUM_{name.upper()}" in complaint(**{name: value})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("port", "443"),
        ("media_port", "0"),
        ("media_workers", "4"),
        ("heartbeat_seconds", "5"),
        ("stage_grace_seconds", "0"),
        ("io_uring", "off"),
        ("log_level", "DEBUG"),
        ("metrics_token", ""),
        ("metrics_token", "x" * 16),
        ("metrics_token", "c29tZXRoaW5nIHNlY3JldA=="),
        ("public_addresses", ""),
        ("public_addresses", "192.0.2.1, 2001:db8::1,"),
        ("public_url", ""),
        ("public_url", "https://conference.example.org/"),
        ("public_url", "http://localhost:8443"),
        ("public_url", "https://[2001:db8::1]:8443"),
    ],
)
def test_what_works_is_taken(name: str, value: str) -> None:
    assert str(getattr(Settings.from_environment({f"PLENUM_{name.upper()}": value}), name)) in (value, f"{value}.0")


def test_a_turn_server_needs_its_secret_and_the_secret_is_not_told() -> None:
    urls = "turn:192.0.2.1:3478, turn:[2001:db8::1]?transport=tcp,turns:turn.example.org:443"
    for secret in ("", "short-secret", "å" * 16):
        text = complaint(turn_urls=urls, turn_secret=secret)
        assert "PLENUM_TURN_SECRET" in text and not (secret and secret in text)
    settings = Settings.from_environment({"PLENUM_TURN_URLS": urls, "PLENUM_TURN_SECRET": "rather-secret-and-long"})
    assert len(settings.turn_servers) == 3 and "rather-secret" not in repr(settings)


SEVERAL: Final = {"database_url": "postgresql://db/plenum", "secret": "s" * 32, "redis_url": "redis://:rather-secret@db/3"}


def test_several_nodes_need_one_database_and_one_secret() -> None:
    settings = Settings.from_environment({f"PLENUM_{name.upper()}": value for name, value in SEVERAL.items()})
    assert settings.redis_url == SEVERAL["redis_url"] and "rather-secret" not in repr(settings)
    for name in ("database_url", "secret"):
        text = complaint(**{key: value for key, value in SEVERAL.items() if key != name})
        assert f"PLENUM_{name.upper()}" in text and "rather-secret" not in text


@pytest.mark.parametrize("url", ["rather-secret", "http://rather-secret", "redis://db/rather-secret"])
def test_an_address_that_is_no_redis_is_refused_and_not_told(url: str) -> None:
    text = complaint(**SEVERAL | {"redis_url": url})
    assert "PLENUM_REDIS_URL" in text and "rather-secret" not in text


def test_a_token_is_not_told_where_settings_are() -> None:
    assert "rather-secret" not in complaint(metrics_token="rather-secret")
    assert "rather-secret" not in repr(Settings.from_environment({"PLENUM_METRICS_TOKEN": "rather-secret-and-long"}))


def test_defaults_work() -> None:
    Settings.from_environment({})


def test_options_are_held_to_the_same() -> None:
    with pytest.raises(SettingsError, match="PLENUM_PORT must be from 1 to 65,535, not 70000"):
        Settings.from_environment({}, port=70000)


def test_an_option_goes_before_the_environment() -> None:
    assert Settings.from_environment({"PLENUM_PORT": "8080"}, port=8081).port == 8081


def test_an_unknown_variable_is_refused_with_the_known_ones() -> None:
    assert "PLENUM_HEARTBEAT_SECONDS" in complaint(heartbeet="15")


def test_paths_are_absolute(tmp_path: Path) -> None:
    assert Settings.from_environment({}, directory=tmp_path / "x" / "..").directory == tmp_path.resolve()
