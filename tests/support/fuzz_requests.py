"""Requests to every route that the application has, most of them nearly right."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import quote

from media_service.http.cors import ALLOWED
from tests.support import fuzz_values as values
from tests.support.raw import BOUNDARY, part

if TYPE_CHECKING:
    from random import Random

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
ODD_METHODS = ("TRACE", "CONNECT", "PROPFIND", "get", "X" * 300, "M-SEARCH", "PRI")
STATIC = ("style.css", "js/main.js", "js/board.js", "index.html", "icon.svg")
STATIC_ODD = (
    "1/../js/board.js",
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
    *(name.strip() for name in ALLOWED.split(",")),
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
"""Every field that the service reads, and some that stand between a client and it."""

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
    "Upload-Draft-Interop-Version": ("3", "5", "6", "8", "9", "10", "4", "99"),
    "Upgrade": ("websocket", "h2c"),
    "X-HTTP-Method-Override": ("PATCH", "DELETE", "HEAD", "PUT"),
}


@dataclass(slots=True)
class World:
    """What earlier answers told: ids, cookies and ETags that are real."""

    token: str
    uploads: list[str] = field(default_factory=list)
    files: list[str] = field(default_factory=list)
    cookies: list[str] = field(default_factory=list)
    etags: list[str] = field(default_factory=list)

    def learn(self, text: str) -> None:
        """Take ids, cookies and ETags from answers."""
        for known, pattern in (
            (self.uploads, r"/(?:uploads|tus|rufh)/([\w-]{22})"),
            (self.files, r"/files/([\w-]{22})"),
            (self.cookies, r"(?i)\nset-cookie: ([^;\r\n]+=[^;\r\n]+)"),
            (self.etags, r'(?i)\netag: ("[^"\r\n]+")'),
        ):
            known.extend(re.findall(pattern, text))
            del known[:-200]


@dataclass(slots=True)
class Message:
    """A request in parts, so that each can be spoiled. `length` is what Content-Length says, None for chunks."""

    method: str
    target: str
    fields: list[tuple[str, str]]
    body: bytes
    length: int | None

    def encode(self) -> bytes:
        """Return the request as it goes over the wire."""
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
        method = random.choice(METHODS if random.random() < 0.9 else ODD_METHODS)
    fields, body = _content(random, method, path, world)
    if random.random() < 0.5:
        fields.append(("Authorization", f"Bearer {world.token if random.random() < 0.9 else values.text(random)}"))
    if world.cookies and random.random() < 0.3:
        fields.append(("Cookie", "; ".join(random.choices(world.cookies, k=random.randint(1, 3)))))
    target = _target(random, path, world)
    length = None if random.random() < 0.1 else len(body)
    message = Message(method, target, [("Host", "127.0.0.1"), *fields], body, length)
    if random.random() < 0.35:
        _spoil_fields(random, message, world)
    # Control characters end the connection, and with it whatever is pipelined.
    control = r"[\x00\r\n]" if random.random() < 0.1 else r"[\x00-\x1f\x7f]"
    message.fields = [(name, _on_one_line(value, control)) for name, value in message.fields]
    return message


def _on_one_line(value: str, control: str) -> str:
    """A field's value that leaves the framing alone: line ends and NULs are for those who spoil bytes."""
    return re.sub(control, " ", value.encode(errors="replace").decode())[:8000].strip()


def _target(random: Random, path: str, world: World) -> str:
    fill = {
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
    known = world.files if "/files/" in path else world.uploads
    if known and random.random() < 0.85:
        # The newest are most often still open.
        return known[-1 - min(int(random.expovariate(0.2)), len(known) - 1)]
    return random.choice(("A" * 22, "x", "..%2f..%2fx", "%00", "a" * 300, "nobody-has-this-one-00", "-", "%2e%2e"))


def _content(random: Random, method: str, path: str, world: World) -> tuple[list[tuple[str, str]], bytes]:
    """Fields and body as this route wants them."""
    sound = random.choice(values.SOUNDS)
    if random.random() < 0.2:
        sound = sound[: random.randint(0, len(sound))] + random.randbytes(random.choice((0, 1, 5000)))
    if "tus" in path:
        return _tus(random, method, sound)
    if "rufh" in path:
        return _rufh(random, method, sound)
    if method in ("GET", "HEAD", "OPTIONS", "DELETE") and random.random() < 0.95:
        return [("If-Match", _etag(random, world))] if method == "DELETE" else [], b""
    if "/slices/" in path:
        return ([("Content-Digest", values.digest(random, sound))] if random.random() < 0.5 else []), sound
    return _posted(random, method, path, world, sound)


def _posted(random: Random, method: str, path: str, world: World, sound: bytes) -> tuple[list[tuple[str, str]], bytes]:
    """A form, a picture, or JSON."""
    if path.endswith("/upload") or (path.endswith("/slices") and method == "POST"):
        return [("Content-Type", f"multipart/form-data; boundary={BOUNDARY}")], _form(random, path, sound)
    changes = [("If-Match", _etag(random, world))] if "/files/" in path else []
    if path.endswith("/cover"):
        return changes, random.choice(values.PICTURES)
    known = {"token": world.token} if "session" in path else None
    wanted = known or (values.creation(random, len(sound)) if method == "POST" else values.amendment(random))
    return [("Content-Type", "application/json"), *changes], values.as_json(random, wanted)


def _etag(random: Random, world: World) -> str:
    return random.choice(world.etags) if world.etags and random.random() < 0.8 else values.text(random)


def _tus(random: Random, method: str, sound: bytes) -> tuple[list[tuple[str, str]], bytes]:
    fields = [("Tus-Resumable", "1.0.0")]
    brings = method in ("PATCH", "POST") and random.random() < 0.6
    if brings:
        fields.append(("Content-Type", "application/offset+octet-stream"))
        if random.random() < 0.3:
            fields.append(("Upload-Checksum", f"sha256 {values.b64(random.randbytes(32))}"))
    if method == "POST":
        fields.append(("Upload-Length", values.number(random, len(sound))))
        fields.append(("Upload-Metadata", values.metadata(random)))
        if random.random() < 0.2:
            fields.append(("Upload-Concat", "partial"))
    elif method == "PATCH":
        fields.append(("Upload-Offset", values.number(random)))
    return fields, sound if brings else b""


def _rufh(random: Random, method: str, sound: bytes) -> tuple[list[tuple[str, str]], bytes]:
    version = random.choice(KNOWN["Upload-Draft-Interop-Version"])
    name = "Upload-Incomplete" if version == "3" else "Upload-Complete"
    fields = [("Upload-Draft-Interop-Version", version)]
    brings = method in ("PATCH", "POST", "PUT")
    if brings and random.random() < 0.8:
        fields.append((name, random.choice(("?0", "?1"))))
    if method == "PATCH":
        fields += [("Content-Type", "application/partial-upload"), ("Upload-Offset", values.number(random))]
    if brings and random.random() < 0.3:
        fields.append(("Upload-Length", values.number(random, len(sound))))
    if brings and random.random() < 0.3:
        fields.append((random.choice(("Repr-Digest", "Content-Digest")), values.digest(random, sound)))
    return fields, sound if brings else b""


def _form(random: Random, path: str, sound: bytes) -> bytes:
    """A multipart body: the fields that the route wants, and then some disorder."""
    if path.endswith("/upload"):
        parts = [part("title", random.choice(values.WORDS)), part("cover", random.choice(values.PICTURES), "c.jpg")]
        parts = [*random.sample(parts, random.randint(0, 2)), part("mp3", sound, random.choice(values.WORDS))]
    else:
        parts = [
            part("offset", values.number(random)),
            part("digest", values.digest(random, sound).encode(errors="replace")),
        ]
        parts = [*parts[: random.choices((0, 1, 2), (1, 4, 5))[0]], part("slice", sound, "blob")]
    odd = [
        part(values.text(random)[:50].replace("\0", " ").encode(errors="replace").decode(), b"x"),
        part(
            "mp3", b"x", "y", random.choice(("Content-Type: x; charset=\u00e4", "Content-Encoding: gzip", "X" * 9000))
        ),
        b"--" + BOUNDARY.encode() + b"\r\n\r\n\r\n",
        b"preamble\r\n" * random.choice((1, 500)),
        part("x", "y") * 400,
    ]
    if random.random() < 0.3:
        parts.insert(random.randint(0, len(parts)), random.choice(odd))
    if random.random() < 0.1:
        random.shuffle(parts)
    end = f"--{BOUNDARY}--\r\n".encode() if random.random() < 0.9 else random.choice((b"", b"--", b"epilogue" * 99))
    return b"".join(parts) + end


def _spoil_fields(random: Random, message: Message, world: World) -> None:
    """Add, repeat, change or take away some fields."""
    for _ in range(random.choices((1, 2, 3), (70, 20, 10))[0]):
        # Without its Host, or with two, a request is refused before anything else is read of it.
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
        return _etag(random, world)
    return random.choice((values.number, values.text, values.metadata))(random)
