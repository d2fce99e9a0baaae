"""`media-service` as a process: start, greeting, errors, memory at rest."""

from __future__ import annotations

import inspect
import os
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from media_service.config.settings import Settings
from media_service.server import serve
from tests.support.memory import children, proportional
from tests.support.server import ROOT, Server

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow

REST_LIMITS = {1: 110 * 1024 * 1024, 2: 130 * 1024 * 1024}
"""By the number of receivers; 83 and 98 MiB are used, of which each receiver has 15 for itself."""


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run `media-service` and return when it has ended."""
    command = (sys.executable, "-m", "media_service", *arguments)
    return subprocess.run(
        command, capture_output=True, text=True, check=False, cwd=ROOT, env=os.environ | environment, timeout=30
    )


def test_a_debugger_stops_in_the_server_and_finds_the_command_line_below(tmp_path: Path) -> None:
    """`serve` is one plain process start: no exec, and no module is hidden."""
    lines, first = inspect.getsourcelines(serve._print_addresses)
    line = first + next(number for number, text in enumerate(lines) if "print(" in text)
    commands = [f"tbreak {serve.__file__}:{line}", "continue", "where", "p __import__('ssl').OPENSSL_VERSION", "quit"]
    ended = subprocess.run(
        [
            sys.executable,
            "-m",
            "pdb",
            "-m",
            "media_service",
            "serve",
            "--port",
            "0",
            "--data-dir",
            str(tmp_path / "data"),
        ],
        input="\n".join(commands),
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        timeout=60,
    )
    assert "media_service/cli.py" in ended.stdout
    assert "_print_addresses()" in ended.stdout
    assert "OpenSSL" in ended.stdout


def greeting(data: Path, stdout: int, reader: int) -> str:
    """Return what a server prints to `stdout` when it listens, read from `reader`."""
    command = (sys.executable, "-m", "media_service", "serve", "--port", "0", "--data-dir", str(data))
    with subprocess.Popen(command, stdout=stdout, cwd=ROOT) as process:
        os.close(stdout)
        try:
            read = b""
            while read.count(b"\n") < 2:
                read += os.read(reader, 4096)
        finally:
            process.terminate()
    return read.decode()


def test_token_is_printed_to_a_terminal_only_and_as_a_fragment(tmp_path: Path) -> None:
    for data, (reader, stdout) in ((tmp_path / "terminal", os.openpty()), (tmp_path / "log", os.pipe())):
        printed, token = greeting(data, stdout, reader), (data / "admin-token").read_text().strip()
        os.close(reader)
        on_terminal = data.name == "terminal"
        assert (f"/admin#token={token}" in printed) == on_terminal
        assert (token in printed) == on_terminal
        assert (f"/admin  (token in {data / 'admin-token'})" in printed) != on_terminal


@pytest.mark.parametrize("workers", REST_LIMITS)
def test_tree_at_rest_uses_little_memory(tmp_path: Path, workers: int) -> None:
    with Server(tmp_path / "data", workers=workers) as server:
        while len(server.receivers) < workers:
            time.sleep(0.05)
        total = sum(map(proportional, [server.pid, *children(server.pid)]))
        assert total < REST_LIMITS[workers], f"{total / 2**20:.0f} MiB"


def test_invalid_setting_exits_with_one_line() -> None:
    ended = run("serve", "--port", "65536")
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr.startswith("media-service: --port cannot be used: ")
    assert ended.stderr.count("\n") == 1


def test_second_server_exits_with_one_line(tmp_path: Path) -> None:
    with Server(tmp_path / "data"):
        ended = run("serve", "--port", "0", "--data-dir", str(tmp_path / "data"))
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr.startswith("media-service: ")
    assert ended.stderr.count("\n") == 1


def test_migrate_creates_a_catalogue_of_the_newest_schema(tmp_path: Path) -> None:
    ended = run("migrate", "--data-dir", str(tmp_path / "data"))
    assert (ended.returncode, ended.stdout) == (0, "")
    assert (tmp_path / "data" / "catalogue.sqlite3").stat().st_size > 0
    with Server(tmp_path / "data"):
        pass


def test_help_shows_each_default() -> None:
    told = run("serve", "--help").stdout
    for name in ("host", "port", "data_dir"):
        option = next(line for line in told.splitlines() if f"--{name.replace('_', '-')} " in line)
        assert option.endswith(f"[{Settings.model_fields[name].default}].")
