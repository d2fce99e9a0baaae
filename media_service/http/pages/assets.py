"""What browsers load for the pages: each file compressed once, scripts and styles without their whole-line comments.

There is no build: what stands in `static/` is what is served, line for line, so that an error's line number is true
here too. Comments are for us; they are a third of the bytes that a listener on a slow line would wait for.

The pages name their files below a folder `v-VERSION`, where VERSION is a digest of all of them: browsers keep these
for ever and ask for nothing on their next visit. A page's modules come from a folder of its own, `index-VERSION`, where
they are packed into one (`module_pack.py`). A module's relative imports stay in the folder it was loaded from.
"""

from __future__ import annotations

import gzip
import hashlib
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import structlog
from aiohttp import ETag, hdrs, web

from media_service.http.pages.module_pack import NotPackable, pack_page

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from media_service.http.pages.module_pack import PagePack

CONTENT_TYPES = {
    ".css": "text/css",
    ".html": "text/html",
    ".js": "text/javascript",
    ".svg": "image/svg+xml",
}
COMMENTED_SUFFIXES = frozenset({".css", ".js"})

CACHE_SECONDS = 365 * 24 * 3600

VERSIONED_NAME = re.compile(r"([a-z]+)-([0-9a-f]{12})(?:\.[1-9])?/(.+)")
"""A name below a version's folder. `index-VERSION.2` is the same folder to us; to a browser it is another URL, by which
it loads modules again that it failed to load before."""

log = structlog.get_logger()

Stamp = tuple[int, int]

_BLOCK_COMMENT = re.compile(r"^[ \t]*/\*(?:(?!\*/).)*\*/[ \t]*$", re.DOTALL | re.MULTILINE)
_LINE_COMMENT = re.compile(r"^[ \t]*//.*$", re.MULTILINE)
_TYPE_CAST = re.compile(r"/\*\* @type \{(?:(?!\*/)[^\n])*\} \*/ ?(?=\()")
_INDENTATION = re.compile(r"^[ \t]+", re.MULTILINE)
"""1.3 KiB of the upload page as it is sent. Lines keep their numbers; no text of ours spans lines with blanks in it."""


@dataclass(frozen=True, slots=True)
class Asset:
    """A file as it is sent; `stamp` tells when the file on disk is another one."""

    stamp: Stamp
    type: str
    plain: bytes
    gzipped: bytes
    etag: str


@dataclass(frozen=True, slots=True)
class Release:
    """The files as they are at one time: their version, their texts by name, and the stamps by which this is known.

    `packs` has the packed modules of each page, by the page's name without its suffix.
    """

    version: str
    texts: Mapping[str, str]
    stamps: Mapping[str, Stamp]
    packs: Mapping[str, PagePack]
    made: dict[tuple[str, str], Asset] = field(default_factory=dict)

    def packed(self, folder: str, name: str) -> Asset | None:
        """Return what a page's folder has in place of a file; None if it has the file itself."""
        pack = self.packs.get(folder)
        if pack is None or (text := pack.files.get(name)) is None:
            return None
        key = folder, name
        if key not in self.made:
            self.made[key] = make_asset(text, ".js", self.stamps[name])
        return self.made[key]


class Assets:
    """The files that are in a folder when the service starts, by name. No file whose kind is not in `CONTENT_TYPES`."""

    def __init__(self, folder: Path) -> None:
        self._paths = dict(_files_in(folder.resolve()))
        self._made: dict[str, Asset] = {}
        self._release: Release | None = None

    def release(self) -> Release:
        """Return the files as they are now; read again if one of them changed on disk."""
        stamps = {name: _stamp(path) for name, path in self._paths.items() if path.is_file()}
        if self._release is None or self._release.stamps != stamps:
            texts = {name: self._paths[name].read_text("utf-8") for name in stamps}
            self._release = Release(_version(texts), texts, stamps, _packs(texts))
        return self._release

    def response(self, request: web.Request, name: str) -> web.Response:
        """The file, or 304 for whoever has it. Raises HTTPNotFound."""
        if (found := VERSIONED_NAME.fullmatch(name)) is None:
            return asset_response(request, self.find(name))
        folder, version, name = found.groups()
        release = self._release or self.release()
        asset = release.packed(folder, name) or self.find(name)
        # A page of an older version gets today's file.
        return asset_response(
            request, asset, immutable=version == release.version and release.stamps.get(name) == asset.stamp
        )

    def find(self, name: str) -> Asset:
        """Return the file as it is sent, made again if it changed on disk. Raise HTTPNotFound.

        Only names of the table are looked up: other spellings of one file would each be kept in memory.
        """
        path = self._paths.get(name)
        if path is None or not path.is_file():
            raise web.HTTPNotFound
        stamp = _stamp(path)
        known = self._made.get(name)
        if known is None or known.stamp != stamp:
            known = self._made[name] = make_asset(path.read_text("utf-8"), path.suffix, stamp)
        return known


def asset_response(request: web.Request, asset: Asset, *, immutable: bool = False, vary: str = "") -> web.Response:
    """Return the response with a file, or 304 for a client that has it. `immutable`: its URL never changes."""
    headers = {
        hdrs.ETAG: f'"{asset.etag}"',
        hdrs.VARY: ", ".join(filter(None, (hdrs.ACCEPT_ENCODING, vary))),
        hdrs.CACHE_CONTROL: f"public, max-age={CACHE_SECONDS}, immutable" if immutable else "no-cache",
    }
    if any(known in (ETag(asset.etag), ETag("*")) for known in request.if_none_match or ()):
        return web.Response(status=304, headers=headers)
    packs = "gzip" in request.headers.get(hdrs.ACCEPT_ENCODING, "")
    if packs:
        headers[hdrs.CONTENT_ENCODING] = "gzip"
    body = asset.gzipped if packs else asset.plain
    return web.Response(body=body, headers=headers, content_type=asset.type, charset="utf-8")


def _packs(texts: Mapping[str, str]) -> dict[str, PagePack]:
    """Return the packed modules of each page; a page whose modules cannot be packed loads them one by one."""
    packs = {}
    for name, text in texts.items():
        if name.endswith(".html"):
            try:
                packs[name.removesuffix(".html")] = pack_page(text, texts)
            except NotPackable as error:
                log.warning("modules are not packed", page=name, reason=str(error))
    return packs


def _stamp(path: Path) -> Stamp:
    status = path.stat()
    return status.st_mtime_ns, status.st_size


def _version(texts: Mapping[str, str]) -> str:
    digest = hashlib.sha256()
    for name, text in sorted(texts.items()):
        digest.update(f"{name}\0{text}\0".encode())
    return digest.hexdigest()[:12]


def _files_in(folder: Path) -> Iterator[tuple[str, Path]]:
    """Yield name and path of each file in the folder and the folders in it. A link out of it is left out."""
    for path in folder.rglob("*"):
        if path.suffix in CONTENT_TYPES and path.is_file() and path.resolve().is_relative_to(folder):
            yield path.relative_to(folder).as_posix(), path


def make_asset(text: str, suffix: str, stamp: Stamp) -> Asset:
    """A file's text as it is sent."""
    plain = (_INDENTATION.sub("", without_comments(text)) if suffix in COMMENTED_SUFFIXES else text).encode()
    kind = CONTENT_TYPES[suffix]
    return Asset(stamp, kind, plain, gzip.compress(plain, 9, mtime=0), hashlib.sha256(plain).hexdigest()[:22])


def without_comments(text: str) -> str:
    """The same lines, those that hold nothing but a comment empty.

    What shares a line with code stays, but for type casts: telling a comment from a string there takes a parser.
    """
    text = _BLOCK_COMMENT.sub(lambda comment: "\n" * comment[0].count("\n"), text)
    return _TYPE_CAST.sub("", _LINE_COMMENT.sub("", text))
