"""What the callers of the table of roles and routes act on: things of an owner, made when they are first needed."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.support.mp3 import make_mp3
from tests.support.pictures import JPEG

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from tests.support.api import Api

HALF = bytes(16 * 1024)
"""The first of two slices of an open upload."""

MP3 = make_mp3(1, seed=8200)
TEXT = b"words " * 4000

CREATIONS = {
    "tus": {"Tus-Resumable": "1.0.0", "Upload-Length": "40000", "Content-Type": "application/offset+octet-stream"},
    "rufh": {"Upload-Complete": "?0", "Upload-Length": "40000"},
}
OWNED_KINDS = ("open", *CREATIONS, "file", "plain", "trashed", "rejected", "link", "receipt")
"""Kinds of things that somebody owns: an open upload, also of the dialects that append, a file with and without a
cover, one that its owner has put into the trash, a rejected upload, a link, an upload of which there is a receipt."""


@dataclass(kw_only=True)
class OwnedThings:
    """Things of one owner in one collection ("" for the general one), made by `maker` when they are first asked for."""

    name: str
    owner: str
    collection: str
    maker: Api
    admin: Api
    things: dict[str, str] = field(default_factory=dict)

    async def get(self, kind: str) -> str:
        """Return the id of a thing of this kind, the same until it is dropped."""
        if kind not in self.things:
            makers: dict[str, Callable[[], Awaitable[str]]] = {
                "open": self._open,
                "tus": lambda: self._appending("tus"),
                "rufh": lambda: self._appending("rufh"),
                "file": lambda: self._file(JPEG),
                "plain": lambda: self._file(b""),
                "trashed": self._trashed,
                "rejected": self._rejected,
                "link": self._link,
                "receipt": self._receipt,
            }
            self.things[kind] = await makers[kind]()
        return self.things[kind]

    async def _create(self, length: int) -> str:
        more = {"collection": self.collection} if self.collection else {}
        return str((await self.maker.create("show.mp3", length, **more))["id"])

    async def _open(self) -> str:
        upload_id = await self._create(2 * len(HALF))
        assert (await self.maker.put(upload_id, 0, HALF)).status == 200
        cover = await self.maker.request("PUT", f"/api/v1/uploads/{upload_id}/cover", data=JPEG)
        assert cover.status == 200, cover
        return upload_id

    async def _appending(self, dialect: str) -> str:
        answer = await self.maker.request("POST", f"/{dialect}/", headers=CREATIONS[dialect], data=HALF)
        assert answer.status == 201, answer
        return answer.headers["Location"].rpartition("/")[2]

    async def _receipt(self) -> str:
        upload_id = await self._create(len(MP3))
        ended = await self.maker.send_all(upload_id, MP3)
        assert ended["state"] == "spooled", ended
        return upload_id

    async def _file(self, cover: bytes) -> str:
        upload_id = await self._create(len(MP3))
        if cover:
            await self.maker.request("PUT", f"/api/v1/uploads/{upload_id}/cover", data=cover)
        ended = await self.maker.send_all(upload_id, MP3)
        assert ended["state"] == "spooled", ended
        return str(ended["file"]["id"])

    async def _trashed(self) -> str:
        path = f"/api/v1/files/{await self._file(b'')}"
        answer = await self.maker.request("DELETE", path, headers={"If-Match": "*"})
        return str(answer.body["id"])

    async def _rejected(self) -> str:
        upload_id = await self._create(len(TEXT))
        ended = await self.maker.send_all(upload_id, TEXT)
        assert ended["state"] == "rejected", ended
        return upload_id

    async def _link(self) -> str:
        terms = {"title": "Night"} | ({"collection": self.collection} if self.collection else {})
        answer = await self.admin.request("POST", "/api/v1/links", json=terms)
        assert answer.status == 201, answer
        return str(answer.body["id"])
