"""Brings a catalogue to the newest schema: `python -m media_service.catalogue.migrate FILE FOLDER`.

A program of its own, started when the schema is not the newest, so that the server never carries Alembic itself.
"""

from __future__ import annotations

import sys
from pathlib import Path

from alembic import command
from alembic.config import Config

from media_service.catalogue.database import writing_engine


def migrate(database: Path, scripts: Path, revision: str = "head") -> None:
    """Applies what is missing of `scripts` (the folder `migrations`) to the database, which is made if need be."""
    config = Config()
    config.set_main_option("script_location", str(scripts).replace("%", "%%"))
    engine = writing_engine(database)
    with engine.connect() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, revision)
    engine.dispose()


if __name__ == "__main__":
    migrate(Path(sys.argv[1]), Path(sys.argv[2]))
