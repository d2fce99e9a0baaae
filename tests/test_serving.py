"""The process that serves: what the command line becomes, and what it goes without."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from media_service.config.settings import Settings
from tests.support.server import ROOT, Server

pytestmark = pytest.mark.slow


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """`media-service` to its end."""
    command = (sys.executable, "-m", "media_service", *arguments)
    return subprocess.run(
        command, capture_output=True, text=True, check=False, cwd=ROOT, env=os.environ | environment, timeout=30
    )


def test_the_command_line_becomes_the_process_that_serves(tmp_path: Path) -> None:
    with Server(tmp_path / "data", upload_lifetime=60) as server:
        command = Path(f"/proc/{server.pid}/cmdline").read_text().split("\0")
        assert command[1:4] == ["-P", "-m", "media_service.serving"]
        assert '"upload_lifetime":60.0' in command[4]


def greeting(data: Path, stdout: int, seen: int) -> str:
    """What a server prints to `stdout` before it serves, read at `seen`."""
    command = (sys.executable, "-m", "media_service", "serve", "--port", "0", "--data-dir", str(data))
    with subprocess.Popen(command, stdout=stdout, cwd=ROOT) as process:
        os.close(stdout)
        try:
            read = b""
            while read.count(b"\n") < 2:
                read += os.read(seen, 4096)
        finally:
            process.terminate()
    return read.decode()


def test_the_token_is_printed_to_a_terminal_only_and_as_a_fragment(tmp_path: Path) -> None:
    for data, (seen, stdout) in ((tmp_path / "terminal", os.openpty()), (tmp_path / "log", os.pipe())):
        printed, token = greeting(data, stdout, seen), (data / "admin-token").read_text().strip()
        os.close(seen)
        on_terminal = data.name == "terminal"
        assert (f"/admin#token={token}" in printed) == on_terminal
        assert (token in printed) == on_terminal
        assert (f"/admin  (token in {data / 'admin-token'})" in printed) != on_terminal


def test_what_is_spared_is_not_loaded(tmp_path: Path) -> None:
    with Server(tmp_path / "data") as server:
        mapped = Path(f"/proc/{server.pid}/maps").read_text()
        assert "/_pydantic_core." in mapped
        assert "/_ssl." not in mapped
        assert "/_greenlet." not in mapped
        assert "/_frozenlist." not in mapped


def test_a_wrong_setting_ends_it_with_one_line() -> None:
    ended = run("serve", "--port", "65536")
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr.startswith("media-service: --port cannot be used: ")
    assert ended.stderr.count("\n") == 1


def test_a_second_server_ends_with_one_line(tmp_path: Path) -> None:
    with Server(tmp_path / "data"):
        ended = run("serve", "--port", "0", "--data-dir", str(tmp_path / "data"))
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr.startswith("media-service: ")
    assert ended.stderr.count("\n") == 1


def test_migrate_makes_a_catalogue_of_the_newest_schema(tmp_path: Path) -> None:
    ended = run("migrate", "--data-dir", str(tmp_path / "data"))
    assert (ended.returncode, ended.stdout) == (0, "")
    assert (tmp_path / "data" / "catalogue.sqlite3").stat().st_size > 0
    with Server(tmp_path / "data"):
        pass


def test_help_tells_each_default() -> None:
    told = run("serve", "--help").stdout
    for name in ("host", "port", "data_dir"):
        option = next(line for line in told.splitlines() if f"--{name.replace('_', '-')} " in line)
        assert option.endswith(f"[{Settings.model_fields[name].default}].")
