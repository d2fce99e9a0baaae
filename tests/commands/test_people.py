"""`media-service person` and `token`: only what a script reads on standard output, with and without the service."""

from __future__ import annotations

import http.client
import json
import re
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from tests.support.commands import run as run_command
from tests.support.server import Server

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.slow

SECRET = r"ms_[A-Za-z0-9_-]{43}"  # a pattern


def run(data: Path, *arguments: str, status: int = 0) -> str:
    """Return what `media-service` prints."""
    ended = run_command(*arguments, "--data-dir", str(data))
    assert ended.returncode == status, ended
    return ended.stdout if status == 0 else ended.stderr


def status_of(server: Server, method: str, path: str, token: str | None, body: object = None) -> int:
    """Return the status of a response to this token."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    headers = {"Content-Type": "application/json"} | ({} if token is None else {"Authorization": f"Bearer {token}"})
    connection.request(method, path, None if body is None else json.dumps(body), headers)
    response = connection.getresponse()
    connection.close()
    return response.status


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with Server(tmp_path_factory.mktemp("commands") / "data", workers=2, disk_reserve=0) as server:
        yield server


def test_commands_work_while_no_service_runs(tmp_path: Path) -> None:
    data, config = tmp_path / "data", tmp_path / "settings.toml"
    config.write_text('public_url = "https://radio.example/media"\n')
    url = run(data, "person", "add", "Kim", "--role", "editor", "--all-collections", "--config", str(config))
    assert re.fullmatch(rf"https://radio\.example/media/#invitation={SECRET}\n", url)
    token = run(data, "token", "add", "kim", "--name", "studio", "--scope", "upload", "--scope", "read")
    assert re.fullmatch(rf"{SECRET}\n", token)
    listed = run(data, "token", "list", "Kim")
    assert re.fullmatch(r"\S{22}\tKim\tstudio\tupload,read\texpires \d{4}-\d\d-\d\d \d\d:\d\d UTC\n", listed)
    run(data, "person", "disable", "KIM")
    assert run(data, "person", "list") == "Kim\teditor\tdisabled\n"
    run(data, "person", "disable", "Kim", "--undo")
    assert run(data, "person", "list") == "Kim\teditor\tactive\n"
    database = (data / "catalogue.sqlite3").read_bytes()
    for secret in (url.strip().partition("=")[2], token.strip()):
        assert secret.encode() not in database


def test_commands_reach_the_running_service(server: Server) -> None:
    url = run(server.data, "person", "add", "Lee", "--role", "editor").strip()
    body = {"invitation": url.partition("=")[2], "password": "correct horse"}
    assert status_of(server, "POST", "/session", None, body) == 204
    token = run(server.data, "token", "add", "Lee", "--name", "t", "--scope", "read", "--expires", "never").strip()
    assert status_of(server, "GET", "/api/v1/files", token) == 200
    run(server.data, "token", "revoke", run(server.data, "token", "list", "Lee").partition("\t")[0])
    time.sleep(1)
    assert [status_of(server, "GET", "/api/v1/files", token) for _ in range(4)] == [401] * 4


def test_concurrent_commands_beside_the_service_change_all_they_say(server: Server) -> None:
    names = [f"Person {number}" for number in range(3)]
    with ThreadPoolExecutor(len(names)) as threads:
        urls = [*threads.map(lambda name: run(server.data, "person", "add", name), names)]
    assert len({*urls}) == len(names)
    listed = run(server.data, "person", "list")
    assert all(f"{name}\tsender\tactive\n" in listed for name in names)


def test_command_that_is_refused_says_why_in_one_line(server: Server) -> None:
    said = run(server.data, "person", "invite", "nobody", status=1)
    assert said == "media-service: There is no such person.\n"
    said = run(server.data, "token", "add", "x", "--name", "t", "--scope", "upload", "--expires", "soon", status=2)
    assert said.startswith("media-service: --expires must be")
