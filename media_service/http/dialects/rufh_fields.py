"""The IETF draft's fields: read and written as structured fields (RFC 9651), for each version that clients speak."""

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

MAX_INTEGER = 10**15 - 1
"""The largest integer that a structured field can have."""


@dataclass(frozen=True, slots=True)
class InteropVersion:
    """How clients of one interoperability version speak, where versions differ.

    `append_media_type`: the media type of an append, None for any. `append_status`: the status of an append that does
    not complete the upload.
    `length_completes`: an announced length completes the upload by its last byte. Such clients count on it: in Node,
    tus-js-client never says that a piece of a file is the last one.
    `strict_head`: a HEAD with fields of an upload is an error. `lifetime_key`: how a limit of seconds is called.
    `sends_progress`: clients know a 104 without a Location, which tells the offset while an append runs.
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
    """The versions that were deployed first, up to 6."""
    return InteropVersion(
        number, append_status=201, length_completes=True, strict_head=True, lifetime_key="expires", **more
    )


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
    """The version that the client names, and the newest text for one that is missing or not in the table."""
    return VERSIONS.get(_parse_item(request, INTEROP_VERSION, int), LATEST_VERSION)


def parse_byte_count(request: web.Request, name: str) -> int | None:
    """A count of bytes. What is none counts as missing, as the draft wants it."""
    value = _parse_item(request, name, int)
    return value if value is not None and value >= 0 else None


def is_complete(request: web.Request, version: InteropVersion) -> bool | None:
    """Whether the request brings the last byte; None where it does not say."""
    value: bool | None = _parse_item(request, version.complete_field, bool)
    return value if value is None or version.complete_field == "Upload-Complete" else not value


def complete_header(version: InteropVersion, *, whole: bool) -> dict[str, str]:
    """The field that says whether the upload is complete."""
    return {version.complete_field: ser(whole if version.complete_field == "Upload-Complete" else not whole)}


def limit_header(version: InteropVersion, size: int, seconds: int) -> dict[str, str]:
    """Upload-Limit: bytes of a file, and seconds for which an upload stays without another request."""
    return {"Upload-Limit": ser({"max-size": min(size, MAX_INTEGER), "min-size": 1, version.lifetime_key: seconds})}


def content_digest(request: web.Request) -> Proof | None:
    """What Content-Digest says of the body (RFC 9530). Raises Malformed."""
    return _parse_digest(request, "Content-Digest", ("sha-512", "sha-256"))


def file_digest(request: web.Request) -> bytes | None:
    """The SHA-256 of the whole file, where Repr-Digest has it. Raises Malformed."""
    found = _parse_digest(request, "Repr-Digest", ("sha-256",))
    return None if found is None else found.digest


def repr_digest_header(sha256: bytes) -> dict[str, str]:
    """Repr-Digest of a received file."""
    return {"Repr-Digest": ser({"sha-256": sha256})}


def parse_file_fields(request: web.Request) -> dict[str, Any]:
    """What Content-Disposition, or else Upload-Metadata, says of the file. Raises Malformed."""
    known = parse_file_details(request.headers.get(UPLOAD_METADATA, ""))
    kind, _, filename = parse_disposition(request.headers.get("Content-Disposition", ""))
    name = filename if kind is not None else None
    return known if name is None else known | {"filename": name}


def _parse_item(request: web.Request, name: str, kind: type) -> Any:
    values = request.headers.getall(name, [])
    try:
        found: Any = parse(", ".join(values).encode(errors="replace"), tltype="item")
    except StructuredFieldError:
        return None
    return found[0] if type(found[0]) is kind else None


def _parse_digest(request: web.Request, name: str, algorithms: tuple[str, ...]) -> Proof | None:
    given = ", ".join(request.headers.getall(name, []))
    try:
        digests: Any = parse(given.encode(errors="replace"), tltype="dictionary") if given else {}
    except StructuredFieldError:
        raise Malformed(name, "it is no dictionary of digests (RFC 9530)") from None
    for algorithm in algorithms:
        if algorithm in digests:
            value = digests[algorithm][0]
            if not isinstance(value, bytes):
                raise Malformed(name, f"{algorithm} must be bytes")
            return Proof(algorithm.replace("-", ""), value)
    return None
