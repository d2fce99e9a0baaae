"""Serve the static files of the pages, without comments and compressed once.

Pages link to files in a folder `v-VERSION`, which browsers cache without revalidation; VERSION is a digest of them all.
A page's modules have one folder for each language, `index-en-VERSION`, where they are packed (`module_pack.py`). Their
relative imports stay in that folder.
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

# `index-en-VERSION.2` is the same folder under another URL, from which browsers load modules again after a failure.
VERSIONED_NAME = re.compile(r"([a-z]+(?:-\w+)?)-([0-9a-f]{12})(?:\.[1-9])?/(.+)")

log = structlog.get_logger()

Stamp = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Asset:
    """A file as it is sent. `stamp`: modification time in ns, and size; `policy`: Content-Security-Policy."""

    stamp: Stamp
    type: str
    plain: bytes
    gzipped: bytes
    etag: str
    policy: str = CSP


@dataclass(frozen=True, slots=True)
class Release:
    """The files of one version. `packs` has the packed modules by page and language, such as `index-en`."""

    version: str
    texts: Mapping[str, str]
    stamps: Mapping[str, Stamp]
    packs: Mapping[str, PagePack]
    packed_assets: dict[tuple[str, str], Asset] = field(default_factory=dict)

    def packed_asset(self, folder: str, name: str) -> Asset | None:
        """Return what a page's folder has in place of a module; None if it has the module itself."""
        pack = self.packs.get(folder)
        if pack is None or (text := pack.files.get(name)) is None:
            return None
        key = folder, name
        if key not in self.packed_assets:
            self.packed_assets[key] = make_asset(text, ".js", self.stamps[name])
        return self.packed_assets[key]


class Assets:
    """The files of `CONTENT_TYPES` that are in a folder when the service starts."""

    def __init__(self, folder: Path) -> None:
        self._paths = dict(_files_in(folder.resolve()))
        self._assets: dict[str, Asset] = {}
        self._release = self._read(self._stamps())

    def release(self) -> Release:
        """Return the files, read again if one of them changed on disk."""
        stamps = self._stamps()
        if self._release.stamps != stamps:
            self._release = self._read(stamps)
        return self._release

    def response(self, request: web.Request, name: str) -> web.Response:
        """Return the file, or 304 if the client has it. Raise HTTPNotFound."""
        if (found := VERSIONED_NAME.fullmatch(name)) is None:
            return asset_response(request, self.find(name))
        folder, version, name = found.groups()
        release = self._release
        asset = release.packed_asset(folder, name) or self.find(name)
        # A page of an older version gets the current file, which it must not cache.
        current = version == release.version and release.stamps.get(name) == asset.stamp
        return asset_response(request, asset, immutable=current)

    def _stamps(self) -> dict[str, Stamp]:
        return {name: _stamp(path) for name, path in self._paths.items() if path.is_file()}

    def _read(self, stamps: Mapping[str, Stamp]) -> Release:
        texts = {name: self._paths[name].read_text("utf-8") for name in stamps}
        return Release(_version(texts), texts, stamps, _packs(texts))

    def find(self, name: str) -> Asset:
        """Return the file, read again if it changed on disk. Raise HTTPNotFound."""
        # Only known names: other spellings of one file would each be cached.
        path = self._paths.get(name)
        if path is None or not path.is_file():
            raise web.HTTPNotFound
        stamp = _stamp(path)
        asset = self._assets.get(name)
        if asset is None or asset.stamp != stamp:
            asset = self._assets[name] = make_asset(path.read_text("utf-8"), path.suffix, stamp)
        return asset


def asset_response(request: web.Request, asset: Asset, *, immutable: bool = False, vary: str = "") -> web.Response:
    """Return the file, or 304 if the client has it. `immutable`: the content of its URL never changes."""
    headers = {
        hdrs.ETAG: f'"{asset.etag}"',
        hdrs.VARY: ", ".join(filter(None, (hdrs.ACCEPT_ENCODING, vary))),
        hdrs.CACHE_CONTROL: f"public, max-age={CACHE_SECONDS}, immutable" if immutable else "no-cache",
        "Content-Security-Policy": asset.policy,
    }
    if any(known in (ETag(asset.etag), ETag("*")) for known in request.if_none_match or ()):
        return web.Response(status=304, headers=headers)
    accepts_gzip = "gzip" in request.headers.get(hdrs.ACCEPT_ENCODING, "")
    if accepts_gzip:
        headers[hdrs.CONTENT_ENCODING] = "gzip"
    body = asset.gzipped if accepts_gzip else asset.plain
    return web.Response(body=body, headers=headers, content_type=asset.type, charset="utf-8")


def _packs(texts: Mapping[str, str]) -> dict[str, PagePack]:
    """Return the packed modules of each page. A page whose modules cannot be packed loads them one by one."""
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
    """Yield name and path of each file below the folder, except links that lead out of it."""
    for path in folder.rglob("*"):
        if path.suffix in CONTENT_TYPES and path.is_file() and path.resolve().is_relative_to(folder):
            yield path.relative_to(folder).as_posix(), path


def make_asset(text: str, suffix: str, stamp: Stamp) -> Asset:
    """Return an asset with this text, without comments."""
    text = compacted(text) if suffix in COMMENTED_SUFFIXES else text
    plain, kind = text.encode(), CONTENT_TYPES[suffix]
    etag, packed = hashlib.sha256(plain).hexdigest()[:22], gzip.compress(plain, 9, mtime=0)
    return Asset(stamp, kind, plain, packed, etag, policy_of(text) if suffix == ".html" else CSP)
