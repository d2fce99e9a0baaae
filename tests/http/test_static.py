"""What browsers load for the pages: small, whole, and only what is meant for them."""

from __future__ import annotations

import gzip
import re
from typing import TYPE_CHECKING

import aiohttp
import pytest

from media_service.http.static import Assets, without_comments
from tests.support.server import ROOT

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.api import Api

STATIC = ROOT / "static"
BUDGET = 48 * 1024
LATER = {"hints.js", "sign-in.js"}
"""Modules of the upload page that are loaded only once a file was chosen, or a sign-in is needed."""


def test_page_in_the_larger_language_is_within_its_budget() -> None:
    words = {path.name: packed(f"js/{path.name}") for path in (STATIC / "js").glob("words.??.js")}
    others = [path.name for path in (STATIC / "js").glob("*.js") if path.name not in words.keys() | LATER]
    size = sum(map(packed, ("index.html", "style.css", *(f"js/{name}" for name in others)))) + max(words.values())
    assert size <= BUDGET


def packed(name: str) -> int:
    """Bytes of a file as it is sent."""
    return len(Assets(STATIC).find(name).packed)


@pytest.mark.parametrize("path", sorted(STATIC.rglob("*.js")), ids=lambda path: path.stem)
def test_lines_keep_their_numbers_and_code_stays(path: Path) -> None:
    text = path.read_text()
    sent = without_comments(text)
    assert sent.count("\n") == text.count("\n")
    for whole, bare in zip(text.splitlines(), sent.splitlines(), strict=True):
        if not re.match(r"\s*(/\*|\*|//)", whole) and "@type" not in whole:
            assert bare == whole


async def test_gzip_is_sent_to_whoever_accepts_it(api: Api) -> None:
    async with aiohttp.ClientSession(auto_decompress=False) as session:
        url = f"{api.url}/static/js/main.js"
        async with session.get(url, headers={"Accept-Encoding": "gzip"}) as answer:
            assert answer.headers["Content-Encoding"] == "gzip"
            assert answer.headers["Vary"] == "Accept-Encoding"
            small = await answer.read()
        async with session.get(url, headers={"Accept-Encoding": "identity"}) as answer:
            assert "Content-Encoding" not in answer.headers
            assert await answer.read() == gzip.decompress(small)


async def test_unchanged_file_is_not_sent_again(api: Api) -> None:
    first = await api.get("/static/style.css")
    again = await api.get("/static/style.css", headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status, again.body) == (304, b"")
    assert (await api.get("/static/style.css", headers={"If-None-Match": '"other"'})).status == 200
