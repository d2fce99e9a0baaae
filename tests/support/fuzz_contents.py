"""Fields and bodies of requests that suit their route, with ids from earlier responses."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.support import fuzz_values as values
from tests.support.raw import BOUNDARY, part

if TYPE_CHECKING:
    from random import Random

INTEROP = ("3", "5", "6", "8", "9", "10", "4", "99")
"""Interop versions of the IETF draft, two of them unknown."""


@dataclass(slots=True)
class World:
    """Valid ids, cookies and ETags from earlier responses."""

    token: str
    ids: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    cookies: list[str] = field(default_factory=list)
    etags: list[str] = field(default_factory=list)

    def learn(self, text: str) -> None:
        """Collect ids, cookies and ETags from responses."""
        for kind, found in re.findall(r"/(uploads|tus|rufh|files)/([\w-]{22})", text):
            self.ids[kind].append(found)
        self.ids["quarantine"] += re.findall(r'"id": "([\w-]{22})", "state": "rejected"', text)
        self.cookies += re.findall(r"(?i)\nset-cookie: ([^;\r\n]+=[^;\r\n]+)", text)
        self.etags += re.findall(r'(?i)\netag: ("[^"\r\n]+")', text)
        for known in (*self.ids.values(), self.cookies, self.etags):
            del known[:-200]

    def newest(self, random: Random, known: list[str]) -> str:
        """Return one of the newest values, because it is probably still valid."""
        return known[-1 - min(int(random.expovariate(0.3)), len(known) - 1)]


def content(random: Random, method: str, path: str, world: World) -> tuple[list[tuple[str, str]], bytes]:
    """Return fields and a body that suit this route."""
    # Mostly the same audio, so that it often matches the announced length.
    sound = values.SOUNDS[0] if random.random() < 0.6 else random.choice(values.SOUNDS)
    if random.random() < 0.2:
        sound = sound[: random.randint(0, len(sound))] + random.randbytes(random.choice((0, 1, 5000)))
    if "tus" in path:
        return _tus(random, method, sound)
    if "rufh" in path:
        return _rufh(random, method, sound)
    if method in ("GET", "HEAD", "OPTIONS", "DELETE") and random.random() < 0.95:
        return [("If-Match", etag(random, world))] if method == "DELETE" else [], b""
    if "/slices/" in path:
        return ([("Content-Digest", values.digest(random, sound))] if random.random() < 0.5 else []), sound
    return _posted(random, method, path, world, sound)


def _posted(random: Random, method: str, path: str, world: World, sound: bytes) -> tuple[list[tuple[str, str]], bytes]:
    """Return a form, a picture, or JSON."""
    if path.endswith("/upload") or (path.endswith("/slices") and method == "POST"):
        return [("Content-Type", f"multipart/form-data; boundary={BOUNDARY}")], _form(random, path, sound)
    changes = [("If-Match", etag(random, world))] if "/files/" in path else []
    if path.endswith("/cover"):
        return changes, random.choice(values.PICTURES)
    known = {"token": world.token} if "session" in path else None
    wanted = known or (values.creation(random, len(sound)) if method == "POST" else values.amendment(random))
    return [("Content-Type", "application/json"), *changes], values.as_json(random, wanted)


def etag(random: Random, world: World) -> str:
    """Return an ETag, a known one if there is one."""
    return world.newest(random, world.etags) if world.etags and random.random() < 0.8 else values.text(random)


def _tus(random: Random, method: str, sound: bytes) -> tuple[list[tuple[str, str]], bytes]:
    fields = [("Tus-Resumable", "1.0.0")]
    brings = random.random() < {"PATCH": 0.95, "POST": 0.3}.get(method, 0.05)
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
    version = random.choice(INTEROP)
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
    """Return a multipart body with the fields of the route, sometimes with odd parts or another order."""
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
