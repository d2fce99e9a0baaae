"""Header fields that several dialects read or write."""

from __future__ import annotations

import base64
import binascii
from email.utils import formatdate
from typing import TYPE_CHECKING, Any

from aiohttp import hdrs

from media_service.core.digest import Proof
from media_service.core.errors.requests import Malformed
from media_service.core.tags import TAGS
from media_service.core.times import MICROSECONDS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aiohttp import web

BYTE_COUNT_LIMIT = 2**63
UPLOAD_METADATA = "Upload-Metadata"
MAX_METADATA_KEYS = 64
MAX_DATE_SECONDS = 253_402_300_799  # 9999-12-31T23:59:59Z


def parse_byte_count(headers: Mapping[str, str], name: str) -> int | None:
    """Return a number of bytes in decimal digits, None if the field is missing. Raise Malformed."""
    value = headers.get(name)
    if value is None:
        return None
    if not (value.isascii() and value.isdigit() and len(value) <= 19 and int(value) < BYTE_COUNT_LIMIT):
        raise Malformed(name, "must be a number of bytes")
    return int(value)


def body_size(request: web.Request) -> int | None:
    """Return the size of the body in bytes, None if the request does not announce it."""
    length = request.content_length
    return length if length is not None or request.body_exists else 0


def refuse_content_range(request: web.Request) -> None:
    """Raise Malformed for a Content-Range: the part would be stored as the whole file (RFC 9110, section 14.5)."""
    if hdrs.CONTENT_RANGE in request.headers:
        raise Malformed(hdrs.CONTENT_RANGE, "not supported; send part of a file with PATCH or as a slice")


def http_date(microseconds: int) -> str:
    """Return UTC microseconds as an HTTP date, limited to the years 1970 to 9999."""
    return formatdate(min(max(0, microseconds // MICROSECONDS), MAX_DATE_SECONDS), usegmt=True)


def parse_metadata(value: str) -> dict[str, bytes]:
    """Return the pairs of an Upload-Metadata field, decoded from base64. Raise Malformed."""
    pairs: dict[str, bytes] = {}
    for pair in value.split(",") if value.strip() else ():
        key, _, encoded = pair.strip().partition(" ")
        if not key or not key.isascii() or key in pairs:
            raise Malformed(UPLOAD_METADATA, "keys must be unique and in ASCII")
        pairs[key] = _decode_base64(encoded, UPLOAD_METADATA)
    if len(pairs) > MAX_METADATA_KEYS:
        raise Malformed(UPLOAD_METADATA, f"more than {MAX_METADATA_KEYS} keys")
    return pairs


def parse_file_details(value: str) -> dict[str, Any]:
    """Return name, sender, e-mail address and tags of Upload-Metadata, for `UploadRequest`. Raise Malformed."""
    texts: dict[str, str] = {}
    for key, content in parse_metadata(value).items():
        if key in ("filename", "name", "sender", "email", *TAGS):
            try:
                texts[key] = content.decode()
            except UnicodeDecodeError:
                raise Malformed(UPLOAD_METADATA, f"{key} is not valid UTF-8") from None
    return {
        "filename": texts.get("filename", texts.get("name", "")),
        "sender": texts.get("sender"),
        "email": texts.get("email"),
        "tags": {tag: texts[tag] for tag in TAGS if texts.get(tag, "").strip()},
    }


def parse_collection(headers: Mapping[str, str]) -> str | None:
    """Return the collection that Upload-Metadata names, None without one. Raise Malformed."""
    slug = parse_metadata(headers.get(UPLOAD_METADATA, "")).get("collection")
    return None if slug is None else slug.decode(errors="replace")


def parse_checksum(value: str) -> Proof:
    """Return the algorithm and the digest of an Upload-Checksum field. Raise Malformed."""
    algorithm, _, encoded = value.partition(" ")
    return Proof(algorithm, _decode_base64(encoded, "Upload-Checksum"))


def _decode_base64(text: str, field: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise Malformed(field, "not valid base64") from None
