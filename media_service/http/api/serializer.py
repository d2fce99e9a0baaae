"""Serialize uploads and files to JSON. Times are RFC 3339 in UTC, sizes bytes, digests hexadecimal."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import islice
from typing import TYPE_CHECKING, Any, Protocol

from aiohttp import hdrs

from media_service.core.access import LINK_PREFIX, Scope
from media_service.core.audit import shown_id
from media_service.core.errors.registry import restore_error
from media_service.core.files import Place
from media_service.core.findings import Outcome, outcome
from media_service.core.places import may_have_cover
from media_service.core.tags import TAGS
from media_service.core.times import MICROSECONDS
from media_service.core.upload_states import State
from media_service.http.problems import problem_object

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from aiohttp import web

    from media_service.core.files import StoredFile
    from media_service.core.findings import Finding
    from media_service.core.guest_links import LinkLabel
    from media_service.core.limits import Limits
    from media_service.core.upload import Facts, Slice, Upload
    from media_service.http.security.caller import Caller
    from media_service.intake.receiving.active_uploads import UploadView

API_PREFIX = "/api/v1"
CACHED_TIMES = 1024
MAX_SPANS = 256  # spans in `received`; a client that needs more fills the gaps between these and asks again
MAX_ROW_SPANS, MAX_ROW_FINDINGS, MAX_ROW_CHARACTERS = 16, 3, 200
ROW_TAGS = ("title", "artist", "album", "date", "genre")  # other tags may be long
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Slugs(Protocol):
    """Knows the slugs of collections."""

    async def slug_of(self, collection_id: str | None) -> str | None:
        """Return the slug of a collection; None for the general one. Raise CatalogueError."""


class Labels(Protocol):
    """Knows the links by which uploads came."""

    async def label_of(self, account: str | None) -> LinkLabel | None:
        """Return what an upload of this account says of its link; None unless it is a link. Raise CatalogueError."""


class Serializer:
    """Serialize values to JSON objects. `public_url`: the URL of the service with the base path; may be empty.
    `trash_lifetime`: microseconds that a file stays in the trash.

    Uploads and files have the slug of their collection and the title of their link, so serializing them may raise
    CatalogueError. They do not have the sender's e-mail address: see `email_for`.
    """

    def __init__(
        self, base: str, limits: Limits, public_url: str, slugs: Slugs, labels: Labels, *, trash_lifetime: int
    ) -> None:
        self.base = base
        self._trash_lifetime = trash_lifetime
        self._labels = labels
        self._slugs = slugs
        self._prefix = public_url or base
        self._limits = limits

    def location(self, path: str) -> str:
        """Return the URL of a path below the base path, absolute if `public_url` is set."""
        return f"{self._prefix}{path}"

    def absolute_url(self, request: web.Request, path: str) -> str:
        """Return the URL of a path for other clients: below `public_url`, else as this one reached the service."""
        if self._prefix != self.base:
            return self.location(path)
        # Behind a proxy that terminates TLS only the page's own origin, which was checked, has the right scheme.
        origin = request.headers.get(hdrs.ORIGIN) or f"{request.scheme}://{request.host}"
        return f"{origin}{self.location(path)}"

    def upload_url(self, upload_id: str) -> str:
        """Return the URL of an upload."""
        return self.location(f"{API_PREFIX}/uploads/{upload_id}")

    def file_url(self, file_id: str) -> str:
        """Return the URL of a finished file."""
        return f"{self.base}{API_PREFIX}/files/{file_id}"

    async def upload(self, view: UploadView) -> dict[str, Any]:
        """Return an upload with all members."""
        upload = view.upload
        return {
            **await self._upload_members(view),
            "received": _first_spans(view, MAX_SPANS),
            "tags": dict(upload.tags or {}),
            "chapters": [asdict(chapter) for chapter in upload.chapters],
            "findings": [found.to_dict_with_message() for found in _findings(upload)],
            "suggested_tags": _suggested_tags(upload.facts),
        }

    async def upload_row(self, view: UploadView) -> dict[str, Any]:
        """Return a row of a listing. `short`: the upload itself has more."""
        upload, findings = view.upload, _findings(view.upload)
        tags, cut = _row_tags(upload.tags or {})
        more = upload.chapters or len(findings) > MAX_ROW_FINDINGS or len(view.received) > MAX_ROW_SPANS
        return {
            **await self._upload_members(view),
            "received": _first_spans(view, MAX_ROW_SPANS),
            "tags": tags,
            "findings": [found.to_dict_with_message() for found in findings[:MAX_ROW_FINDINGS]],
            "short": bool(cut or more or _suggested_tags(upload.facts)),
        }

    async def _upload_members(self, view: UploadView) -> dict[str, Any]:
        upload = view.upload
        verdict, file_id = upload.verdict, upload.file_id
        return {
            "id": upload.id,
            "state": upload.state.value,
            "filename": upload.filename,
            "length": upload.length,
            "offset": view.received.offset,
            "slice_size": self._limits.slice_size,
            "slice_limit": self._limits.slice,
            "digest": format_optional_hex(upload.facts.sha256 if upload.facts else upload.digest),
            "content_hash": format_optional_hex(upload.facts.content_hash if upload.facts else upload.content_hash),
            "last_modified": format_optional_time(upload.last_modified),
            "sender": upload.sender,
            "collection": await self._slugs.slug_of(upload.collection),
            **await self._link_members(upload.account),
            "cover": None if upload.cover is None else asdict(upload.cover),
            "created_at": format_time(upload.created_at),
            "updated_at": format_time(upload.updated_at),
            "expires_at": format_optional_time(view.expires_at),
            "editable_until": format_optional_time(view.editable_until),
            "problem": verdict and problem_object(restore_error(verdict.code, verdict.details), self.base),
            "file": None if file_id is None else {"id": file_id, "url": self.file_url(file_id)},
            "verdict": _verdict(upload),
            "grade": None if upload.facts is None or upload.facts.grade is None else upload.facts.grade.value,
            "duration": None if upload.facts is None else upload.facts.duration,
        }

    async def _link_members(self, account: str | None) -> dict[str, Any]:
        label = await self._labels.label_of(account)
        if label is None:
            return {"link": None, "reference": None}
        return {
            "link": {"id": label.id.removeprefix(LINK_PREFIX), "title": label.title},
            "reference": label.reference,
        }

    def slice(self, piece: Slice) -> dict[str, Any]:
        """Return a recorded slice."""
        return {"start": piece.start, "stop": piece.stop, "digest": format_optional_hex(piece.digest)}

    async def file(self, file: StoredFile) -> dict[str, Any]:
        """Return a file. `duration` is in seconds, `bitrate` in bit/s, `sample_rate` in Hz."""
        return {
            **await self._file_members(file),
            **{tag: file.tags.get(tag) for tag in TAGS},
            "chapters": [asdict(chapter) for chapter in file.chapters],
            "findings": [found.to_dict_with_message() for found in file.facts.findings],
            "suggested_tags": _suggested_tags(file.facts),
            "audio": None if file.facts.audio is None else dict(file.facts.audio),
        }

    async def file_row(self, file: StoredFile) -> dict[str, Any]:
        """Return a row of a listing. `short`: the file itself has more."""
        tags, cut = _row_tags(file.tags)
        findings = file.facts.findings
        more = file.chapters or file.facts.audio or len(findings) > MAX_ROW_FINDINGS
        return {
            **await self._file_members(file),
            **{tag: tags.get(tag) for tag in ROW_TAGS},
            "findings": [found.to_dict_with_message() for found in findings[:MAX_ROW_FINDINGS]],
            "short": bool(cut or more),
        }

    async def _file_members(self, file: StoredFile) -> dict[str, Any]:
        facts, spool_entry = file.facts, file.spool_entry
        return {
            "id": file.id,
            "upload_id": file.upload_id,
            "filename": file.filename,
            "stored_name": spool_entry.name,
            "duration": facts.duration,
            "bitrate": facts.bitrate,
            "sample_rate": facts.sample_rate,
            "channels": facts.channels,
            "verdict": None if facts.audio_sha256 is None else outcome(facts.findings).value,
            "grade": None if facts.grade is None else facts.grade.value,
            "audio_sha256": format_optional_hex(facts.audio_sha256),
            "size": spool_entry.size,
            "received_size": facts.size,
            "sha256": facts.sha256.hex(),
            "content_hash": facts.content_hash.hex(),
            "spooled_sha256": spool_entry.sha256.hex(),
            "sender": file.sender,
            "collection": await self._slugs.slug_of(file.collection),
            **await self._link_members(file.account),
            "uploaded_at": format_time(file.uploaded_at),
            "spooled_at": format_time(file.spooled_at),
            "place": file.place.value,
            "trash": self._trash(file),
            "removed_at": format_optional_time(file.removed_at),
            "url": self.file_url(file.id),
            "content_url": f"{self.file_url(file.id)}/content",
            "cover_url": f"{self.file_url(file.id)}/cover" if may_have_cover(file) else None,
        }

    def _trash(self, file: StoredFile) -> dict[str, Any] | None:
        trashed = file.trashed
        if trashed is None or file.place is not Place.TRASH:
            return None
        return {
            "at": format_time(trashed.at),
            "by": None if trashed.by is None else {"id": shown_id(trashed.by), "name": trashed.by_name},
            "reason": trashed.reason,
            "purge_at": format_time(trashed.at + self._trash_lifetime),
        }


def email_for(caller: Caller, sent: Upload | StoredFile) -> dict[str, Any]:
    """Return the member with the sender's e-mail address, for callers who may read everybody's uploads."""
    return {"email": sent.email} if Scope.READ in caller.scopes else {}


def _row_tags(tags: Mapping[str, str]) -> tuple[dict[str, str], bool]:
    """Return the tags of a row, each cut to MAX_ROW_CHARACTERS, and whether anything was left out."""
    listed = {tag: _truncated(tags[tag]) for tag in ROW_TAGS if tag in tags}
    return listed, listed != dict(tags)


def _truncated(text: str) -> str:
    return text if len(text) <= MAX_ROW_CHARACTERS else f"{text[: MAX_ROW_CHARACTERS - 1]}…"


def _first_spans(view: UploadView, most: int) -> list[list[int]]:
    return [[span.start, span.stop] for span in islice(view.received, most)]


def _findings(upload: Upload) -> Sequence[Finding]:
    """Return the findings, none before the file was checked."""
    if upload.state is State.REJECTED and upload.verdict is not None:
        return upload.verdict.findings
    return () if upload.facts is None else upload.facts.findings


def _verdict(upload: Upload) -> str | None:
    if upload.state is State.REJECTED and upload.verdict is not None:
        return Outcome.REJECT.value
    known = upload.facts is not None and upload.facts.audio_sha256 is not None
    return outcome(_findings(upload)).value if known else None


def _suggested_tags(facts: Facts | None) -> dict[str, str]:
    """Return tags decoded with their probable charset, if the tag declares another one."""
    suggested = None if facts is None or facts.audio is None else facts.audio.get("suggested_tags")
    return dict(suggested) if isinstance(suggested, dict) else {}


def format_time(microseconds: int) -> str | None:
    """Return UTC microseconds as RFC 3339; None outside of the years 1 to 9999."""
    seconds, rest = divmod(microseconds, MICROSECONDS)
    try:
        return f"{_format_seconds(seconds)}.{rest:06}Z" if rest else f"{_format_seconds(seconds)}Z"
    except OverflowError:
        return None


@lru_cache(CACHED_TIMES)
def _format_seconds(seconds: int) -> str:
    # Each response to a slice has the times of its upload, and most responses within a second the same ones.
    return (_EPOCH + timedelta(seconds=seconds)).isoformat().removesuffix("+00:00")


def format_optional_time(microseconds: int | None) -> str | None:
    """Return a time as RFC 3339, or None."""
    return None if microseconds is None else format_time(microseconds)


def to_microseconds(moment: datetime) -> int:
    """Return a time as UTC microseconds."""
    return (moment - _EPOCH) // timedelta(microseconds=1)


def format_optional_hex(digest: bytes | None) -> str | None:
    """Return a digest in hexadecimal, or None."""
    return None if digest is None else digest.hex()
