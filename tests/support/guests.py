"""Guest links of a server, and requests by which guests create uploads in each dialect."""

from __future__ import annotations

import base64
import itertools
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import aiohttp

from tests.support.mp3 import make_mp3

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from tests.support.api import Api, Response

_seeds = itertools.count(7000)


@dataclass(frozen=True, slots=True)
class Guest:
    """A guest with a link; `headers` have the cookie if it is a browser."""

    api: Api
    link: Mapping[str, Any]
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def page(self) -> str:
        """Return the path of the link's page."""
        return f"/u/{self.link['token']}"

    @property
    def bearer(self) -> dict[str, str]:
        """Return the headers of a request with the secret as bearer token."""
        return self.headers | {"Authorization": f"Bearer {self.link['token']}"}

    async def get(self, path: str = "", **headers: str) -> Response:
        """Get the page, or what is below it."""
        return await self.api.get(self.page + path, headers=self.headers | headers)


async def new_link(api: Api, **terms: Any) -> dict[str, Any]:
    """Create a link."""
    response = await api.request("POST", "/api/v1/links", json={"title": "Night"} | terms, headers=api.admin)
    assert response.status == 201, response
    link: dict[str, Any] = response.body
    return link


async def change_link(api: Api, link: Mapping[str, Any], **terms: Any) -> None:
    """Change a link."""
    response = await api.request("PATCH", f"/api/v1/links/{link['id']}", json=terms, headers=api.admin)
    assert response.status == 200, response


async def browser(api: Api, link: Mapping[str, Any]) -> Guest:
    """Return a new browser that has opened the link."""
    guest = Guest(api, link)
    page = await guest.get()
    assert page.status == 200, page
    return Guest(api, link, {"Cookie": page.headers["Set-Cookie"].partition(";")[0]})


def metadata(**texts: str) -> str:
    """Return a value of Upload-Metadata."""
    return ",".join(f"{name} {base64.b64encode(text.encode()).decode()}" for name, text in texts.items())


def form(content: bytes, details: Mapping[str, str], *, after: bool = False) -> aiohttp.FormData:
    """Return a plain form with these details before or after the file."""
    data = aiohttp.FormData()
    for name, value in () if after else details.items():
        data.add_field(name, value)
    data.add_field("mp3", content, filename="show.mp3", content_type="audio/mpeg")
    for name, value in details.items() if after else ():
        data.add_field(name, value)
    return data


async def create_native(guest: Guest, content: bytes, name: str = "", email: str = "", title: str = "") -> Response:
    """Create an upload as the page does."""
    details = {"sender": name, "email": email, "tags": {"title": title}}
    body = {"filename": "show.mp3", "length": len(content)} | details
    return await guest.api.request("POST", "/api/v1/uploads", json=body, headers=guest.bearer)


async def create_tus(guest: Guest, content: bytes, name: str = "", email: str = "", title: str = "") -> Response:
    """Create an upload as tus-js-client does."""
    fields = {
        "Tus-Resumable": "1.0.0",
        "Upload-Length": str(len(content)),
        "Upload-Metadata": metadata(filename="show.mp3", sender=name, email=email, title=title),
    }
    return await guest.api.request("POST", "/tus/", headers=guest.bearer | fields)


async def create_draft(guest: Guest, content: bytes, name: str = "", email: str = "", title: str = "") -> Response:
    """Create an upload as clients of the IETF draft do."""
    fields = {
        "Upload-Complete": "?0",
        "Upload-Length": str(len(content)),
        "Upload-Metadata": metadata(filename="show.mp3", sender=name, email=email, title=title),
    }
    return await guest.api.request("POST", "/rufh/", headers=guest.bearer | fields)


async def create_form(guest: Guest, content: bytes, name: str = "", email: str = "", title: str = "") -> Response:
    """Send a file as `curl -F` does."""
    details = {"name": name, "email": email, "title": title}
    return await guest.api.request("POST", guest.page, data=form(content, details), headers=guest.headers)


DIALECTS: dict[str, Callable[..., Awaitable[Response]]] = {
    "native": create_native,
    "tus": create_tus,
    "draft": create_draft,
    "form": create_form,
}


def new_file(seconds: int = 1) -> bytes:
    """Return a file that was not sent before."""
    return make_mp3(seconds, seed=next(_seeds))


async def stored(api: Api, guest: Guest, content: bytes) -> dict[str, Any]:
    """Send a whole file natively, and return the upload at its end."""
    created = await create_native(guest, content)
    assert created.status == 201, created
    return await api.send_all(created.body["id"], content)
