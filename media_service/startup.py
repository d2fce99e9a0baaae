"""What belongs to an installation: the folders beside its code, and its catalogue's schema."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from media_service.catalogue.schema import is_newest


class StartupError(Exception):
    """This machine or installation cannot run the service; the message says what is missing, in one line."""


def resource_folder(name: str) -> Path:
    """The folder `static` or `migrations`: beside the code in a wheel, at the top of a checkout."""
    package = Path(__file__).parent
    return next(place for place in (package / name, package.parent / name) if place.is_dir())


async def migrate_catalogue(database: Path) -> None:
    """Migrates the catalogue where that is due, in a process of its own. Raises Unfit."""
    scripts = resource_folder("migrations")
    if not await asyncio.to_thread(is_newest, database, scripts):
        command = (sys.executable, "-m", "media_service.catalogue.migrate", str(database), str(scripts))
        process = await asyncio.create_subprocess_exec(*command)
        if await process.wait():
            raise StartupError(f"the catalogue {database} could not be brought to the newest schema")
