"""aiotus, a Python client that takes only an absolute Location."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

from tests.support.mp3 import make_mp3_of
from tests.support.proxies import Proxy, documented, haproxy
from tests.support.registry import pip_package
from tests.support.server import Server

if TYPE_CHECKING:
    from pathlib import Path

MIB = 1024 * 1024
VERSION = "1.1.0"
SCRIPT = """
import asyncio, sys
import aiotus
endpoint, file = sys.argv[1:]
async def main():
    config = aiotus.RetryConfiguration(retry_attempts=2)
    with open(file, "rb") as source:
        metadata = {"filename": b"aiotus.mp3"}
        print(await aiotus.upload(endpoint, source, metadata, config=config, chunksize=2 * 1024 * 1024))
asyncio.run(main())
"""


def test_uploads_where_the_public_url_is_known(tmp_path: Path) -> None:
    client = pip_package("aiotus", VERSION)
    whole = make_mp3_of(5 * MIB, seed=12_201)
    source, proxy = tmp_path / "source.mp3", Proxy(tmp_path)
    source.write_bytes(whole)
    with (
        Server(tmp_path / "data", workers=2, disk_reserve=0, public_url=proxy.url()) as server,
        haproxy(proxy, server.port, documented("haproxy")),
    ):
        command = [sys.executable, "-c", SCRIPT, f"{proxy.url()}/tus/", str(source)]
        said = subprocess.check_output(command, env={**os.environ, "PYTHONPATH": str(client)}, text=True, timeout=120)
        assert said.startswith(f"{proxy.url()}/tus/")
        (stored,) = server.spool.iterdir()
        assert whole in stored.read_bytes()
