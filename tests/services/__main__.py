"""Start PostgreSQL and both S3 servers for a developer, until Ctrl-C or SIGTERM: `python -m tests.services`.

What is printed to standard output can be read by a shell: a database, a bucket of versitygw, and credentials.
"""

from __future__ import annotations

import signal
import sys
import tempfile
from contextlib import ExitStack, suppress
from pathlib import Path

from tests.services.postgresql import PostgreSQL
from tests.services.programs import MissingProgram
from tests.services.s3 import S3Proxy, VersityGateway


def main() -> None:
    """Run what this machine has, and say where it is."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with ExitStack() as running, suppress(KeyboardInterrupt):
        folder = Path(running.enter_context(tempfile.TemporaryDirectory(prefix="media-service-")))
        folder.chmod(0o755)
        for kind in (PostgreSQL, VersityGateway, S3Proxy):
            own = folder / kind.name
            own.mkdir()
            server = kind(own)
            try:
                running.enter_context(server)
            except MissingProgram as error:
                print(f"missing: {error}", file=sys.stderr)
                continue
            _print(server)
        sys.stdout.flush()
        signal.pause()


def _print(server: PostgreSQL | VersityGateway | S3Proxy) -> None:
    if isinstance(server, PostgreSQL):
        print(f"export MEDIA_SERVICE_CATALOGUE={server.databases.create()}")
        return
    comment = "# or " if isinstance(server, S3Proxy) else ""
    print(f"{comment}export MEDIA_SERVICE_STORE=s3://{server.buckets.create()}/media")
    print(f"{comment}export MEDIA_SERVICE_S3_ENDPOINT={server.buckets.endpoint}")
    if not comment:
        print("export", *(f"{name}={value}" for name, value in server.buckets.environment.items()))


if __name__ == "__main__":
    main()
