"""Finished files over REST: list, also the trash, show, download, change tags and chapters."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, TypedDict
from urllib.parse import quote

from aiohttp import ETag, web
from pydantic import BaseModel, ConfigDict

from media_service.core.access import Scope
from media_service.core.audit import Action, Subject
from media_service.core.errors.files import FileTaken, MatchRequired
from media_service.core.errors.requests import Malformed
from media_service.core.file_filters import NO_FILTERS
from media_service.core.files import Place
from media_service.http.api.caller_collections import listed_by
from media_service.http.api.chapters import ChapterField, to_chapters
from media_service.http.api.file_query import file_filters, wanted_place
from media_service.http.api.pagination import DEFAULT_ROWS, page_response, wants_full_rows
from media_service.http.api.query_values import flag
from media_service.http.api.serializer import API_PREFIX, email_for
from media_service.http.body import Text, read_json
from media_service.http.content_response import content_response
from media_service.http.file_response import attachment_headers
from media_service.http.shielding import shielded

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from media_service.access.audit import AuditTrail
    from media_service.access.collections import CollectionService
    from media_service.core.audit import Detail
    from media_service.core.files import StoredFile
    from media_service.http.api.serializer import Serializer
    from media_service.http.security.auth import Authenticator
    from media_service.http.security.caller import Caller
    from media_service.intake.files import FileService


NEWEST_FILES = 200
"""Files whose senders are suggested."""

MOST_SENDERS = 50


class _Shown(TypedDict):
    owner: str | None
    collections: frozenset[str]


class RetagFile(BaseModel):
    """The body of `PATCH /files/{id}`. Missing members stay as they are; an empty or null tag is removed."""

    model_config = ConfigDict(extra="forbid", strict=True)

    tags: dict[Text, Text | None] | None = None
    chapters: list[ChapterField] | None = None


class FilesApi:
    """Handle `/api/v1/files`."""

    def __init__(
        self,
        files: FileService,
        authenticator: Authenticator,
        serializer: Serializer,
        audit: AuditTrail,
        collections: CollectionService,
    ) -> None:
        self._files = files
        self._collections = collections
        self._audit = audit
        self._authenticator = authenticator
        self._serializer = serializer

    def routes(self) -> list[web.RouteDef]:
        """Return the routes, without the base path."""
        return [
            web.get(f"{API_PREFIX}/files", self.listing),
            web.get(f"{API_PREFIX}/files/senders", self.senders),
            web.get(f"{API_PREFIX}/files/{{id}}", self.show),
            web.patch(f"{API_PREFIX}/files/{{id}}", self.retag),
            web.get(f"{API_PREFIX}/files/{{id}}/content", self.content),
        ]

    async def listing(self, request: web.Request) -> web.Response:
        """List files that `q` finds, of `collection` if given and with the filters, sorted by `sort`.

        Short rows unless `full=1`; with `total=1` how many there are. With `place=trash` those in the trash, newest
        first, without filters and total. Needs scope read, and lists what the caller may see.
        """
        caller = await self._authenticator.require(request, Scope.READ)
        listed = await listed_by(request, caller, self._collections)
        search, order = request.query.get("q", ""), request.query.get("sort", "-uploaded_at")
        shown: _Shown = {"owner": listed.owner, "collections": listed.collections}
        place, filters = wanted_place(request.query), file_filters(request.query)
        serialize = self._serializer.file if wants_full_rows(request) else self._serializer.file_row

        async def read(cursor: str | None, limit: int) -> tuple[Iterable[dict[str, Any]], str | None]:
            if place is Place.TRASH:
                files, next_cursor = await self._files.trash(search, cursor, limit, **shown)
            else:
                files, next_cursor = await self._files.listing(search, order, cursor, limit, **shown, filters=filters)
            return [await serialize(file) | email_for(caller, file) for file in files], next_cursor

        more: dict[str, Any] = {}
        if flag(request.query, "total") and place is not Place.TRASH:
            more["total"] = asdict(await self._files.count(search, **shown, filters=filters))
        # A page at once, because each read is a search; and only the admin can ask for many at a time.
        return await page_response(request, "files", read, rows_per_read=DEFAULT_ROWS, more=more)

    async def senders(self, request: web.Request) -> web.Response:
        """Return the most frequent senders of the newest files, of those whose name has `q`. Needs scope read.

        Of what the caller may see.
        """
        caller = await self._authenticator.require(request, Scope.READ)
        listed = await listed_by(request, caller, self._collections)
        name = request.query.get("q", "").replace('"', " ").strip()
        files, _ = await self._files.listing(
            f'by:"{name}"' if name else "",
            "-uploaded_at",
            None,
            NEWEST_FILES,
            owner=listed.owner,
            collections=listed.collections,
            filters=NO_FILTERS,
        )
        senders = Counter(file.sender for file in files if file.sender)
        names = [sender for sender, _ in senders.most_common(MOST_SENDERS)]
        return web.json_response({"senders": names}, headers={"Cache-Control": "no-store"})

    async def show(self, request: web.Request) -> web.Response:
        """Return a file. For its owner, and for scope read."""
        _, file = await self._find(request)
        return await self.json_response(file)

    async def retag(self, request: web.Request) -> web.Response:
        """Change tags or chapters; return the file. Needs scope edit, and If-Match."""
        caller = await self._authenticator.require(request, Scope.EDIT)
        file = await self._files.find(request.match_info["id"], caller.viewer(Scope.EDIT))
        body = await read_json(request, RetagFile)
        if body.tags is None and body.chapters is None:
            raise Malformed("tags", "the body must have tags or chapters")
        edit = self._files.edit(
            file.id,
            if_match_condition(request),
            tags={key: value or "" for key, value in (body.tags or {}).items()},
            chapters=None if body.chapters is None else to_chapters(body.chapters),
        )
        noted = self._audit.during(
            edit, caller.actor, Action.FILE_EDITED, subject_of(file), details=_edited_members(body)
        )
        return await self.json_response(await shielded(noted))

    async def content(self, request: web.Request) -> web.StreamResponse:
        """Return the bytes or a range. Of a file in the trash only for scope read."""
        caller, file = await self._find(request)
        headers = attachment_headers("audio/mpeg", f"filename*=UTF-8''{quote(file.spool_entry.name, safe='')}")
        stored = await self._files.content(file, of_trash=Scope.READ in caller.scopes)
        try:
            return await content_response(request, stored, headers)
        except FileNotFoundError as error:
            raise FileTaken from error

    async def json_response(self, file: StoredFile) -> web.Response:
        """Return the file as JSON, with its ETag."""
        report = await self._files.loudness(file)
        body = await self._serializer.file(file) | {"loudness": None if report is None else asdict(report)}
        response = web.json_response(body, headers={"Cache-Control": "private, no-cache"})
        response.etag = ETag(file.spool_entry.sha256.hex())
        return response

    async def _find(self, request: web.Request) -> tuple[Caller, StoredFile]:
        """Return the caller and the requested file. Raise UnknownFile, and as `reader_of`."""
        caller = await reader_of(self._authenticator, request)
        return caller, await self._files.find(request.match_info["id"], caller.viewer(Scope.READ))


def subject_of(file: StoredFile) -> Subject:
    """Return the file as the audit trail names it."""
    return Subject(file.id, file.spool_entry.name)


def _edited_members(body: RetagFile) -> dict[str, Detail]:
    """Return what was changed, without the new values."""
    tags: dict[str, Detail] = {} if body.tags is None else {"tags": sorted(body.tags)}
    return tags if body.chapters is None else tags | {"chapters": len(body.chapters)}


async def reader_of(authenticator: Authenticator, request: web.Request) -> Caller:
    """Return a caller that may read files; its own ones need no scope. Raise Unauthorized, InvalidToken."""
    caller = await authenticator.identify(request)
    return caller if caller.is_known else await authenticator.authenticate(request)


def if_match_condition(request: web.Request) -> Callable[[bytes], bool]:
    """Return a function that checks If-Match for a SHA-256. Raise MatchRequired if there is no If-Match."""
    if_match = request.if_match
    if if_match is None:
        raise MatchRequired
    etags = {tag.value for tag in if_match if not tag.is_weak}
    return lambda sha256: "*" in etags or sha256.hex() in etags
