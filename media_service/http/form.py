"""The plain form: one file in one request, from `curl -F` or from a page without JavaScript."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from aiohttp import web

from media_service.core.errors import CoverTooLarge, FileTooLarge, Malformed
from media_service.core.rules import Wish
from media_service.core.text import TAGS
from media_service.core.upload import FINISHING
from media_service.http.body import Form, Small, expect_later
from media_service.http.fields import refuse_range
from media_service.http.steps import unbroken, with_verdict
from media_service.intake.slices import Incoming

if TYPE_CHECKING:
    from media_service.http.auth import Gate
    from media_service.http.shapes import Shapes
    from media_service.http.turns import Turns
    from media_service.intake.receive import Intake
    from media_service.intake.register import View

DIALECT = "form"


class FormDialect:
    """`POST /upload`. `wait` is how many seconds the answer waits for the verdict on the file."""

    def __init__(self, intake: Intake, gate: Gate, shapes: Shapes, turns: Turns, wait: float) -> None:
        self._intake = intake
        self._gate = gate
        self._shapes = shapes
        self._turns = turns
        self._wait = wait

    def routes(self) -> list[web.RouteDef]:
        """What this file answers."""
        return [web.post("/upload", self.post, expect_handler=expect_later)]

    async def post(self, request: web.Request) -> web.Response:
        """Fields `name` (who sends it), tags and `cover`, then the file `mp3`: 201 once it lies in the spool."""
        caller = self._gate.caller(request)
        refuse_range(request)
        limit, cover = self._intake.conduct.limits.file, self._intake.conduct.limits.cover.size
        form = await Form.open(
            request,
            file="mp3",
            fields=("name", *TAGS),
            limit=limit,
            too_large=lambda: FileTooLarge(limit),
            seconds=self._intake.conduct.idle_timeout,
            small=Small("cover", cover, lambda: CoverTooLarge(cover)),
        )
        if form.filename is None:
            raise Malformed("mp3", "it must be a file")
        tags = {key: value for key, value in form.fields.items() if key in TAGS and value.strip()}
        wish = Wish(form.filename, None, sender=form.fields.get("name"), tags=tags)
        view, _ = await unbroken(self._intake.create(wish, caller.owner, DIALECT))
        upload_id = view.upload.id
        try:
            if form.small is not None:
                await unbroken(self._intake.put_cover(upload_id, caller.owner, form.small))
            whole = Incoming(0, None, None, DIALECT, last=True)
            await self._intake.receive(upload_id, caller.owner, whole, lambda: form.blocks(self._turns))
        except BaseException:
            # Nobody can resume a form: half of its file is not left behind.
            await unbroken(self._intake.abandon(upload_id))
            raise
        view = await self._intake.wait_for_verdict(upload_id, self._wait)
        return self._answer(request, await with_verdict(self._intake, view, 0))

    def _answer(self, request: web.Request, view: View) -> web.Response:
        """In the form the client reads best: JSON, HTML or, for `curl`, the one plain sentence."""
        upload = view.upload
        status = 202 if upload.state in FINISHING else 201
        headers = {"Location": self._shapes.upload_url(upload.id)}
        accepted = request.headers.get("Accept", "")
        if "application/json" in accepted:
            return web.json_response(self._shapes.upload(view), status=status, headers=headers)
        sentence = f"{upload.filename} sized of {upload.length} successfully stored."
        if "text/html" in accepted:
            return web.Response(
                text=_PAGE.format(base=self._shapes.base, sentence=escape(sentence)),
                content_type="text/html",
                status=status,
                headers=headers,
            )
        return web.Response(text=sentence, status=status, headers=headers)


_PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Stored</title>
<link rel="icon" href="{base}/static/icon.svg" type="image/svg+xml">
<link rel="stylesheet" href="{base}/static/style.css">
<main class="answer">
<h1>Stored</h1>
<p>{sentence}</p>
<p><a href="{base}/">Send another file</a></p>
</main>
</html>
"""
