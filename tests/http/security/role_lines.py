"""The lines of the table of roles and routes: how to make a request to each route that succeeds, and who may."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import aiohttp

from media_service.core.access import Scope
from tests.http.security.owned_things import HALF, MP3
from tests.http.security.roles import PASSWORD, Caller, World
from tests.support.pictures import JPEG

if TYPE_CHECKING:
    from collections.abc import Callable

API = "/api/v1"
OPEN, KNOWN, MANAGER, SHOWN, SENDS = "open", "known", "manager", "shown", "sends"
"""What routes need that need no scope: nothing; a caller who authenticated; one who may manage tokens; nothing, but
those who authenticated must be able to see the thing; scope edit or upload."""

MEMBER, SENT_BY_LINK = "member", "sent by link"
"""What a thing needs, beside a scope by which others than its owner may act on it: to work in the collection that it
is; to have been sent by the link in the path."""

Request: TypeAlias = dict[str, Any]

TUS = {"Tus-Resumable": "1.0.0"}
BYTES = {"Content-Type": "application/offset+octet-stream", "Upload-Offset": str(len(HALF))}
DRAFT = {"Content-Type": "application/partial-upload", "Upload-Offset": str(len(HALF)), "Upload-Complete": "?0"}
CREATES = {"Upload-Complete": "?0", "Upload-Length": "20000"}
ANY = {"If-Match": "*"}


@dataclass(frozen=True, kw_only=True)
class Line:
    """How to make a request to a route that succeeds with `ok`, and who may.

    `needs`: a scope, or one of the words above. `thing`: what stands in the path, of a kind that `World.find` knows.
    `by`: the scope by which others than its owner may act on it, or one of the words above. `ends`: a success ends the
    thing, or without one the caller's session. `query` follows the path. `method`: that of a route for all methods.
    """

    needs: Scope | str = OPEN
    thing: str = ""
    by: Scope | str = ""
    ok: int = 200
    ends: bool = False
    query: str = ""
    method: str = ""
    more: Request | Callable[[World, Caller], Request] | None = None


def json(**body: Any) -> Request:
    """Return a request with this body."""
    return {"json": body}


def form(_world: World, _caller: Caller) -> Request:
    """Return a request with the plain form."""
    data = aiohttp.FormData()
    data.add_field("mp3", MP3, filename="show.mp3", content_type="audio/mpeg")
    return {"data": data}


def slice_form(_world: World, _caller: Caller) -> Request:
    """Return a request with the first slice of an open upload, which it has already."""
    data = aiohttp.FormData()
    data.add_field("offset", "0")
    data.add_field("slice", HALF, filename="blob", content_type="application/octet-stream")
    return {"data": data}


def admin_token(world: World, _caller: Caller) -> Request:
    """Return a request for a session of the admin token."""
    return json(token=world.admin.token)


def new_show(world: World, _caller: Caller) -> Request:
    """Return a request for a collection."""
    return json(slug=f"show-{world.number()}", title="A")


def new_person(world: World, _caller: Caller) -> Request:
    """Return a request for a person."""
    return json(name=f"Person {world.number()}", role="sender")


def new_token(world: World, caller: Caller) -> Request:
    """Return a request for a token, of the caller unless it is no person."""
    owner = {} if caller.owner in world.ids else {"owner": world.ids["Ada"]}
    return json(name="A", scopes=["upload"], expires_in=60, **owner)


ADMIN, EDIT, LINKS, READ, UPLOAD = Scope.ADMIN, Scope.EDIT, Scope.LINKS, Scope.READ, Scope.UPLOAD
TABLE: dict[str, list[Line]] = {
    "GET /": [Line()],
    "GET /admin": [Line()],
    "GET /health": [Line()],
    "GET /ready": [Line()],
    "GET /problems/{code}": [Line(thing="code")],
    "GET /static/{name}": [Line(thing="asset")],
    "POST /session": [Line(ok=204, ends=True, more=admin_token)],
    "DELETE /session": [Line(ok=204, ends=True)],
    f"GET {API}/me": [Line()],
    f"GET {API}/limits": [Line(needs=UPLOAD)],
    f"POST {API}/uploads": [Line(needs=UPLOAD, ok=201, more=json(filename="a.mp3", length=20_000))],
    f"GET {API}/uploads": [Line(needs=UPLOAD), Line(needs=READ, query="?scope=all")],
    f"GET {API}/uploads/{{id}}": [Line(needs=SHOWN, thing="open", by=READ)],
    f"PATCH {API}/uploads/{{id}}": [Line(needs=UPLOAD, thing="open", by=EDIT, more=json(tags={"title": "A"}))],
    f"DELETE {API}/uploads/{{id}}": [Line(needs=UPLOAD, thing="open", by=EDIT, ok=204, ends=True)],
    f"GET {API}/uploads/{{id}}/slices": [Line(thing="open")],
    f"POST {API}/uploads/{{id}}/slices": [
        Line(thing="open", more=slice_form),
    ],
    f"PUT {API}/uploads/{{id}}/slices/{{offset}}": [Line(thing="open", more={"data": HALF})],
    f"GET {API}/uploads/{{id}}/cover": [Line(thing="open", by=READ)],
    f"PUT {API}/uploads/{{id}}/cover": [Line(needs=UPLOAD, thing="open", by=EDIT, more={"data": JPEG})],
    f"DELETE {API}/uploads/{{id}}/cover": [Line(needs=UPLOAD, thing="open", by=EDIT, ok=204, ends=True)],
    "POST /upload": [Line(needs=UPLOAD, ok=201, more=form)],
    "* /tus": [
        Line(ok=204, method="OPTIONS"),
        Line(needs=UPLOAD, ok=201, method="POST", more={"headers": TUS | {"Upload-Length": "20000"}}),
    ],
    "* /tus/": [Line(needs=UPLOAD, ok=201, method="POST", more={"headers": TUS | {"Upload-Length": "20000"}})],
    "* /tus/{id}": [
        Line(thing="open", method="HEAD", more={"headers": TUS}),
        Line(thing="tus", ok=204, ends=True, method="PATCH", more={"headers": TUS | BYTES, "data": b"abcde"}),
        Line(needs=UPLOAD, thing="open", by=EDIT, ok=204, ends=True, method="DELETE", more={"headers": TUS}),
    ],
    "* /rufh": [Line(ok=204, method="OPTIONS")],
    "* /rufh/": [
        Line(needs=UPLOAD, ok=201, method="POST", more={"headers": CREATES}),
    ],
    "* /rufh/{id}": [
        Line(thing="open", ok=204, method="HEAD"),
        Line(thing="rufh", ok=204, ends=True, method="PATCH", more={"headers": DRAFT, "data": b"abcde"}),
        Line(needs=UPLOAD, thing="open", by=EDIT, ok=204, ends=True, method="DELETE"),
    ],
    "* /rufh/{name}": [
        Line(
            needs=UPLOAD,
            thing="new_name",
            ok=201,
            method="PUT",
            more={"headers": CREATES, "data": b"abcde"},
        ),
    ],
    f"GET {API}/overview": [Line(needs=READ)],
    f"GET {API}/files": [Line(needs=READ)],
    f"GET {API}/files/senders": [Line(needs=READ)],
    f"GET {API}/files/{{id}}": [Line(needs=KNOWN, thing="file", by=READ)],
    f"GET {API}/files/{{id}}/content": [Line(needs=KNOWN, thing="file", by=READ)],
    f"PATCH {API}/files/{{id}}": [
        Line(needs=EDIT, thing="file", by=EDIT, more=json(tags={"title": "A"}) | {"headers": ANY}),
    ],
    f"DELETE {API}/files/{{id}}": [
        Line(needs=SENDS, thing="file", by=EDIT, ends=True, more={"headers": ANY}),
        Line(needs=ADMIN, thing="trashed", query="?purge=1", ok=204, ends=True),
    ],
    f"PATCH {API}/files/{{id}}/trash": [
        Line(needs=SENDS, thing="trashed", by=EDIT, more=json(reason="Old")),
    ],
    f"POST {API}/files/{{id}}/restore": [Line(needs=SENDS, thing="trashed", by=EDIT, ends=True)],
    f"GET {API}/files/{{id}}/cover": [Line(needs=KNOWN, thing="file", by=READ)],
    f"PUT {API}/files/{{id}}/cover": [Line(needs=EDIT, thing="file", by=EDIT, more={"data": JPEG, "headers": ANY})],
    f"DELETE {API}/files/{{id}}/cover": [Line(needs=EDIT, thing="plain", by=EDIT, more={"headers": ANY})],
    f"GET {API}/quarantine": [Line(needs=READ)],
    f"GET {API}/quarantine/{{id}}/content": [Line(needs=READ, thing="rejected", by=READ)],
    f"POST {API}/quarantine/{{id}}/recheck": [Line(needs=EDIT, thing="rejected", by=EDIT)],
    f"POST {API}/quarantine/{{id}}/force": [Line(needs=EDIT, thing="rejected", by=EDIT, ends=True)],
    f"DELETE {API}/quarantine/{{id}}": [Line(needs=EDIT, thing="rejected", by=EDIT, ok=204, ends=True)],
    f"GET {API}/collections": [Line(needs=KNOWN)],
    f"POST {API}/collections": [Line(needs=ADMIN, ok=201, more=new_show)],
    f"GET {API}/collections/{{slug}}": [Line(needs=KNOWN, thing="slug", by=MEMBER)],
    f"PATCH {API}/collections/{{slug}}": [Line(needs=ADMIN, thing="slug", more=json(title="A"))],
    f"GET {API}/collections/{{slug}}/cover": [Line(needs=KNOWN, thing="slug", by=MEMBER)],
    f"PUT {API}/collections/{{slug}}/cover": [Line(needs=ADMIN, thing="slug", more={"data": JPEG})],
    f"DELETE {API}/collections/{{slug}}/cover": [Line(needs=ADMIN, thing="spare", ok=204)],
    f"GET {API}/audit": [Line(needs=ADMIN)],
    f"GET {API}/links": [Line(needs=LINKS)],
    f"POST {API}/links": [Line(needs=LINKS, ok=201, more=json(title="A"))],
    f"GET {API}/links/{{id}}": [Line(needs=LINKS, thing="link", by=LINKS)],
    f"PATCH {API}/links/{{id}}": [Line(needs=LINKS, thing="link", by=LINKS, more=json(note="A"))],
    f"DELETE {API}/links/{{id}}": [Line(needs=LINKS, thing="link", by=LINKS, ok=204)],
    f"POST {API}/links/{{id}}/secret": [Line(needs=LINKS, thing="link", by=LINKS, ok=201)],
    "GET /u/{secret}": [Line(thing="secret")],
    "POST /u/{secret}": [Line(thing="secret", ok=201, more=form)],
    "GET /u/{secret}/link": [Line(thing="secret")],
    "POST /u/{secret}/passphrase": [Line(thing="locked", ok=204, more=json(passphrase=PASSWORD))],
    "GET /u/{secret}/uploads": [Line(thing="secret")],
    "GET /u/{secret}/uploads/{id}/receipt": [Line(thing="receipt", by=SENT_BY_LINK)],
    f"GET {API}/people": [Line(needs=ADMIN)],
    f"POST {API}/people": [Line(needs=ADMIN, ok=201, more=new_person)],
    f"GET {API}/people/{{id}}": [Line(needs=ADMIN, thing="person")],
    f"PATCH {API}/people/{{id}}": [Line(needs=ADMIN, thing="person", more=json(role="editor"))],
    f"DELETE {API}/people/{{id}}": [Line(needs=ADMIN, thing="person", query="?files=keep", ok=204, ends=True)],
    f"POST {API}/people/{{id}}/invitation": [Line(needs=ADMIN, thing="person", ok=201)],
    f"GET {API}/people/{{id}}/sessions": [Line(needs=ADMIN, thing="person")],
    f"DELETE {API}/people/{{id}}/sessions": [Line(needs=ADMIN, thing="session", ok=204, ends=True)],
    f"DELETE {API}/people/{{id}}/sessions/{{session}}": [Line(needs=ADMIN, thing="session", ok=204, ends=True)],
    f"GET {API}/tokens": [Line(needs=MANAGER), Line(needs=ADMIN, query="?owner=all")],
    f"POST {API}/tokens": [Line(needs=MANAGER, ok=201, more=new_token)],
    f"DELETE {API}/tokens/{{id}}": [Line(needs=MANAGER, thing="token", by=ADMIN, ok=204)],
    f"GET {API}/sessions": [Line(needs=MANAGER)],
    f"DELETE {API}/sessions/{{id}}": [Line(needs=MANAGER, thing="own_session", ok=204, ends=True)],
}
