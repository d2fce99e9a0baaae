"""Start PostgreSQL and both S3 servers for a developer, until Ctrl-C or SIGTERM: `python -m tests.services`.

What is printed to standard output can be read by a shell: a database, a bucket of versitygw, and credentials.
"""

from __future__ import annotations

import signal
import sys
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING

import pytest

from tests.services.postgresql import PostgreSQL
from tests.services.s3 import CREDENTIALS, S3Proxy, S3Server, VersityGateway

if TYPE_CHECKING:
    from tests.services.process import ServerProcess


def main() -> None:
    """Run what this machine has, and say where it is."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with ExitStack() as running, suppress(KeyboardInterrupt):
        for kind in (PostgreSQL, VersityGateway, S3Proxy):
            try:
                kind.require()
            except pytest.skip.Exception as skipped:
                print(skipped, file=sys.stderr)
                continue
            _print(running.enter_context(kind()))
        sys.stdout.flush()
        signal.pause()


def _print(server: ServerProcess) -> None:
    if isinstance(server, PostgreSQL):
        print(f"export MEDIA_SERVICE_CATALOGUE={server.databases.create()}")
        return
    assert isinstance(server, S3Server)
    comment = "# or " if isinstance(server, S3Proxy) else ""
    print(f"{comment}export MEDIA_SERVICE_STORE=s3://{server.buckets.create()}/media")
    print(f"{comment}export MEDIA_SERVICE_S3_ENDPOINT={server.buckets.endpoint}")
    if not comment:
        print("export", *(f"{name}={value}" for name, value in CREDENTIALS.items()))


if __name__ == "__main__":
    main()
