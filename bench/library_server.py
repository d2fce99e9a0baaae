"""A server whose library has many files, for what needs more rows than anybody would send."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any

from bench.library import fill
from media_service.storage.data_folder import DataFolder
from tests.support.mp3 import make_mp3
from tests.support.server import Server

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextmanager
def library_server(data: Path, files: int, **settings: Any) -> Iterator[Server]:
    """Yield a server with so many files in the new folder `data`. All have bytes: a file without counts as taken."""
    data.mkdir()
    fill(DataFolder(data).catalogue, files)
    with Server(data, **settings) as server:
        one = data / "one.mp3"
        one.write_bytes(make_mp3(1))
        with closing(sqlite3.connect(DataFolder(data).catalogue)) as connection:
            for (name,) in connection.execute("SELECT stored_name FROM files"):
                os.link(one, server.spool / name)
        yield server
