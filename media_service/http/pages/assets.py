"""What browsers load for the pages: each file compressed once, scripts and styles without their whole-line comments.

There is no build: what stands in `static/` is what is served, line for line, so that an error's line number is true
here too. Comments are for us; they are a third of the bytes that a listener on a slow line would wait for.

The pages name their files below a folder `v-VERSION`, where VERSION is a digest of all of them: browsers keep these
for ever and ask for nothing on their next visit. A page's modules come from a folder of its own for each language,
`index-en-VERSION`, where they are packed into one (`module_pack.py`). A module's relative imports stay in the folder
it was loaded from.
"""

from __future__ import annotations

import gzip
import hashlib
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import structlog
from aiohttp import ETag, hdrs, web

from media_service.http.pages.comments import compacted
from media_service.http.pages.inline_assets import policy_of
from media_service.http.pages.module_pack import Modules, NotPackable, pack_page
from media_service.http.security.headers import CSP

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

VERSIONED_NAME = re.compile(r"([a-z]+(?:-\w+)?)-([0-9a-f]{12})(?:\.[1-9])?/(.+)")
"""A name below a version's folder. `index-en-VERSION.2` is the same folder to us; to a browser it is another URL, by
which it loads modules again that it failed to load before."""

log = structlog.get_logger()

Stamp = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Asset:
    """A file as it is sent; `stamp` tells when the file on disk is another one. `policy`: see `inline_assets.py`."""

    stamp: Stamp
    type: str
    plain: bytes
    gzipped: bytes
    etag: str
    policy: str = CSP


@dataclass(frozen=True, slots=True)
class Release:
    """The files as they are at one time: their version, their texts by name, and the stamps by which this is known.

    `packs` has the packed modules of each page, by the page's name without its suffix and the language: `index-en`.
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
        self._release = self._read(self._stamps())

    def release(self) -> Release:
        """Return the files as they are now; read again if one of them changed on disk."""
        stamps = self._stamps()
        if self._release.stamps != stamps:
            self._release = self._read(stamps)
        return self._release

    def response(self, request: web.Request, name: str) -> web.Response:
        """The file, or 304 for whoever has it. Raises HTTPNotFound."""
        if (found := VERSIONED_NAME.fullmatch(name)) is None:
            return asset_response(request, self.find(name))
        folder, version, name = found.groups()
        release = self._release
        asset = release.packed(folder, name) or self.find(name)
        # A page of an older version gets today's file.
        return asset_response(
            request, asset, immutable=version == release.version and release.stamps.get(name) == asset.stamp
        )

    def _stamps(self) -> dict[str, Stamp]:
        return {name: _stamp(path) for name, path in self._paths.items() if path.is_file()}

    def _read(self, stamps: Mapping[str, Stamp]) -> Release:
        texts = {name: self._paths[name].read_text("utf-8") for name in stamps}
        return Release(_version(texts), texts, stamps, _packs(texts))

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
        "Content-Security-Policy": asset.policy,
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
    packs: dict[str, PagePack] = {}
    modules = Modules(texts)
    for page in (name for name in texts if name.endswith(".html")):
        try:
            found = pack_page(texts[page], modules)
        except NotPackable as error:
            log.warning("modules are not packed", page=page, reason=str(error))
        else:
            packs |= {f"{page.removesuffix('.html')}-{language}": pack for language, pack in found.items()}
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
    text = compacted(text) if suffix in COMMENTED_SUFFIXES else text
    plain, kind = text.encode(), CONTENT_TYPES[suffix]
    etag, packed = hashlib.sha256(plain).hexdigest()[:22], gzip.compress(plain, 9, mtime=0)
    return Asset(stamp, kind, plain, packed, etag, policy_of(text) if suffix == ".html" else CSP)
