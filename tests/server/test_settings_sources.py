"""Settings from a file, and secrets from files of their own: the environment goes first, and what is wrong is named with its
line."""

from __future__ import annotations

from pathlib import Path

import pytest

from server.settings import SECRETS, Settings, SettingsError
from server.settings_sources import MOST_SECRET_BYTES

SECRET = "rather-secret-and-long-enough-for-anything"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "plenum.toml"


def read(directory: Path, **environment: str) -> Settings:
    return Settings.from_environment(environment, directory=directory)


def complaint(directory: Path, **environment: str) -> str:
    with pytest.raises(SettingsError) as caught:
        read(directory, **environment)
    text = str(caught.value)
    assert "\n" not in text and SECRET not in text
    return text


def test_the_file_in_the_directory_is_read(file: Path) -> None:
    file.write_text('# ours\nport = 8080\nheartbeat_seconds = 5\nhost = "0.0.0.0"\n')
    settings = read(file.parent)
    assert (settings.port, settings.heartbeat_seconds, settings.host) == (8080, 5.0, "0.0.0.0")
    assert settings.directory == file.parent.resolve()


def test_the_environment_goes_first_and_options_before_it(file: Path) -> None:
    file.write_text('port = 8080\nhost = "192.0.2.1"\n')
    settings = read(file.parent, PLENUM_PORT="8081")
    assert (settings.port, settings.host) == (8081, "192.0.2.1")
    assert Settings.from_environment({"PLENUM_PORT": "8081"}, directory=file.parent, port=8082).port == 8082


def test_another_file_is_named_by_the_environment_and_must_be_there(file: Path, tmp_path: Path) -> None:
    file.write_text("port = 8080\n")
    other = tmp_path / "other.toml"
    other.write_text("media_port = 9000\n")
    settings = read(file.parent, PLENUM_CONFIG=str(other))
    assert (settings.port, settings.media_port) == (8000, 9000)
    assert "missing.toml: No such file" in complaint(file.parent, PLENUM_CONFIG=str(tmp_path / "missing.toml"))


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("port = 8080\nprot = 8081\n", 2, '"prot" is not a setting; known are body_bytes, '),
        ("\n[server]\nport = 8080\n", 2, '"server" is not a setting'),
        ('directory = "elsewhere"\n', 1, "-C"),
        ('port = "8080"\n', 1, "port must be a whole number"),
        ("port = true\n", 1, "port must be a whole number"),
        ("port = 80.5\n", 1, "port must be a whole number"),
        ("host = 8080\n", 1, "host must be a text"),
        ('public_addresses = ["192.0.2.1"]\n', 1, "public_addresses must be a text"),
        ("\nheartbeat_seconds = 600\n", 2, "PLENUM_HEARTBEAT_SECONDS must be from"),
        ("heartbeat_seconds = nan\n", 1, "PLENUM_HEARTBEAT_SECONDS must be from"),
        ('\n\nmetrics_token = "short"\n', 3, "PLENUM_METRICS_TOKEN"),
        (f'metrics_token = "{SECRET} "\n', 1, "PLENUM_METRICS_TOKEN"),
        ('\nsecret_file = "missing"\n', 2, "missing: No such file"),
        ("secret_file = 7\n", 1, "secret_file must be a text"),
        ('port_file = "port"\n', 1, '"port_file" is not a setting'),
        (f'secret = "{SECRET}"\nsecret_file = "x"\n', 2, "secret and secret_file are both set"),
    ],
)
def test_what_is_wrong_is_named_with_file_and_line(file: Path, text: str, line: int, words: str) -> None:
    file.write_text(text)
    told = complaint(file.parent)
    assert told.startswith(f"{file}:{line}: ") and words in told


def test_what_is_overridden_is_not_blamed_on_the_file(file: Path) -> None:
    file.write_text("port = 8080\n")
    assert complaint(file.parent, PLENUM_PORT="0").startswith("PLENUM_PORT must be from")


@pytest.mark.parametrize("content", [b"port = \n", b"\xff\xfe", b"port = 1\nport = 2\n"])
def test_what_is_no_toml_is_refused_with_the_name(file: Path, content: bytes) -> None:
    file.write_bytes(content)
    assert complaint(file.parent).startswith(f"{file}: ")


@pytest.mark.parametrize("name", sorted(SECRETS - {"database_url", "redis_url", "turn_secret"}))
def test_a_secret_is_read_from_a_file_of_its_own(file: Path, name: str) -> None:
    (file.parent / "one").write_text(f"{SECRET}\n")
    by_variable = read(file.parent, **{f"PLENUM_{name.upper()}_FILE": str(file.parent / "one")})
    file.write_text(f'{name}_file = "one"\n')
    for settings in (by_variable, read(file.parent)):
        assert getattr(settings, name) == SECRET
        assert SECRET not in repr(settings)


def test_an_address_with_a_password_is_read_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "one").write_text(f"postgresql://plenum:{SECRET}@localhost/plenum")
    settings = read(tmp_path, PLENUM_DATABASE_URL_FILE=str(tmp_path / "one"))
    assert settings.database_url.endswith("@localhost/plenum")
    assert SECRET not in repr(settings)


def test_a_secrets_file_that_cannot_be_one_is_refused_without_telling_what_is_in_it(tmp_path: Path) -> None:
    one = tmp_path / "one"
    for content, words in (
        (b"\n", "is empty"),
        (b"\xff" + SECRET.encode(), "is no text"),
        (SECRET.encode() * MOST_SECRET_BYTES, "is too long"),
    ):
        one.write_bytes(content)
        told = complaint(tmp_path, PLENUM_SECRET_FILE=str(one))
        assert told.startswith("PLENUM_SECRET_FILE: ") and words in told
    assert "Is a directory" in complaint(tmp_path, PLENUM_SECRET_FILE=str(tmp_path))
    assert "both set" in complaint(tmp_path, PLENUM_SECRET_FILE=str(one), PLENUM_SECRET=SECRET)
    assert "not a setting" in complaint(tmp_path, PLENUM_PORT_FILE=str(one))
