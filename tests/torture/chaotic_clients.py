"""Clients that send one file after the other over bad lines, and note what was acknowledged."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import random
from contextlib import suppress
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import aiohttp

from media_service.core.ranges import Ranges, Span
from tests.support.api import digest_field
from tests.support.mp3 import make_mp3_of
from tests.support.raw import head, multipart, part
from tests.support.wire import request

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.support.api import Api
    from tests.support.server import Server
    from tests.support.wire import WireResponse
    from tests.torture.bad_lines import BadLines

KIB = 1024
SIZES = [40 * KIB, 60 * KIB, 60 * KIB, 300 * KIB, 900 * KIB, 2500 * KIB]
PARALLEL = 8
NAMES = ("show.mp3", "show.mp3", "Night.mp3", "서울.mp3")
"""Several files have the same name, so that names are chosen while processes die."""

TUS = {"Tus-Resumable": "1.0.0"}
APPEND = TUS | {"Content-Type": "application/offset+octet-stream"}
RETRY_SECONDS = 0.05


class Sender:
    """Send files until stopped, to any of the servers. Subclasses create an upload and send its bytes."""

    def __init__(self, number: int, seed: int, lines: BadLines, apis: Sequence[Api]) -> None:
        self.random = random.Random(seed * 100 + number)
        self.lines = lines
        self.apis = apis
        self.files = 0
        self.data = b""
        self.upload_id: str | None = None
        self.acknowledged = Ranges()
        self.finished: dict[str, bytes] = {}
        self._seed = number * 10_000

    async def run(self, stop: asyncio.Event) -> None:
        """Send one file after the other; end the current one when stopped."""
        while not stop.is_set():
            self.data = make_mp3_of(self.random.choice(SIZES), seed=self._seed + self.files)
            self.acknowledged = Ranges()
            self.files += 1
            self.upload_id = await self._create(self.random.choice(NAMES))
            await self._send_all()
            await self._see_the_end()

    async def _create(self, name: str) -> str:
        raise NotImplementedError

    async def _send_all(self) -> None:
        raise NotImplementedError

    @property
    def any_api(self) -> Api:
        """Return the API of any of the servers."""
        return self.random.choice(self.apis)

    async def _show(self, upload_id: str, api: Api | None = None) -> dict[str, Any]:
        """Return the upload, as soon as a process can tell: one of the server if it is given."""
        while True:
            with suppress(aiohttp.ClientConnectionError, aiohttp.ClientPayloadError):
                response = await (api or self.any_api).get(f"/api/v1/uploads/{upload_id}")
                if response.status != 503:
                    assert response.status == 200, response
                    shown: dict[str, Any] = response.body
                    return shown
            await asyncio.sleep(RETRY_SECONDS)

    async def _see_the_end(self) -> None:
        """Wait until every server says that the file is finished."""
        assert self.upload_id is not None
        for api in self.apis:
            while (ended := await self._show(self.upload_id, api))["state"] in ("received", "verified"):
                await asyncio.sleep(RETRY_SECONDS)
            assert ended["state"] == "spooled", ended
        self.finished[self.upload_id] = self.data

    async def check(self) -> None:
        """Assert that every acknowledged byte is recorded, and every recorded byte stored."""
        # Bytes are still being sent: what counts was acknowledged before the request.
        upload_id, data, promised = self.upload_id, self.data, self.acknowledged
        if upload_id is None:
            return
        shown = await self._show(upload_id)
        recorded = _ranges(shown)
        for span in promised:
            assert recorded.covers(span), (span, shown)
        if shown["state"] == "receiving":
            for start, stored in await asyncio.to_thread(_stored, self.lines.servers[0], upload_id):
                assert stored == data[start : start + len(stored)], (start, len(stored), shown)


class SliceSender(Sender):
    """Send slices in random order, several at once, multipart or raw."""

    async def _create(self, name: str) -> str:
        wish = {"filename": name, "length": len(self.data)} | self._tags()
        while True:
            with suppress(aiohttp.ClientConnectionError, aiohttp.ClientPayloadError):
                created = await self.any_api.request("POST", "/api/v1/uploads", json=wish)
                if created.status != 503:
                    assert created.status == 201, created
                    return str(created.body["id"])
            await asyncio.sleep(RETRY_SECONDS)

    def _tags(self) -> dict[str, Any]:
        return {"tags": {"title": f"File {self.files}"}} if self.random.random() < 0.5 else {}

    async def _send_all(self) -> None:
        assert self.upload_id is not None
        size = len(self.data)
        cuts = sorted(self.random.sample(range(1, size // (16 * KIB)), k=min(24, size // (16 * KIB) - 1)))
        marks = [0, *(cut * 16 * KIB + cut for cut in cuts), size]
        spans = [Span(start, stop) for start, stop in pairwise(marks)]
        while spans:
            self.random.shuffle(spans)
            waiting = iter(spans)
            await asyncio.gather(*(self._send_from(waiting) for _ in range(PARALLEL)))
            recorded = _ranges(await self._show(self.upload_id))
            spans = [span for span in spans if not recorded.covers(span)]

    async def _send_from(self, waiting: Any) -> None:
        for span in waiting:
            await self._send(span)

    async def _send(self, span: Span) -> None:
        piece = self.data[span.start : span.stop]
        # Slices that are cut, and some that are sent twice, have other bytes than their digest says. They are never
        # recorded, so it shows if they overwrite recorded bytes.
        damaged = piece.translate(_COMPLEMENT)
        twin = self._message(span, piece, damaged if self.random.random() < 0.25 else piece)
        responses = await self.lines.send_roughly(
            self._message(span, piece, piece), self._message(span, piece, damaged), twin
        )
        for response in responses:
            # 503: a process ended meanwhile. 200 must survive every kill from here on.
            expected = response.status in (0, 200, 503) or _code(response) in ("superseded", "digest_mismatch")
            assert expected, (span, response)
            if response.status == 200:
                self.acknowledged = self.acknowledged.add(span)

    def _message(self, span: Span, piece: bytes, sent: bytes) -> bytes:
        """Return a request with the digest of `piece` and the bytes of `sent`."""
        path, digest = f"/api/v1/uploads/{self.upload_id}/slices", digest_field(piece)
        if self.random.random() < 0.5:
            return request("PUT", f"{path}/{span.start}", {"Content-Digest": digest}, sent)
        body = multipart(part("offset", str(span.start)), part("digest", digest), part("slice", sent, "blob"))
        return head("POST", path, length=len(body)) + body


class AppendSender(Sender):
    """Append by tus, with and without checksums."""

    async def _create(self, name: str) -> str:
        named = {"Upload-Metadata": f"filename {base64.b64encode(name.encode()).decode()}"}
        message = request("POST", "/tus/", TUS | named | {"Upload-Length": str(len(self.data))})
        while (created := await self.lines.send(message)).status in (0, 503):
            await asyncio.sleep(RETRY_SECONDS)
        assert created.status == 201, created
        return created.location.rsplit("/", 1)[1]

    async def _send_all(self) -> None:
        while (at := await self._offset()) < len(self.data):
            stop = min(at + self.random.choice([17, 100, 700]) * KIB, len(self.data))
            message = self._message(at, stop)
            for response in await self.lines.send_roughly(message, message, self._message(at, stop)):
                known = ("superseded", "offset_mismatch")
                assert response.status in (0, 204, 503) or _code(response) in known, (at, stop, response)
                if response.status == 204:
                    assert response.offset == stop, (at, stop, response, len(self.data))
                    self.acknowledged = self.acknowledged.add(Span(0, stop))

    async def _offset(self) -> int:
        """Ask where the upload continues."""
        while (standing := await self.lines.send(request("HEAD", self._path, TUS))).status in (0, 503):
            await asyncio.sleep(RETRY_SECONDS)
        assert standing.status == 200, standing
        assert standing.offset >= self.acknowledged.size
        return standing.offset

    @property
    def _path(self) -> str:
        return f"/tus/{self.upload_id}"

    def _message(self, at: int, stop: int) -> bytes:
        piece = self.data[at:stop]
        proof = {"Upload-Checksum": f"sha256 {base64.b64encode(hashlib.sha256(piece).digest()).decode()}"}
        headers = APPEND | {"Upload-Offset": str(at)} | (proof if self.random.random() < 0.5 else {})
        return request("PATCH", self._path, headers, piece)


def _stored(server: Server, upload_id: str) -> list[tuple[int, bytes]]:
    """Return what is stored of each recorded slice, with its offset; nothing of an upload that has just ended."""
    with suppress(FileNotFoundError):
        rows = server.database.rows("SELECT start, stop, object FROM slices WHERE upload_id = ?", upload_id)
        return [(start, server.store.read_slice(upload_id, start, stop, name)) for start, stop, name in rows]
    return []


_COMPLEMENT = bytes(255 - value for value in range(256))


def _ranges(shown: dict[str, Any]) -> Ranges:
    return Ranges(Span(*pair) for pair in shown["received"])


def _code(response: WireResponse) -> str:
    return str(response.json.get("code")) if response.body else ""
