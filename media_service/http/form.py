"""The plain form: one file in one request, from `curl -F` or from a page without JavaScript."""

from __future__ import annotations

from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from aiohttp import web

from media_service.core.errors.base import MediaServiceError
from media_service.core.errors.covers import CoverTooLarge
from media_service.core.errors.limits import FileTooLarge
from media_service.core.errors.requests import Malformed
from media_service.core.lifecycle import UploadRequest
from media_service.core.tags import TAGS
from media_service.core.upload_states import FINISHING
from media_service.http.body import expect_later
from media_service.http.fields import refuse_range
from media_service.http.html_answers import wants_html
from media_service.http.multipart import Form, FormShape, Small
from media_service.http.peer import peer_address
from media_service.http.problems import report
from media_service.http.steps import unbroken, unbroken_holding, with_verdict
from media_service.intake.receiving.slices import SliceRequest

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from media_service.http.auth import Gate
    from media_service.http.html_answers import HtmlAnswers
    from media_service.http.memory_budget import MemoryBudget
    from media_service.http.shapes import Shapes
    from media_service.http.turns import Turns
    from media_service.intake.receiving.active_uploads import UploadView
    from media_service.intake.uploads import UploadService

DIALECT = "form"

LATE_COVER_SECONDS = 10
"""Seconds for which a cover that comes after its file waits until there is memory for it."""


@dataclass(slots=True)
class Typed:
    """What a person typed into a form, as far as it came; `all` once nothing more of it will come."""

    fields: dict[str, str] = field(default_factory=dict)
    all: bool = False


class FormDialect:
    """`POST /upload`. `wait` is how many seconds the answer waits for the verdict on the file."""

    def __init__(
        self,
        intake: UploadService,
        gate: Gate,
        shapes: Shapes,
        turns: Turns,
        pages: HtmlAnswers,
        *,
        wait: float,
        covers: MemoryBudget,
    ) -> None:
        self._intake = intake
        self._gate = gate
        self._shapes = shapes
        self._turns = turns
        self._pages = pages
        self._wait = wait
        self._covers = covers

    def routes(self) -> list[web.RouteDef]:
        """What this file answers."""
        return [web.post("/upload", self.post, expect_handler=expect_later)]

    async def post(self, request: web.Request) -> web.Response:
        """Fields `name` (who sends it), tags and `cover`, around the file `mp3`: 201 once it lies in the spool."""
        typed = Typed()
        try:
            return await self._take(request, typed)
        except MediaServiceError as error:
            if not wants_html(request):
                raise
            report(error, request.path)
            return self._pages.form_refused(request, error, typed.fields, read=typed.all)

    async def _take(self, request: web.Request, typed: Typed) -> web.Response:
        owner = self._gate.caller(request).owner
        refuse_range(request)
        async with AsyncExitStack() as held:
            seconds = self._intake.options.idle_timeout
            form = await Form.open(request, self._shape(held), self._turns, seconds, typed.fields)
            upload_id = await self._create(form, owner, peer_address(request))
            try:
                await self._put_cover(form, upload_id, owner, held)
                whole = SliceRequest(0, None, None, DIALECT, last=True)
                await self._intake.receive(upload_id, owner, whole, lambda: self._blocks(form, upload_id, owner, held))
            except BaseException:
                # Nobody can resume a form: half of its file is not left behind.
                await unbroken(self._intake.abandon(upload_id))
                raise
        typed.all = True
        view = await self._intake.wait_for_verdict(upload_id, self._wait)
        return self._answer(request, await with_verdict(self._intake, view, 0))

    def _shape(self, held: AsyncExitStack) -> FormShape:
        limits = self._intake.options.limits

        async def reserve(*, late: bool) -> None:
            # After the file a refusal would cost all of it.
            share = self._covers.hold(limits.cover.size, LATE_COVER_SECONDS if late else 0)
            await held.enter_async_context(share)

        cover = Small("cover", limits.cover.size, lambda: CoverTooLarge(limits.cover.size), reserve)
        return FormShape("mp3", ("name", *TAGS), limits.file, lambda: FileTooLarge(limits.file), small=cover, late=True)

    async def _create(self, form: Form, owner: str, address: str | None) -> str:
        """Return the id of a new upload with the fields that came before the file."""
        if form.filename is None:
            raise Malformed("mp3", "it must be a file")
        wish = UploadRequest(form.filename, None, sender=form.fields.get("name"), tags=_tags(form), address=address)
        view, _ = await unbroken(self._intake.create(wish, owner, DIALECT))
        return view.upload.id

    async def _blocks(self, form: Form, upload_id: str, owner: str, held: AsyncExitStack) -> AsyncIterator[bytes]:
        """Yield the file, then set what came after it.

        It is set before the file's bytes are recorded: with them the upload is whole, and its tags are in use.
        """
        early = dict(form.fields)
        async for block in form.blocks():
            yield block
            del block
        if form.fields != early:
            sender = form.fields.get("name")
            await unbroken(self._intake.amend(upload_id, owner, tags=_tags(form), sender=sender))
        await self._put_cover(form, upload_id, owner, held)

    async def _put_cover(self, form: Form, upload_id: str, owner: str, held: AsyncExitStack) -> None:
        """Set the cover that came, and give back its share of the memory."""
        picture = form.take_small()
        if picture is not None:
            await unbroken_holding(held, self._intake.put_cover(upload_id, owner, picture))

    def _answer(self, request: web.Request, view: UploadView) -> web.Response:
        """In the form the client reads best: JSON, HTML or, for `curl`, the one plain sentence."""
        upload = view.upload
        status = 202 if upload.state in FINISHING else 201
        headers = {"Location": self._shapes.upload_url(upload.id)}
        accepted = request.headers.get("Accept", "")
        if "application/json" in accepted:
            return web.json_response(self._shapes.upload(view), status=status, headers=headers)
        sentence = f"{upload.filename} sized of {upload.length} successfully stored."
        if wants_html(request):
            return self._pages.stored(request, upload, status, headers)
        return web.Response(text=sentence, status=status, headers=headers)


def _tags(form: Form) -> dict[str, str]:
    """Return the tags that are not empty."""
    return {key: value for key, value in form.fields.items() if key in TAGS and value.strip()}
