"""Requests to every route of the application, most of them nearly valid."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote

from media_service.http.security.cors import ALLOWED_HEADERS
from tests.support import fuzz_values as values
from tests.support.fuzz_contents import INTEROP, content, etag

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

    from tests.support.fuzz_contents import World

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
WEIGHTS = (1, 1, 4, 2, 6, 1, 1)
ODD_METHODS = ("TRACE", "CONNECT", "PROPFIND", "get", "X" * 300, "M-SEARCH", "PRI")
STATIC = ("style.css", "js/main.js", "js/upload-list.js", "index.html", "icon.svg")
STATIC_ODD = (
    "1/../js/upload-list.js",
    "..",
    "%00.js",
    "a" * 300 + ".js",
    "a/" * 2500 + "x.js",
    "js/../../config.py",
    "js",
    ".",
)
QUERIES = ("state", "limit", "cursor", "scope", "content_hash", "length", "q", "sort", "full", "token", "x")
FIELDS = (
    *(name.strip() for name in ALLOWED_HEADERS.split(",")),
    *("Accept", "Accept-Encoding", "Access-Control-Request-Headers", "Access-Control-Request-Method", "Connection"),
    *("Content-Encoding", "Content-Range", "Cookie", "Expect", "Forwarded", "Host", "If-Match", "If-Modified-Since"),
    *(
        "If-None-Match",
        "If-Range",
        "If-Unmodified-Since",
        "Origin",
        "Prefer",
        "Range",
        "Referer",
        "Sec-Fetch-Site",
        "TE",
    ),
    *(
        "Trailer",
        "Upgrade",
        "Upload-Incomplete",
        "User-Agent",
        "X-Forwarded-For",
        "X-Forwarded-Host",
        "X-Forwarded-Proto",
    ),
)
"""Every header field that the service reads, and some that proxies add."""

KNOWN = {
    "Accept": ("application/json", "text/html", "*/*"),
    "Accept-Encoding": ("gzip", "identity", "gzip;q=0"),
    "Access-Control-Request-Method": ("PATCH", "POST"),
    "Connection": ("close", "keep-alive", "upgrade", "close, x"),
    "Content-Disposition": (
        'attachment; filename="x.mp3"',
        "attachment; filename*0*=foo'%41",
        "attachment; filename*=undefined''%41",
    ),
    "Content-Encoding": ("gzip", "identity", "gzip, identity"),
    "Content-Range": ("bytes 0-9/10", "bytes */10"),
    "Content-Type": (
        "application/json",
        "a/b" + ";" * 500,
        "x; filename*=undefined''%41",
        "a/b;((((",
        "multipart/form-data",
    ),
    "Expect": ("100-continue", "100-Continue", "200-ok"),
    "Host": ("localhost", "127.0.0.1:80", "evil.example", "[::1]", ""),
    "If-Match": ("*", '"x"', '"0000"'),
    "If-None-Match": ("*", '"x"', 'W/"x"'),
    "If-Range": ('"x"', "Sun, 29 Nov 2026 10:00:00 GMT"),
    "If-Modified-Since": ("Sun, 29 Nov 2026 10:00:00 GMT", "Sun, 99 Nov 99999 10:00:00 GMT"),
    "Origin": ("http://127.0.0.1", "null", "https://radio.example", "ftp://127.0.0.1"),
    "Range": ("bytes=0-9", "bytes=-5", "bytes=5-", "bytes=5-2", "items=0-5", "bytes=0-1,10-11", "bytes=-0"),
    "Sec-Fetch-Site": ("same-origin", "cross-site", "none"),
    "Tus-Resumable": ("1.0.0", "1.0.0", "0.2"),
    "Upload-Complete": ("?0", "?1"),
    "Upload-Incomplete": ("?0", "?1"),
    "Upload-Concat": ("partial", "final;/tus/x /tus/y", "final;"),
    "Upload-Defer-Length": ("1", "0"),
    "Upload-Draft-Interop-Version": INTEROP,
    "Upgrade": ("websocket", "h2c"),
    "X-HTTP-Method-Override": ("PATCH", "DELETE", "HEAD", "PUT"),
}


@dataclass(slots=True)
class Message:
    """A request in parts, so that each can be mutated. `length` is the Content-Length, None for chunked."""

    method: str
    target: str
    fields: list[tuple[str, str]]
    body: bytes
    length: int | None

    def encode(self) -> bytes:
        """Return the request's bytes."""
        framing = ("Transfer-Encoding", "chunked") if self.length is None else ("Content-Length", str(self.length))
        sends = self.body or self.method not in ("GET", "HEAD", "OPTIONS", "DELETE")
        fields = [*self.fields, framing] if sends else self.fields
        lines = "".join(f"{name}: {value}\r\n" for name, value in fields)
        head = f"{self.method} {self.target} HTTP/1.1\r\n{lines}\r\n".encode("utf-8", "surrogateescape")
        return head + (_chunked(self.body) if self.length is None and sends else self.body)


def _chunked(body: bytes) -> bytes:
    pieces = [body[at : at + 5000] for at in range(0, len(body), 5000)]
    return b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"


def make(random: Random, routes: list[tuple[str, str]], world: World) -> Message:
    """Return a request to one of the routes, with or without the admin's token."""
    method, path = random.choices(
        routes, [3 if method in ("POST", "PUT", "PATCH", "*") else 1 for method, _ in routes]
    )[0]
    if method == "*" or random.random() < 0.1:
        method = random.choices(METHODS, WEIGHTS)[0] if random.random() < 0.9 else random.choice(ODD_METHODS)
    fields, body = content(random, method, path, world)
    if random.random() < 0.5:
        fields.append(("Authorization", f"Bearer {world.token if random.random() < 0.9 else values.text(random)}"))
    if world.cookies and random.random() < 0.3:
        fields.append(("Cookie", "; ".join(random.choices(world.cookies, k=random.randint(1, 3)))))
    target = _target(random, path, world)
    length = None if random.random() < 0.1 else len(body)
    message = Message(method, target, [("Host", "127.0.0.1"), *fields], body, length)
    if random.random() < 0.35:
        _spoil_fields(random, message, world)
    # Control characters close the connection, and pipelined requests are lost.
    control = r"[\x00\r\n]" if random.random() < 0.1 else r"[\x00-\x1f\x7f]"
    message.fields = [(name, _on_one_line(value, control)) for name, value in message.fields]
    return message


def _on_one_line(value: str, control: str) -> str:
    """Return the value without characters that would break the framing; `fuzz.spoil` does that."""
    return re.sub(control, " ", value.encode(errors="replace").decode())[:8000].strip()


def _target(random: Random, path: str, world: World) -> str:
    fill: dict[str, Callable[[], str]] = {
        "id": lambda: _identity(random, path, world),
        "offset": lambda: values.number(random),
        "name": lambda: random.choice(STATIC) if random.random() < 0.5 else random.choice(STATIC_ODD),
        "code": lambda: random.choice(("malformed", "storage_full", "x")),
    }

    def filled(match: re.Match[str]) -> str:
        if random.random() < 0.06 or match[1] not in fill:
            return quote(values.text(random)[:2000].encode(errors="replace"), safe="%/")
        return fill[match[1]]()

    query = [
        f"{random.choice(QUERIES)}={quote(_query_value(random).encode(errors='replace'), safe='%,')}"
        for _ in range(random.choices((0, 1, 2, 3), (70, 15, 10, 5))[0])
    ]
    return re.sub(r"\{(\w+)\}", filled, path) + ("?" + "&".join(query) if query else "")


def _query_value(random: Random) -> str:
    known = (*values.STATES, "all", "title", "-uploaded_at", "1", "100", "0" * 64)
    return random.choice(known) if random.random() < 0.5 else random.choice((values.text, values.number))(random)


def _identity(random: Random, path: str, world: World) -> str:
    kinds = [kind for kind in world.ids if f"/{kind}/" in path]
    kind = kinds[0] if kinds and random.random() < 0.9 else random.choice(("uploads", "tus", "rufh"))
    if world.ids[kind] and random.random() < 0.9:
        return world.newest(random, world.ids[kind])
    return random.choice(("A" * 22, "x", "..%2f..%2fx", "%00", "a" * 300, "nobody-has-this-one-00", "-", "%2e%2e"))


def _spoil_fields(random: Random, message: Message, world: World) -> None:
    """Add, repeat, change or remove some fields."""
    for _ in range(random.choices((1, 2, 3), (70, 20, 10))[0]):
        # Rarely the Host: without one, or with two, a request is refused at once.
        at = random.randrange(len(message.fields)) if random.random() < 0.05 else len(message.fields) - 1
        act = random.randrange(6)
        if act == 0 and at > 0:
            del message.fields[at]
        elif act == 1 and random.random() < 0.3:
            message.fields.append(message.fields[at])
        elif act == 2 and at > 0:
            message.fields[at] = (message.fields[at][0], values.text(random))
        else:
            name = random.choice(FIELDS)
            message.fields.append((name, _field_value(random, name, world)))


def _field_value(random: Random, name: str, world: World) -> str:
    chance = random.random()
    if chance < 0.4 and name in KNOWN:
        return random.choice(KNOWN[name])
    if name.startswith("If-") and chance < 0.7:
        return etag(random, world)
    return random.choice((values.number, values.text, values.metadata))(random)
