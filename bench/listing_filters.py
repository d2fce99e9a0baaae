"""Queries with filters for `bench.listing`, on the library of `bench.library`."""

from __future__ import annotations

import json
import urllib.request
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

from bench.library import RARE

if TYPE_CHECKING:
    from collections.abc import Mapping

PHRASE = quote('"radio night"')


def queries(url: str, headers: Mapping[str, str]) -> dict[str, list[str]]:
    """Return kinds of queries, each asked in turn. The totals come with the page."""
    newest = datetime.fromisoformat(_first(url, headers)["uploaded_at"])
    sender = quote(_first(url, headers, q=RARE[0])["sender"])
    day, month, year = (f"from={quote((newest - timedelta(days)).isoformat())}" for days in (1, 30, 365))
    return {
        "70 % by grade": ["grade=complete"],
        "2 % by grade": ["grade=structural"],
        "10 % by warnings": ["warnings=1"],
        "taken, at one end of the dates": ["place=taken"],
        "one sender": [f"sender={sender}"],
        "one sender, taken, by grade": [f"sender={sender}&place=taken&grade=complete"],
        "the last day": [day],
        "the last month": [month],
        "the last year": [year],
        "a word in 30 %, by grade": ["q=radio&grade=structural", "q=radio&grade=complete"],
        "a word in 30 %, the last day": [f"q=radio&{day}"],
        "a word in 4 %, the last year": [f"q=kim&{year}"],
        "a rare word, by grade, the last year": [f"q={RARE[0]}&grade=complete&{year}"],
        "without a word of 30 %": ["q=-radio", "q=night+-radio"],
        "without a word of all, no file": ["q=-mp3", "q=kim+-mp3"],
        "by:, and a phrase": [f"q=by:{sender}", f"q=radio+by:{sender}", f"q={PHRASE}"],
        "a collection of 5 %, by grade": ["collection=show-2&grade=structural"],
        "total of all": ["total=1"],
        "total of a word in 30 %": ["q=radio&total=1"],
        "total of others": ["q=kim+-radio&total=1", "grade=structural&total=1", f"{month}&total=1"],
    }


def _first(url: str, headers: Mapping[str, str], **query: str) -> dict[str, Any]:
    """Return the newest file that is found."""
    request = urllib.request.Request(f"{url}/api/v1/files?{urlencode(query)}", headers=dict(headers))
    with urllib.request.urlopen(request, timeout=60) as response:
        first: dict[str, Any] = json.load(response)["files"][0]
    return first
