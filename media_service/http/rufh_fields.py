"""The IETF draft's fields: read and written as structured fields (RFC 9651), for each version that clients speak."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from http_sf import StructuredFieldError, parse, ser

from media_service.core.digest import Proof
from media_service.core.errors.requests import Malformed
from media_service.http.fields import METADATA, described
from media_service.http.multipart import disposition

if TYPE_CHECKING:
    from aiohttp import web

INTEROP = "Upload-Draft-Interop-Version"
PARTIAL_UPLOAD = "application/partial-upload"

INTEGER_LIMIT = 10**15 - 1
"""The largest integer that a structured field can have."""


@dataclass(frozen=True, slots=True)
class Version:
    """How clients of one interoperability version speak, where versions differ.

    `append_type`: the media type of an append, None for any. `appended`: the status of an append with more to come.
    `length_completes`: an announced length completes the upload by its last byte. Such clients count on it: in Node,
    tus-js-client never says that a piece of a file is the last one.
    `asks_plainly`: a HEAD with fields of an upload is an error. `age`: how a limit of seconds is called.
    `progress`: clients know a 104 without a Location, which tells the offset while an append runs.
    """

    number: int | None
    complete: str = "Upload-Complete"
    append_type: str | None = PARTIAL_UPLOAD
    appended: int = 204
    length_completes: bool = False
    asks_plainly: bool = False
    age: str = "max-age"
    progress: bool = True


def _early(number: int, **more: Any) -> Version:
    """The versions that were deployed first, up to 6."""
    return Version(number, appended=201, length_completes=True, asks_plainly=True, age="expires", **more)


FINAL_TEXT = Version(None)
VERSIONS = {
    version.number: version
    for version in (
        _early(3, complete="Upload-Incomplete", append_type=None, progress=False),
        _early(5, append_type=None),
        _early(6),
        Version(8),
        Version(9),
        Version(10),
    )
}


def version_of(request: web.Request) -> Version:
    """The version that the client names, and the newest text for one that is missing or not in the table."""
    return VERSIONS.get(_item(request, INTEROP, int), FINAL_TEXT)


def integer(request: web.Request, name: str) -> int | None:
    """A count of bytes. What is none counts as missing, as the draft wants it."""
    value = _item(request, name, int)
    return value if value is not None and value >= 0 else None


def complete(request: web.Request, version: Version) -> bool | None:
    """Whether the request brings the last byte; None where it does not say."""
    value: bool | None = _item(request, version.complete, bool)
    return value if value is None or version.complete == "Upload-Complete" else not value


def completeness(version: Version, *, whole: bool) -> dict[str, str]:
    """The field that says whether the upload is complete."""
    return {version.complete: ser(whole if version.complete == "Upload-Complete" else not whole)}


def limits(version: Version, size: int, seconds: int) -> dict[str, str]:
    """Upload-Limit: bytes of a file, and seconds for which an upload stays without another request."""
    return {"Upload-Limit": ser({"max-size": min(size, INTEGER_LIMIT), "min-size": 1, version.age: seconds})}


def proof(request: web.Request) -> Proof | None:
    """What Content-Digest says of the body (RFC 9530). Raises Malformed."""
    return _digest(request, "Content-Digest", ("sha-512", "sha-256"))


def whole_digest(request: web.Request) -> bytes | None:
    """The SHA-256 of the whole file, where Repr-Digest has it. Raises Malformed."""
    found = _digest(request, "Repr-Digest", ("sha-256",))
    return None if found is None else found.digest


def repr_digest(sha256: bytes) -> dict[str, str]:
    """Repr-Digest of a received file."""
    return {"Repr-Digest": ser({"sha-256": sha256})}


def about(request: web.Request) -> dict[str, Any]:
    """What Content-Disposition, or else Upload-Metadata, says of the file. Raises Malformed."""
    known = described(request.headers.get(METADATA, ""))
    kind, _, filename = disposition(request.headers.get("Content-Disposition", ""))
    name = filename if kind is not None else None
    return known if name is None else known | {"filename": name}


def _item(request: web.Request, name: str, kind: type) -> Any:
    values = request.headers.getall(name, [])
    try:
        found: Any = parse(", ".join(values).encode(errors="replace"), tltype="item")
    except StructuredFieldError:
        return None
    return found[0] if type(found[0]) is kind else None


def _digest(request: web.Request, name: str, algorithms: tuple[str, ...]) -> Proof | None:
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
