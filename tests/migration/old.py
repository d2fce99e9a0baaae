"""An installation of one machine with something in every table, as its service has left it."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import aiohttp

from media_service.core.access import Role
from tests.http.dialects.dialect_clients import Dialect, Draft, Native, Tus
from tests.support.api import Api
from tests.support.backend import folder_backend
from tests.support.collections import made, person
from tests.support.guests import browser, new_link, stored
from tests.support.mp3 import make_mp3, make_mp3_of
from tests.support.pictures import png
from tests.support.server import Server
from tests.support.wire import send

if TYPE_CHECKING:
    from pathlib import Path

KIB = 1024
DIALECTS: dict[str, Dialect] = {"native": Native(), "tus": Tus(), "draft": Draft()}
FILES = {name: make_mp3_of(400 * KIB, seed=17_400 + number) for number, name in enumerate(DIALECTS)}
FIRST = 150 * KIB
"""Bytes of each that have come."""

FINISHED = make_mp3(1, {"title": "Große Nacht"}, seed=17_410)
TAKEN = make_mp3(1, seed=17_411)
TRASHED = make_mp3(1, seed=17_413)
WAITING = make_mp3_of(200 * KIB, seed=17_412)
REJECTED = b"no MP3 at all, but long enough to be a slice" * 1024


@dataclass
class Old:
    """What it had: its admin token, a session, tokens, and the ids of uploads by what is to become of them."""

    data: Path
    token: str = ""
    cookie: str = ""
    editor: str = ""
    link: dict[str, Any] = field(default_factory=dict)
    show: dict[str, Any] = field(default_factory=dict)
    begun: dict[str, str] = field(default_factory=dict)
    finished: str = ""
    taken: str = ""
    trashed: str = ""
    rejected: str = ""
    waiting: str = ""


async def make_old(data: Path) -> Old:
    """Return an installation whose service is stopped."""
    old = Old(data)
    with Server(data, backend=folder_backend(data), disk_reserve=0) as server:
        async with aiohttp.ClientSession() as session:
            await _fill(old, server, Api(session, server.url, server.token))
        for name, dialect in DIALECTS.items():
            created = await send(server.port, dialect.create(len(FILES[name])))
            old.begun[name] = created.location.rpartition("/")[2]
            part = dialect.append(old.begun[name], 0, FILES[name][:FIRST], len(FILES[name]))
            assert (await send(server.port, part)).status < 300
        server.stop()
    _complete(old)
    return old


async def _fill(old: Old, server: Server, api: Api) -> None:
    old.token = server.token
    admin = Api(api.session, api.url, api.token)
    admin.headers = admin.admin
    signed_in = await api.request("POST", "/session", json={"token": server.token})
    old.cookie = signed_in.headers["Set-Cookie"].partition(";")[0]
    old.show = await made(admin, default_tags={"album": "Nights"})
    editor = await person(api, server, Role.EDITOR, [old.show])
    old.editor = editor.token
    old.link = await new_link(api, collection=old.show["slug"])
    sent = await stored(api, await browser(api, old.link), FINISHED)
    old.finished = sent["id"]
    assert sent["state"] == "spooled", sent
    for name, content in (("taken", TAKEN), ("trashed", TRASHED), ("rejected", REJECTED)):
        upload = await api.create(f"{name}.mp3", len(content))
        await api.send_all(upload["id"], content)
        setattr(old, name, upload["id"])
    name = (await api.get((await api.show(old.taken))["file"]["url"])).body["stored_name"]
    (server.spool / name).unlink()
    url = (await api.show(old.trashed))["file"]["url"]
    assert (await admin.request("DELETE", url, headers={"If-Match": "*"})).status == 200
    waiting = await api.create("waiting.mp3", len(WAITING))
    old.waiting = waiting["id"]
    await api.request("PUT", f"/api/v1/uploads/{old.waiting}/cover", data=png(16, 16))
    assert (await api.put(old.waiting, 0, WAITING[:FIRST])).status == 200


def _complete(old: Old) -> None:
    """Let the last bytes of an upload have come just before the service was killed."""
    partial = old.data / "partials" / f"{old.waiting}.partial"
    with partial.open("r+b") as file:
        file.seek(FIRST)
        file.write(WAITING[FIRST:])
        os.fsync(file.fileno())
    execute(
        old.data,
        "INSERT INTO slices (upload_id, start, stop, recorded_at) VALUES (?, ?, ?, 1)",
        *(old.waiting, FIRST, len(WAITING)),
    )
    execute(old.data, "UPDATE uploads SET state = 'received' WHERE id = ?", old.waiting)
    execute(old.data, "INSERT INTO loudness (file_id, peaks, measured_at) SELECT id, '[]', 1 FROM files LIMIT 1")


def execute(data: Path, statement: str, *values: object) -> None:
    """Change the old catalogue as an operator may."""
    with closing(sqlite3.connect(data / "catalogue.sqlite3")) as connection, connection:
        connection.execute(statement, values)


def contents(data: Path) -> dict[str, bytes]:
    """Return the files that clients and readers have an interest in, by their paths."""
    folders = ("partials", "spool", "quarantine")
    paths = [path for folder in folders for path in (data / folder).rglob("*") if path.is_file()]
    return {str(path.relative_to(data)): path.read_bytes() for path in paths}
