"""Read and write the IETF draft's structured fields (RFC 9651), for each version that clients use."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from http_sf import StructuredFieldError, parse, ser

from media_service.core.digest import Proof
from media_service.core.errors.requests import Malformed
from media_service.http.dialects.header_fields import UPLOAD_METADATA, parse_file_details
from media_service.http.multipart import parse_disposition

if TYPE_CHECKING:
    from aiohttp import web

INTEROP_VERSION = "Upload-Draft-Interop-Version"
PARTIAL_UPLOAD = "application/partial-upload"
MAX_INTEGER = 10**15 - 1  # of a structured field (RFC 9651, section 3.3.1)


@dataclass(frozen=True, slots=True)
class InteropVersion:
    """What differs between interoperability versions of the draft.

    `append_media_type`: None for any. `append_status`: of an append that does not complete the upload.
    `length_completes`: the last byte of the announced length completes the upload. tus-js-client in Node never marks a
    chunk as the last one. `strict_head`: refuse a HEAD with fields of an upload. `lifetime_key`: in Upload-Limit.
    `sends_progress`: clients accept 104s without a Location, which report the offset during an append.
    """

    number: int | None
    complete_field: str = "Upload-Complete"
    append_media_type: str | None = PARTIAL_UPLOAD
    append_status: int = 204
    length_completes: bool = False
    strict_head: bool = False
    lifetime_key: str = "max-age"
    sends_progress: bool = True


def _early_version(number: int, **more: Any) -> InteropVersion:
    """Return a version up to 6."""
    common: dict[str, Any] = {
        "append_status": 201,
        "length_completes": True,
        "strict_head": True,
        "lifetime_key": "expires",
    }
    return InteropVersion(number, **common, **more)


LATEST_VERSION = InteropVersion(None)
VERSIONS = {
    version.number: version
    for version in (
        _early_version(3, complete_field="Upload-Incomplete", append_media_type=None, sends_progress=False),
        _early_version(5, append_media_type=None),
        _early_version(6),
        InteropVersion(8),
        InteropVersion(9),
        InteropVersion(10),
    )
}


def interop_version(request: web.Request) -> InteropVersion:
    """Return the version that the client names; the latest one if it names none or an unknown one."""
    return VERSIONS.get(_parse_item(request, INTEROP_VERSION, int), LATEST_VERSION)


def parse_byte_count(request: web.Request, name: str) -> int | None:
    """Return a number of bytes, None if the field is missing or, as the draft treats alike, invalid."""
    value = _parse_item(request, name, int)
    return value if value is not None and value >= 0 else None


def is_complete(request: web.Request, version: InteropVersion) -> bool | None:
    """Return whether the request has the last byte, None if no field says so."""
    value: bool | None = _parse_item(request, version.complete_field, bool)
    return value if value is None or version.complete_field == "Upload-Complete" else not value


def complete_header(version: InteropVersion, *, whole: bool) -> dict[str, str]:
    """Return the header that says whether the upload is complete."""
    return {version.complete_field: ser(whole if version.complete_field == "Upload-Complete" else not whole)}


def limit_header(version: InteropVersion, size: int, seconds: int) -> dict[str, str]:
    """Return Upload-Limit: the largest file in bytes, and the seconds that an upload is kept without a request."""
    return {"Upload-Limit": ser({"max-size": min(size, MAX_INTEGER), "min-size": 1, version.lifetime_key: seconds})}


def content_digest(request: web.Request) -> Proof | None:
    """Return the digest of the body from Content-Digest (RFC 9530), None without one. Raise Malformed."""
    return _parse_digest(request, "Content-Digest", ("sha-512", "sha-256"))


def file_digest(request: web.Request) -> bytes | None:
    """Return the SHA-256 of the whole file from Repr-Digest, None without one. Raise Malformed."""
    found = _parse_digest(request, "Repr-Digest", ("sha-256",))
    return None if found is None else found.digest


def repr_digest_header(sha256: bytes) -> dict[str, str]:
    """Return Repr-Digest for a received file."""
    return {"Repr-Digest": ser({"sha-256": sha256})}


def parse_file_fields(request: web.Request) -> dict[str, Any]:
    """Return the file's details from Upload-Metadata, its name from Content-Disposition if present. Raise Malformed."""
    details = parse_file_details(request.headers.get(UPLOAD_METADATA, ""))
    kind, _, filename = parse_disposition(request.headers.get("Content-Disposition", ""))
    name = filename if kind is not None else None
    return details if name is None else details | {"filename": name}


def _parse_item(request: web.Request, name: str, kind: type) -> Any:
    values = request.headers.getall(name, [])
    try:
        found: Any = parse(", ".join(values).encode(errors="replace"), tltype="item")
    except StructuredFieldError:
        return None
    return found[0] if type(found[0]) is kind else None


def _parse_digest(request: web.Request, name: str, algorithms: tuple[str, ...]) -> Proof | None:
    value = ", ".join(request.headers.getall(name, []))
    try:
        digests: Any = parse(value.encode(errors="replace"), tltype="dictionary") if value else {}
    except StructuredFieldError:
        raise Malformed(name, "not a dictionary of digests (RFC 9530)") from None
    for algorithm in algorithms:
        if algorithm in digests:
            digest = digests[algorithm][0]
            if not isinstance(digest, bytes):
                raise Malformed(name, f"{algorithm} must be a byte sequence")
            return Proof(algorithm.replace("-", ""), digest)
    return None
