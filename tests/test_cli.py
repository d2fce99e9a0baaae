"""Check what an operator reads: why a start fails, where a setting comes from, and whether the service is ready."""

from __future__ import annotations

import re
import socket
import tomllib
from typing import TYPE_CHECKING

import pytest

from media_service.config.loading import load
from media_service.config.settings import Settings
from tests.catalogue.samples import rows, write
from tests.support.commands import run
from tests.support.server import Server

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

pytestmark = pytest.mark.slow


def refusal(*arguments: str, status: int = 2, environment: Mapping[str, str] | None = None) -> str:
    """Return the one line with which `media-service` ends."""
    ended = run(*arguments, **(environment or {}))
    assert (ended.returncode, ended.stdout) == (status, ""), ended
    said = "".join(line for line in ended.stderr.splitlines(keepends=True) if not line.startswith("{"))
    assert re.fullmatch(r"media-service: [^\n]+\n", said), ended.stderr
    return said.removeprefix("media-service: ").strip()


def test_a_missing_settings_file_is_an_error(tmp_path: Path) -> None:
    missing = tmp_path / "nope.toml"
    assert refusal("serve", "--config", str(missing)) == f"the file of settings {missing} does not exist"
    assert "cannot be read: Is a directory" in refusal("migrate", "--config", str(tmp_path))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("file_limt = 5", r"file_limt in \S+ is not a setting; did you mean file_limit\?"),
        ("HOST = 'x'", r"HOST in \S+ is not a setting; did you mean host\?"),
        ("xyzzy = 5", r"xyzzy in \S+ is not a setting; `media-service settings` lists them all"),
        ("port = ", r"the file of settings \S+ is not TOML: .+"),
        ("port = 'many'", r"port in \S+ cannot be used: .*integer.*"),
        ("base_path = '/a b'", r"base_path in \S+ cannot be used: it must be a path such as /media"),
        ("severities = {no_such = 'warn'}", r"severities in \S+ cannot be used: there is no finding called no_such"),
        ("catalogue = 'mysql://a:secret@b/c'", r"catalogue in \S+ cannot be used: it must be empty or a URL .*/media"),
        ("store = 's3://B'", r"store in \S+ cannot be used: it must be empty or a URL such as s3://bucket/prefix"),
        ("store = 's3://bucket/a/../b'", r"store in \S+ cannot be used: its prefix must not have a part . or .."),
        ("store = 's3://bucket'\ns3_endpoint = 'https://a:secret@s3'", r"s3_endpoint in \S+ cannot be .* a password"),
        ("content = 'redirect'", r"content in \S+ cannot be used: it is of no use without a store in S3"),
    ],
)
def test_an_unusable_settings_file_is_named_with_the_reason(tmp_path: Path, content: str, said: str) -> None:
    config = tmp_path / "settings.toml"
    config.write_text(content)
    assert re.fullmatch(said, refusal("serve", "--config", str(config)))


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        (
            "MEDIA_SERVICE_FILE_LIMT",
            "5",
            "MEDIA_SERVICE_FILE_LIMT is not a setting; did you mean MEDIA_SERVICE_FILE_LIMIT?",
        ),
        ("MEDIA_SERVICE_PORT", "tcp://10.0.0.1", "MEDIA_SERVICE_PORT cannot be used: "),
        ("media_service_port", "x", "media_service_port cannot be used: "),
        ("MEDIA_SERVICE_ALLOWED_HOSTS", "a,b", "MEDIA_SERVICE_ALLOWED_HOSTS cannot be used: it must be JSON"),
    ],
)
def test_an_unusable_variable_is_named(variable: str, value: str, said: str) -> None:
    assert refusal("serve", environment={variable: value}).startswith(said)


def test_a_port_in_use_is_explained(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        said = refusal("serve", "--port", str(port), "--data-dir", str(tmp_path), status=1)
    assert said == f"Port {port} is taken by another program; choose one with --port."


def test_an_unknown_host_is_explained(tmp_path: Path) -> None:
    said = refusal("serve", "--port", "0", "--host", "no such host", "--data-dir", str(tmp_path), status=1)
    assert said == "The host name no such host cannot be resolved; choose an address of this machine with --host."
    said = refusal("serve", "--port", "0", "--host", "192.0.2.1", "--data-dir", str(tmp_path), status=1)
    assert said == "This machine does not have the address 192.0.2.1; choose another one with --host."


def test_the_start_says_who_can_connect_and_how_to_stop(tmp_path: Path) -> None:
    with Server(tmp_path / "data") as server:
        assert server.process is not None
        assert server.process.stdout is not None
        assert server.process.stdout.readline() == "open   to this machine only; who may come in: docs/operator.md\n"
        assert server.process.stdout.readline() == "stop   with Ctrl-C\n"


def test_settings_are_printed_with_value_origin_and_meaning(tmp_path: Path) -> None:
    config = tmp_path / "settings.toml"
    config.write_text('slice_limit = "1MiB"\nport = 5\nseverities = {trailing_junk = "reject"}\n')
    hosts = '["b.example", "a.example"]'
    printed = run("settings", "--config", str(config), "--port", "7", MEDIA_SERVICE_ALLOWED_HOSTS=hosts).stdout
    assert f"slice_limit = 1048576  # slice_limit in {config}\n    Maximum bytes of a slice." in printed
    assert "\nport = 7  # --port\n" in printed
    assert '\nallowed_hosts = ["a.example", "b.example"]  # MEDIA_SERVICE_ALLOWED_HOSTS\n' in printed
    assert "\nfile_limit = 68719476736  # default\n" in printed
    paragraphs = dict(re.findall(r"^(?:# )?(\w+) (?:=|is not set).*\n    (\S.*)", printed, re.MULTILINE))
    assert list(paragraphs) == list(Settings.model_fields)
    # What is printed can be a file of settings.
    again = tmp_path / "again.toml"
    again.write_text("\n".join(line for line in printed.splitlines() if re.match(r"\w+ = ", line)))
    assert tomllib.loads(again.read_text())
    wanted = load(config, port=7, allowed_hosts=frozenset({"a.example", "b.example"}))
    assert load(again).model_dump() == wanted.model_dump()


def test_password_of_the_database_is_not_printed() -> None:
    url = "postgresql://media:{}@db.example/media"
    printed = run("settings", MEDIA_SERVICE_CATALOGUE=url.format("secret")).stdout
    assert f'catalogue = "{url.format("…")}"  # MEDIA_SERVICE_CATALOGUE' in printed
    assert "secret" not in printed
    assert "secret" not in repr(load(catalogue=url.format("secret")))


def test_password_of_the_database_is_refused_where_every_user_could_read_it() -> None:
    said = refusal("serve", "--catalogue", "postgresql://media:secret@db.example/media")
    assert said.startswith("--catalogue must not have a password: ")
    assert "secret" not in said


def test_help_says_where_all_settings_are() -> None:
    said = run("serve", "--help").stdout
    assert "media-service settings" in said
    assert "docs/operator.md" in said


def test_health_is_0_while_the_service_is_ready_and_1_otherwise(tmp_path: Path) -> None:
    with Server(tmp_path / "data", base_path="/media") as server:
        ready = run("health", "--port", str(server.port), MEDIA_SERVICE_BASE_PATH="/media")
        assert (ready.returncode, ready.stdout) == (0, "ready\n")
        said = refusal("health", "--port", str(server.port), status=1)
        assert said == "the service responds with status 404"
    said = refusal("health", "--port", str(server.port), status=1)
    assert said.startswith(f"no response from 127.0.0.1 port {server.port}: ")
    assert "--port" in refusal("health", "--port", "0", status=1)


def test_wrong_sums_of_usage_are_found_and_corrected(tmp_path: Path) -> None:
    folder = ("--data-dir", str(tmp_path))
    said = refusal("usage", *folder, status=1)
    assert said == (
        f"{tmp_path}/catalogue.sqlite3 is not a catalogue with the newest schema; `media-service migrate` makes it one"
    )
    run("migrate", *folder)
    right = "service: files 0, bytes 0, reserved_files 0, reserved_bytes 0\n"
    checked = run("usage", "--check", *folder)
    assert (checked.returncode, checked.stdout) == (0, right)
    write(tmp_path / "catalogue.sqlite3", "UPDATE usage SET bytes = 5")
    write(tmp_path / "catalogue.sqlite3", "INSERT INTO usage VALUES ('link:x', 0, 0, 1, 0)")
    wrong = (
        "link:x: files 0, bytes 0, reserved_files 1 (wrong: 0), reserved_bytes 0\n"
        "service: files 0, bytes 5 (wrong: 0), reserved_files 0, reserved_bytes 0\n"
    )
    checked = run("usage", "--check", *folder)
    assert (checked.returncode, checked.stdout) == (1, wrong)
    assert checked.stderr == "media-service: sums are wrong; `media-service usage --repair` corrects them\n"
    assert run("usage", *folder).returncode == 0
    repaired = run("usage", "--repair", *folder)
    assert (repaired.returncode, repaired.stdout) == (0, wrong)
    assert rows(tmp_path / "catalogue.sqlite3", "SELECT action FROM audit") == [("usage_repaired",)]
    assert run("usage", "--check", *folder).stdout == right.replace("service", "link:x") + right
    write(tmp_path / "catalogue.sqlite3", "DROP TABLE usage")
    assert refusal("usage", *folder, status=1) == f"{tmp_path}/catalogue.sqlite3: no such table: usage"


def test_health_reaches_a_service_that_listens_everywhere(tmp_path: Path) -> None:
    with Server(tmp_path / "data", allowed_hosts='["radio.example"]') as server:
        settings = {"MEDIA_SERVICE_HOST": "0.0.0.0", "MEDIA_SERVICE_ALLOWED_HOSTS": '["radio.example"]'}
        assert run("health", "--port", str(server.port), **settings).returncode == 0
