"""Checks at startup: the installation is complete, and the catalogue has the newest schema."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from aiohttp import http_parser

from media_service.catalogue.sqlite.schema_version import is_current
from media_service.storage.moved import marker, read_moved

if TYPE_CHECKING:
    from media_service.storage.data_folder import DataFolder


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


def check_moved(folder: DataFolder, *, catalogue: str, store: str | None) -> None:
    """Raise StartupError if the folder's data are not where these settings say; `store` is None if it is not used.

    Of data that were moved, what is left in the folder is old: what people change there would be lost. And without the
    rows of the folder's catalogue its unfinished files would be deleted. Raise OSError.
    """
    moved = read_moved(folder)
    if moved is None:
        if catalogue and store == "" and folder.catalogue.exists():
            raise StartupError(f"{folder.root} has a catalogue already: move it by `media-service migrate-to`")
        return
    if not moved.ended:
        raise StartupError(
            f"{folder.root} is moving to {moved}: run `media-service migrate-to` again, or delete {marker(folder)} "
            "to go on as before"
        )
    settings = {"catalogue": catalogue, "store": store}
    needed = [name for name in settings if getattr(moved, name)]
    if any(settings[name] == "" for name in needed):
        raise StartupError(
            f"{folder.root} was moved to {moved}, so the settings must have {' and '.join(needed)}; docs/operator.md "
            "has the way back"
        )
