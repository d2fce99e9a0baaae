"""Checks at startup: the installation is complete, and the catalogue has the newest schema."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from aiohttp import http_parser

from media_service.catalogue.sqlite.schema_version import is_current


class StartupError(Exception):
    """The service cannot run on this machine or installation; the message says what is missing, in one line."""


def check_http_parser() -> None:
    """Raise StartupError without aiohttp's C parser: the Python one is slower and had more security advisories."""
    if not hasattr(http_parser, "HttpRequestParserC"):
        raise StartupError("aiohttp was installed without its C extension; install it from a binary wheel")


def resource_folder(name: str) -> Path:
    """Return the folder `static` or `migrations`: inside the package in a wheel, next to it in a checkout."""
    package = Path(__file__).parent
    return next(folder for folder in (package / name, package.parent / name) if folder.is_dir())


def migrate_catalogue(database: Path) -> None:
    """Migrate the catalogue to the newest schema if it is older. Raise StartupError."""
    scripts = resource_folder("migrations")
    if not is_current(database, scripts):
        # In another process, so that Alembic's memory is released.
        command = (sys.executable, "-m", "media_service.catalogue.sqlite.migrate", str(database), str(scripts))
        if subprocess.run(command, check=False).returncode:  # noqa: S603  # our own module
            raise StartupError(f"the catalogue {database} could not be brought to the newest schema")
