"""What browsers load for the pages: each file compressed once, scripts and styles without their whole-line comments.

There is no build: what stands in `static/` is what is served, line for line, so that an error's line number is true
here too. Comments are for us; they are a third of the bytes that a listener on a slow line would wait for.
"""

from __future__ import annotations

import gzip
import hashlib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from aiohttp import ETag, hdrs, web

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TYPES = {
    ".css": "text/css",
    ".html": "text/html",
    ".js": "text/javascript",
    ".svg": "image/svg+xml",
}
COMMENTED = frozenset({".css", ".js"})

_BLOCKS = re.compile(r"^[ \t]*/\*(?:(?!\*/).)*\*/[ \t]*$", re.DOTALL | re.MULTILINE)
_LINES = re.compile(r"^[ \t]*//.*$", re.MULTILINE)
_CASTS = re.compile(r"/\*\* @type \{[^\n]*?\} \*/ ?(?=\()")


@dataclass(frozen=True, slots=True)
class Asset:
    """A file as it is sent; `stamp` tells when the file on disk is another one."""

    stamp: tuple[int, int]
    type: str
    plain: bytes
    packed: bytes
    etag: str


class Assets:
    """The files that are in a folder when the service starts, by name. No file whose kind is not in `TYPES`."""

    def __init__(self, folder: Path) -> None:
        self._paths = dict(_listed(folder.resolve()))
        self._made: dict[str, Asset] = {}

    def answer(self, request: web.Request, name: str) -> web.Response:
        """The file, or 304 for whoever has it. Raises HTTPNotFound."""
        asset = self.find(name)
        headers = {hdrs.ETAG: f'"{asset.etag}"', hdrs.VARY: hdrs.ACCEPT_ENCODING, hdrs.CACHE_CONTROL: "no-cache"}
        if any(known in (ETag(asset.etag), ETag("*")) for known in request.if_none_match or ()):
            return web.Response(status=304, headers=headers)
        packs = "gzip" in request.headers.get(hdrs.ACCEPT_ENCODING, "")
        if packs:
            headers[hdrs.CONTENT_ENCODING] = "gzip"
        body = asset.packed if packs else asset.plain
        return web.Response(body=body, headers=headers, content_type=asset.type, charset="utf-8")

    def find(self, name: str) -> Asset:
        """Return the file as it is sent, made again if it changed on disk. Raise HTTPNotFound.

        Only names of the table are looked up: other spellings of one file would each be kept in memory.
        """
        path = self._paths.get(name)
        if path is None or not path.is_file():
            raise web.HTTPNotFound
        status = path.stat()
        stamp = (status.st_mtime_ns, status.st_size)
        known = self._made.get(name)
        if known is None or known.stamp != stamp:
            known = self._made[name] = make_asset(path.read_text("utf-8"), path.suffix, stamp)
        return known


def _listed(folder: Path) -> Iterator[tuple[str, Path]]:
    """Yield name and path of each file in the folder and the folders in it. A link out of it is left out."""
    for path in folder.rglob("*"):
        if path.suffix in TYPES and path.is_file() and path.resolve().is_relative_to(folder):
            yield path.relative_to(folder).as_posix(), path


def make_asset(text: str, suffix: str, stamp: tuple[int, int]) -> Asset:
    """A file's text as it is sent."""
    plain = (without_comments(text) if suffix in COMMENTED else text).encode()
    kind = TYPES[suffix]
    return Asset(stamp, kind, plain, gzip.compress(plain, 9, mtime=0), hashlib.sha256(plain).hexdigest()[:22])


def without_comments(text: str) -> str:
    """The same lines, those that hold nothing but a comment empty.

    What shares a line with code stays, but for type casts: telling a comment from a string there takes a parser.
    """
    text = _BLOCKS.sub(lambda comment: "\n" * comment[0].count("\n"), text)
    return _CASTS.sub("", _LINES.sub("", text))
