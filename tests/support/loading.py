"""Load and compute in the fork server what takes most of the time until a service serves, and is the same in each."""

from __future__ import annotations

import asyncio
import gc
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from media_service.adapters import postgresql_rows, s3_bytes
from media_service.app import make_receiver
from media_service.catalogue.compiled import compile_all
from media_service.catalogue.sqlite.dialect import DIALECT
from media_service.config.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Mapping


def load_defaults() -> None:
    """Load what every service needs: 0.2 seconds. A receiver loads the pages' files and compiles patterns of routes."""
    compile_all(DIALECT)
    with TemporaryDirectory() as folder:
        make_receiver(Settings(data_dir=Path(folder)))
    _keep()


def load(environment: Mapping[str, str]) -> None:
    """Load what a service with this environment needs besides; do nothing if that was done."""
    if environment.get("MEDIA_SERVICE_CATALOGUE"):
        _load_postgresql()
    if environment.get("MEDIA_SERVICE_STORE"):
        _load_s3()


@cache
def _load_postgresql() -> None:
    """Import the driver and compile all statements: 0.2 seconds."""
    postgresql_rows()
    from media_service.catalogue.postgresql.dialect import DIALECT as POSTGRESQL  # noqa: PLC0415

    compile_all(POSTGRESQL)
    _keep()


@cache
def _load_s3() -> None:
    """Import the client and let it parse the description of S3: 0.3 seconds."""
    s3_bytes()
    from media_service.storage.s3.connection import process_session  # noqa: PLC0415

    async def parse() -> None:
        # With credentials of its own: the session remembers those that it has looked for.
        async with process_session().create_client(
            "s3", region_name="us-east-1", aws_access_key_id="none", aws_secret_access_key="none"
        ):
            pass

    asyncio.run(parse())
    _keep()


def _keep() -> None:
    """Let no fork collect what is here: that would copy its pages."""
    gc.collect()
    gc.freeze()
