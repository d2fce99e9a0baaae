"""Sample uploads and files, and direct reads of the rows and the schema."""

from __future__ import annotations

import sqlite3
from contextlib import asynccontextmanager, closing
from typing import TYPE_CHECKING, Any

from media_service.catalogue.sqlite.catalogue import SqliteCatalogue
from media_service.core.chapters import Chapter
from media_service.core.cover import Cover
from media_service.core.files import SpoolEntry, StoredFile
from media_service.core.upload import PublishIntent, Review, Verdict
from media_service.core.upload_states import State
from media_service.ipc.client import RpcClient
from tests.core.samples import FACTS, make_upload

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from media_service.core.ports.catalogue import Catalogue
    from media_service.core.upload import Upload


FULL = make_upload(
    filename="일요일 밤.mp3",
    digest=bytes(32),
    content_hash=bytes(range(32)),
    last_modified=-5,
    sender="김",
    tags={"title": "밤", "comment": "one\ntwo"},
    cover=Cover("image/png", 5, 30, 20),
    chapters=(Chapter(0, "시작"), Chapter(1.5, "Talk", "https://example.com/")),
    facts=FACTS,
    verdict=Verdict("not_mp3", {"reason": "글이다"}),
    file_id="f",
    length=2**60,
    publish_intent=PublishIntent("밤.mp3", 5, bytes(32), {"title": "밤"}, (Chapter(0, "시작"),), has_cover=False),
    review=Review.FORCED,
    defer_completion=True,
    protocol_fields={"Upload-Metadata": "filename YQ=="},
    address="192.0.2.1",
    account="person:p",
    collection="c",
    email="kim@radio.example",
    version=7,
)
"""An upload that sets every field."""


def make_file(number: int = 1, **changes: Any) -> StoredFile:
    """Return the finished file of the upload `u{number}`, with these changes."""
    plain: dict[str, Any] = {
        "id": f"f{number}",
        "upload_id": f"u{number}",
        "owner": "local",
        "sender": "Kim",
        "filename": f"show {number}.mp3",
        "spool_entry": SpoolEntry(f"show {number}.mp3", 1100 + number, bytes(31) + b"\x01"),
        "facts": FACTS,
        "tags": {"title": "Night", "artist": "김"},
        "uploaded_at": number,
        "spooled_at": number + 1,
    }
    return StoredFile(**plain | changes)


def spooled(file: StoredFile, **changes: Any) -> Upload:
    """Return the upload that became this file."""
    plain = {"id": file.upload_id, "owner": file.owner, "state": State.SPOOLED, "facts": file.facts}
    return make_upload(**plain | {"file_id": file.id, "created_at": file.uploaded_at} | changes)


@asynccontextmanager
async def reopened(path: Path) -> AsyncIterator[SqliteCatalogue]:
    """Yield another catalogue of this database, for reading. Close it even if the test fails: it has threads."""
    catalogue = SqliteCatalogue(path, RpcClient())
    await catalogue.open()
    try:
        yield catalogue
    finally:
        await catalogue.close()


async def keep(catalogue: Catalogue, *files: StoredFile) -> None:
    """Deliver each of the files."""
    for file in files:
        await catalogue.create(make_upload(id=file.upload_id, owner=file.owner, created_at=file.uploaded_at))
        await catalogue.deliver(spooled(file), file)


def rows(path: Path, query: str) -> list[Any]:
    """Return the rows that a new connection reads."""
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(query).fetchall()


def write(path: Path, statement: str) -> None:
    """Execute the statement over a new connection."""
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(statement)


def dump(path: Path) -> list[str]:
    """Return what creates the database, with the index of grams as its contents: how FTS5 stores them may differ."""
    with closing(sqlite3.connect(":memory:")) as copy:
        with closing(sqlite3.connect(path)) as connection:
            connection.backup(copy)
        grams = grams_of(copy)
        if grams is not None:
            copy.execute("DROP TABLE file_grams")
        return [*copy.iterdump(), repr(grams)]


def grams_of(connection: sqlite3.Connection) -> dict[int, set[str]] | None:
    """Return the stored grams of each listed file, None before there is an index of them."""
    if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'file_grams'").fetchall():
        return None
    connection.execute("CREATE VIRTUAL TABLE temp.vocabulary USING fts5vocab(main, file_grams, instance)")
    grams: dict[int, set[str]] = {}
    for number, gram in connection.execute("SELECT doc, term FROM temp.vocabulary ORDER BY doc"):
        grams.setdefault(number, set()).add(gram)
    connection.execute("DROP TABLE temp.vocabulary")
    return grams
