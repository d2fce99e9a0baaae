"""Client of the native API."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import io
from typing import TYPE_CHECKING, Any

import aiohttp

if TYPE_CHECKING:
    from collections.abc import Mapping

MIB = 1024 * 1024


def digest_field(data: bytes) -> str:
    """Return the SHA-256 as a value of Content-Digest (RFC 9530)."""
    return f"sha-256=:{base64.b64encode(hashlib.sha256(data).digest()).decode()}:"


class Response:
    """Status, headers, and parsed JSON or bytes of a response."""

    def __init__(self, status: int, headers: Mapping[str, str], body: Any) -> None:
        self.status = status
        self.headers = headers
        self.body = body

    def __repr__(self) -> str:
        return f"<{self.status} {self.body!r}>"

    @property
    def code(self) -> str:
        """Return the problem's code; fail if the response is not a problem."""
        assert self.headers["Content-Type"].startswith("application/problem+json"), self
        assert self.body["status"] == self.status
        return str(self.body["code"])


class Api:
    """Requests to one server."""

    def __init__(self, session: aiohttp.ClientSession, url: str, token: str) -> None:
        self.session = session
        self.url = url
        self.token = token
        self.admin = {"Authorization": f"Bearer {token}"}
        self.headers: dict[str, str] = {}

    async def browser(self) -> Api:
        """Return a client with an owner of its own: it has the cookie that the page gives to a new browser."""
        browser = Api(self.session, self.url, self.token)
        page = await browser.get("/")
        browser.headers = {"Cookie": page.headers["Set-Cookie"].partition(";")[0]}
        return browser

    async def listed(self, query: str) -> list[dict[str, Any]]:
        """Return all uploads, newest first, as the admin sees them."""
        response = await self.get(f"/api/v1/uploads?scope=all&{query}", headers=self.admin)
        assert response.status == 200, response
        uploads: list[dict[str, Any]] = response.body["uploads"]
        return uploads

    async def request(self, method: str, path: str, **more: Any) -> Response:
        """Send a request; `path` is relative to the service's URL."""
        more["headers"] = self.headers | dict(more.get("headers") or {})
        async with self.session.request(method, self.url + path, **more) as response:
            if response.content_type.endswith("json"):
                return Response(response.status, response.headers, await response.json(content_type=None))
            return Response(response.status, response.headers, await response.read())

    async def get(self, path: str, **more: Any) -> Response:
        return await self.request("GET", path, **more)

    async def create(self, filename: str = "show.mp3", length: int | None = None, **more: Any) -> dict[str, Any]:
        """Create an upload."""
        response = await self.request("POST", "/api/v1/uploads", json={"filename": filename, "length": length, **more})
        assert response.status == 201, response
        body: dict[str, Any] = response.body
        assert response.headers["Location"].endswith(f"/api/v1/uploads/{body['id']}")
        return body

    async def show(self, upload_id: str) -> dict[str, Any]:
        """Return the upload."""
        response = await self.get(f"/api/v1/uploads/{upload_id}")
        assert response.status == 200, response
        body: dict[str, Any] = response.body
        return body

    async def put(self, upload_id: str, offset: int, data: Any, **headers: str) -> Response:
        """Send a slice as a raw body."""
        if isinstance(data, bytes):
            data = io.BytesIO(data)
        return await self.request("PUT", f"/api/v1/uploads/{upload_id}/slices/{offset}", data=data, headers=headers)

    async def post(self, upload_id: str, offset: int, data: bytes, *, digest: str | None = None) -> Response:
        """Send a slice as a multipart part, with its SHA-256 unless another digest is given."""
        form = aiohttp.FormData()
        form.add_field("offset", str(offset))
        form.add_field("digest", digest_field(data) if digest is None else digest)
        form.add_field("slice", io.BytesIO(data), filename="blob", content_type="application/octet-stream")
        return await self.request("POST", f"/api/v1/uploads/{upload_id}/slices", data=form)

    async def send_all(self, upload_id: str, data: bytes, slice_size: int = MIB) -> dict[str, Any]:
        """Send every slice in order, and wait for the end."""
        for offset in range(0, len(data), slice_size):
            response = await self.post(upload_id, offset, data[offset : offset + slice_size])
            assert response.status == 200, response
        return await self.ended(upload_id)

    async def ended(self, upload_id: str, seconds: float = 30.0) -> dict[str, Any]:
        """Return the upload when it has a final state."""
        async with asyncio.timeout(seconds):
            while (body := await self.show(upload_id))["state"] in ("received", "verified"):
                await asyncio.sleep(0.05)
        return body
