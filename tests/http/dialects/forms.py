"""Forms as a browser posts them."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import aiohttp

if TYPE_CHECKING:
    from tests.support.api import Api, Response

HTML = "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8"
"""Accept of browsers that navigate."""


async def post(api: Api, data: bytes, filename: str, accept: str = "*/*", **fields: str) -> Response:
    """Post a form with the fields before the file."""
    form = aiohttp.FormData(quote_fields=False)
    for name, value in fields.items():
        form.add_field(name, value)
    form.add_field("mp3", io.BytesIO(data), filename=filename, content_type="audio/mpeg")
    return await api.request("POST", "/upload", data=form, headers={"Accept": accept})
