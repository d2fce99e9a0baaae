"""Run a server for all processes of a test run: `python -m tests.services.keeper NAME PID`.

The first process of a run that needs the server starts its keeper. It may end before the others (pytest-xdist), so the
server must not be its child. The keeper prints a line of JSON when the server is ready, and returns the terminal; a
process that it leaves behind stops the server, and removes its files, when the process PID has ended, in whatever way.
"""

from __future__ import annotations

import json
import os
import select
import sys
from typing import TYPE_CHECKING

from tests.services.postgresql import PostgreSQL
from tests.services.s3 import S3Proxy, S3Server, VersityGateway

if TYPE_CHECKING:
    from pathlib import Path

    from tests.services.process import ServerProcess

SERVERS: dict[str, type[ServerProcess]] = {each.name: each for each in (PostgreSQL, VersityGateway, S3Proxy)}


def keep(name: str, pid: int) -> None:
    """Run the server until the process `pid` has ended."""
    life = os.pidfd_open(pid)
    with SERVERS[name]() as server:
        print(json.dumps(describe(server)), flush=True)
        _let_the_caller_go(server.folder)
        select.select([life], [], [])


def describe(server: ServerProcess) -> dict[str, str]:
    """Return the fields of the server's `Databases` or `Buckets`."""
    if isinstance(server, PostgreSQL):
        return {"server": server.databases.server}
    assert isinstance(server, S3Server)
    return {"endpoint": server.buckets.endpoint, "data": server.buckets.data}


def _let_the_caller_go(folder: Path) -> None:
    """Close the pipes that the caller reads until they end."""
    with (folder / "keeper.log").open("ab") as log:
        for descriptor in (1, 2):
            os.dup2(log.fileno(), descriptor)


if __name__ == "__main__":
    # The caller waits for this process: one that it did not start itself may outlive it.
    if os.fork() == 0:
        os.setsid()
        keep(sys.argv[1], int(sys.argv[2]))
