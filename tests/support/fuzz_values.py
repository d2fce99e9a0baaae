"""Values for fields of requests: valid, invalid, and hard to parse."""

from __future__ import annotations

import base64
import hashlib
import json
from typing import TYPE_CHECKING, Any

from media_service.core.tags import TAGS
from tests.support.mp3 import make_mp3
from tests.support.pictures import HTML, JPEG, SCRIPT_GIF, SVG, WEBP, png

if TYPE_CHECKING:
    from random import Random

SOUNDS = tuple(make_mp3(seconds, seed=13_000 + seconds) for seconds in range(1, 6))
PICTURES = (JPEG, WEBP, SCRIPT_GIF, SVG, HTML, png(), png(5000, 1), png(moves=True), b"\x89PNG\r\n\x1a\n", b"")
NUMBERS = (
    *("0", "1", "-1", "+1", "00", "1.5", "1e3", " 1", "1 ", "1,1", "1;1", "0x10", "1_0", "9" * 18, "9" * 19),
    *("9" * 5000, "", "NaN", "Infinity", "null", "true", "?1", "\u0661", "\uff11", "\u00b2"),
    *map(str, (2**31, 2**32, 2**53 + 1, 2**62, 2**63 - 1, 2**63, 2**64 - 1, 2**64)),
)
PIECES = (
    *("", " ", "\t", "a", "A", "0", "%", "%00", "%0a", "%0d%0a", "%2e%2e%2f", "%ff", "%u0041", "..", "/", "\\", "../"),
    *(
        '"',
        "'",
        "''",
        ";",
        ",",
        "=",
        ":",
        "*",
        "?",
        "#",
        "&",
        "@",
        "(",
        ")",
        "{",
        "}",
        "[",
        "]",
        "<b>",
        "$(id)",
        "`id`",
    ),
    *("-rf", ".mp3", "utf-8''", "utf-16''%00%d8", "undefined''%41", "*0*=", "filename=", "=?utf-8?q?x?=", "/*", "--"),
    *(
        "\0",
        "\x01",
        "\x1b]0;x\x07",
        "\x7f",
        "\x80",
        "\xff",
        "\u00e4",
        "\u202e",
        "\u200b",
        "\ufeff",
        "\U0001f3b5",
        "\ud800",
    ),
    *("null", "true", "?1", "?0", ":AAAA:", "sha-256=", "sha-256=:AAAA:", "final;", "partial", "bytes=", "W/", "*/*"),
)
SPOKEN = {"date": "2026-11-29", "track": "3/12", "disc": "1", "bpm": "120", "language": "deu", "isrc": "USRC17607839"}
DATES = ("2026-11-29T10:00:00Z", "0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", "1969-12-31T23:59:59Z", "x")
WORDS = ("show.mp3", "Sunday Night", "2026", "12/34", "R\u00e4dio", "deu", "a" * 200, "-rf.mp3", "..", "CON", "")
STATES = ("receiving", "received", "verified", "spooled", "rejected", "cancelled", "expired", "lost")


def text(random: Random) -> str:
    """Return a random text of up to 9,000 characters."""
    return "".join(random.choice(PIECES) * _count(random) for _ in range(random.randint(1, 4)))[:9000]


def _count(random: Random) -> int:
    return random.choices((1, 2, 30, 300, 4000), (60, 20, 10, 6, 4))[0]


def number(random: Random, likely: int = 0) -> str:
    """Return a number as a client may write it, most often the likely one."""
    return str(likely) if random.random() < 0.75 else random.choice(NUMBERS)


def b64(data: bytes) -> str:
    """Return the bytes in base64."""
    return base64.b64encode(data).decode()


def digest(random: Random, data: bytes) -> str:
    """Return a digest field, most often the right one."""
    if random.random() < 0.2:
        return text(random)
    name = random.choices(("sha-256", "sha-512", "md5", "sha", "sha-256;x=1"), (8, 2, 1, 1, 1))[0]
    found = hashlib.sha512(data) if name == "sha-512" else hashlib.sha256(data)
    return f"{name}=:{b64(found.digest())}:" + ("" if random.random() < 0.9 else f", {text(random)}")


def metadata(random: Random) -> str:
    """Return an Upload-Metadata field."""
    if random.random() < 0.15:
        return text(random)
    keys = random.sample(("filename", "name", "sender", "x", "filetype", *TAGS), random.randint(0, 5))
    words = (random.choice(WORDS) if random.random() < 0.8 else text(random) for _ in keys)
    return ",".join(f"{key} {b64(word.encode(errors='replace'))}" for key, word in zip(keys, words, strict=True))


def structured(random: Random, depth: int = 0) -> Any:
    """Return a JSON value of any type."""
    kind = random.randrange(9 if depth < 3 else 6)
    if kind < 6:
        scalars = (random.choice(WORDS), text(random)[:300], random.randint(-9, 2**63), random.choice((None, True)))
        return random.choice((*scalars, 1.5, random.choice(DATES)))
    if kind < 8:
        return [structured(random, depth + 1) for _ in range(random.randint(0, 4))]
    return {text(random)[:50]: structured(random, depth + 1) for _ in range(random.randint(0, 4))}


def creation(random: Random, length: int) -> dict[str, Any]:
    """Return the body that creates an upload, with valid or random fields."""
    fields: dict[str, Any] = {"filename": random.choice(WORDS), "length": random.choice((length, None))}
    more = {
        "last_modified": random.choice(DATES),
        "sender": random.choice(WORDS),
        "tags": tags(random),
        "chapters": chapters(random),
        "digest": f"sha-256=:{b64(bytes(32))}:",
        "content_hash": "0" * 64,
    }
    fields |= {name: more[name] for name in random.sample(sorted(more), random.randint(0, 2))}
    return spoiled(random, fields)


def amendment(random: Random) -> dict[str, Any]:
    """Return the body that changes an upload, or the tags of a file."""
    field = random.choice(("tags", "chapters", "length"))
    values = {"tags": tags(random), "chapters": chapters(random), "length": random.randint(0, 100_000)}
    return spoiled(random, {field: values[field]})


def tags(random: Random) -> dict[str, Any]:
    """Return tags, most of them known."""
    names = random.sample(TAGS, random.randint(0, 4))
    found: dict[str, Any] = {name: SPOKEN.get(name, "Night") for name in names}
    if names and random.random() < 0.3:
        found[names[0]] = random.choice((*WORDS, text(random)[:500]))
    return found if random.random() < 0.9 else found | {text(random)[:50]: None}


def chapters(random: Random) -> list[dict[str, Any]]:
    """Return chapters, some out of order, some without a duration."""
    starts = [k * 0.3 for k in range(random.choice((0, 1, 3, 260)))]
    if starts and random.random() < 0.2:
        starts[0] = random.choice((-1.0, 1e300, 5.0))
    return [
        {"start": start, "title": random.choice(WORDS), "url": random.choice((None, "https://r.e/"))}
        for start in starts
    ]


def spoiled(random: Random, fields: dict[str, Any]) -> dict[str, Any]:
    """Return the fields, sometimes with one random value."""
    if random.random() < 0.25:
        fields[random.choice((*fields, "x"))] = structured(random)
    return fields


def as_json(random: Random, value: Any) -> bytes:
    """Return JSON, sometimes malformed."""
    written = json.dumps(value, ensure_ascii=random.random() < 0.5).encode(errors="surrogatepass")
    if random.random() < 0.9:
        return written
    odd = (
        b"[" * 20_000,
        written[:-1],
        b"\xef\xbb\xbf" + written,
        written * 2,
        b"",
        b"9" * 60_000,
        b"{" + b" " * 70_000,
    )
    return random.choice(
        (*odd, written.decode(errors="replace").encode("utf-16"), text(random).encode(errors="replace"))
    )
