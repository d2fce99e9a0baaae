"""The form dialect: one file in one multipart/form-data request, from `curl -F` or a page without JavaScript."""

from __future__ import annotations

from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from aiohttp import web

from media_service.core.access import LOCAL_ORIGIN
from media_service.core.errors.base import MediaServiceError
from media_service.core.errors.covers import CoverTooLarge
from media_service.core.errors.limits import FileTooLarge
from media_service.core.errors.requests import Malformed
from media_service.core.guest_links import check_asked
from media_service.core.lifecycle import UploadRequest
from media_service.core.tags import TAGS
from media_service.core.upload_states import FINISHING
from media_service.http.api.caller_collections import upload_origin
from media_service.http.body import defer_continue
from media_service.http.dialects.header_fields import refuse_content_range
from media_service.http.multipart import FileField, FormSchema, MultipartForm
from media_service.http.pages.html_responses import wants_html
from media_service.http.problems import log_error
from media_service.http.shielding import shielded, shielded_with, with_verdict
from media_service.intake.receiving.slice_request import SliceRequest

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from media_service.access.collections import CollectionService
    from media_service.core.access import Origin
    from media_service.core.guest_links import GuestLink
    from media_service.http.api.serializer import Serializer
    from media_service.http.loop_budget import LoopBudget
    from media_service.http.memory_budget import MemoryBudget
    from media_service.http.pages.html_responses import HtmlResponses
    from media_service.http.security.auth import Authenticator
    from media_service.http.security.guests import GuestGate
    from media_service.intake.receiving.active_uploads import UploadView
    from media_service.intake.uploads import UploadService

DIALECT_NAME = "form"
LATE_COVER_WAIT_SECONDS = 10  # for memory; refusing a cover after the file would waste the whole transfer


@dataclass(slots=True)
class FormInput:
    """The text fields received so far; `complete` is set once the whole form was read. `link`: that of a guest."""

    fields: dict[str, str] = field(default_factory=dict)
    complete: bool = False
    link: GuestLink | None = None


class FormDialect:
    """Handle `POST /upload`, and `POST /u/{secret}` for guests.

    `verdict_wait_seconds`: how long the response waits for the verdict on the file.
    """

    def __init__(
        self,
        intake: UploadService,
        authenticator: Authenticator,
        serializer: Serializer,
        loop_budget: LoopBudget,
        html: HtmlResponses,
        *,
        collections: CollectionService,
        gate: GuestGate,
        verdict_wait_seconds: float,
        cover_budget: MemoryBudget,
    ) -> None:
        self._intake = intake
        self._authenticator = authenticator
        self._serializer = serializer
        self._collections = collections
        self._loop_budget = loop_budget
        self._html = html
        self._gate = gate
        self._verdict_wait_seconds = verdict_wait_seconds
        self._cover_budget = cover_budget

    def routes(self) -> list[web.RouteDef]:
        """Return the routes, without the base path."""
        return [web.post(path, self.post, expect_handler=defer_continue) for path in ("/upload", "/u/{secret}")]

    async def post(self, request: web.Request) -> web.Response:
        """Receive the file `mp3`, and its details and `cover` before or after it. 201 if spooled, else 202.

        The passphrase of a link comes before the file.
        """
        form_input = FormInput()
        try:
            return await self._receive(request, form_input)
        except MediaServiceError as error:
            if not wants_html(request):
                raise
            log_error(error, request.path)
            typed, link = form_input.fields, form_input.link
            return self._html.form_error(request, error, typed, read=form_input.complete, link=link)

    async def _receive(self, request: web.Request, form_input: FormInput) -> web.Response:
        caller = await self._authenticator.authenticate(request)
        link = form_input.link = await self._gate.open_link(caller)
        refuse_content_range(request)
        async with AsyncExitStack() as resources:
            seconds = self._intake.options.idle_timeout
            form = await MultipartForm.open(
                request, self._schema(resources), self._loop_budget, seconds, form_input.fields
            )
            if link is not None:
                await self._gate.check_passphrase(request, link, form.fields.get("passphrase"))
            origin = await upload_origin(caller, form.fields.get("collection"), self._collections)
            upload_id = await self._create(form, origin)
            try:
                await self._put_cover(form, upload_id, resources)
                whole = SliceRequest(0, None, None, DIALECT_NAME, last=True)
                await self._intake.receive(upload_id, None, whole, self._blocks(form, upload_id, resources, form_input))
            except BaseException:
                # A form cannot be resumed, so an unfinished upload would only use disk space.
                await shielded(self._intake.abandon(upload_id))
                raise
        view = await self._intake.wait_for_verdict(upload_id, self._verdict_wait_seconds)
        return await self._respond(request, await with_verdict(self._intake, view, 0))

    def _schema(self, resources: AsyncExitStack) -> FormSchema:
        limits = self._intake.options.limits

        async def reserve(*, after_file: bool) -> None:
            share = self._cover_budget.reserve(limits.cover.size, LATE_COVER_WAIT_SECONDS if after_file else 0)
            await resources.enter_async_context(share)

        cover = FileField("cover", limits.cover.size, lambda: CoverTooLarge(limits.cover.size), reserve)
        return FormSchema(
            "mp3",
            ("name", "email", "passphrase", "collection", *TAGS),
            limits.file,
            lambda: FileTooLarge(limits.file),
            file_field=cover,
            allow_trailing_fields=True,
        )

    async def _create(self, form: MultipartForm, origin: Origin) -> str:
        """Create an upload with the fields before the file; return its id."""
        if form.filename is None:
            raise Malformed("mp3", "must be a file")
        upload_request = _upload_request(form, origin)
        view, _ = await shielded(self._intake.create(upload_request, DIALECT_NAME))
        return view.upload.id

    async def _blocks(
        self, form: MultipartForm, upload_id: str, resources: AsyncExitStack, form_input: FormInput
    ) -> AsyncIterator[bytes]:
        """Yield the file's blocks, then store the fields and the cover that came after it. Raise Asked."""
        # Recording the last bytes completes the upload, which uses its tags: store them before.
        early = dict(form.fields)
        async for block in form.blocks():
            yield block
            del block
        if form.fields.get("collection") != early.get("collection"):
            raise Malformed("collection", "it must come before the file")
        form_input.complete = True
        request = _upload_request(form)
        if form_input.link is not None:
            check_asked(form_input.link.asks, request)
        if form.fields != early:
            sender, email = request.sender, request.email
            await shielded(self._intake.edits.amend(upload_id, None, tags=request.tags, sender=sender, email=email))
        await self._put_cover(form, upload_id, resources)

    async def _put_cover(self, form: MultipartForm, upload_id: str, resources: AsyncExitStack) -> None:
        """Store the cover, if one came, and release its memory reservation."""
        picture = form.pop_file_field()
        if picture is not None:
            await shielded_with(resources, self._intake.edits.put_cover(upload_id, None, picture))

    async def _respond(self, request: web.Request, view: UploadView) -> web.Response:
        """Return JSON or HTML, as the Accept field asks, else one sentence as plain text (for `curl`)."""
        upload = view.upload
        status = 202 if upload.state in FINISHING else 201
        headers = {"Location": self._serializer.upload_url(upload.id)}
        accepted = request.headers.get("Accept", "")
        if "application/json" in accepted:
            return web.json_response(await self._serializer.upload(view), status=status, headers=headers)
        sentence = f"{upload.filename} sized of {upload.length} successfully stored."
        if wants_html(request):
            return self._html.upload_page(request, upload, status, headers)
        return web.Response(text=sentence, status=status, headers=headers)


def _upload_request(form: MultipartForm, origin: Origin = LOCAL_ORIGIN) -> UploadRequest:
    """Return the upload request with the fields that have come so far."""
    sender, email = form.fields.get("name"), form.fields.get("email")
    return UploadRequest(form.filename or "", None, sender=sender, email=email, tags=_tags(form), origin=origin)


def _tags(form: MultipartForm) -> dict[str, str]:
    """Return the tags that have a value."""
    return {key: value for key, value in form.fields.items() if key in TAGS and value.strip()}
