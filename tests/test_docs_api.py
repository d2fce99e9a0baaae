"""The API page shows the objects that are served, and states the limits that hold."""

from __future__ import annotations

import json
import re
from dataclasses import asdict

import pytest

from media_service.core.chapters import Chapter
from media_service.core.cover import Cover
from media_service.core.files import LoudnessReport
from media_service.core.findings import Finding, Severity
from media_service.core.limits import CHAPTER_BYTES, DETAILS_BYTES, MAX_CHAPTERS, NAME_CHARACTERS, TAG_CHARACTERS
from media_service.core.ranges import Ranges
from media_service.http.api.serializer import Serializer
from media_service.http.api.uploads import CreateUpload
from media_service.intake.receiving.active_uploads import UploadView
from tests.core.samples import LIMITS, make_upload
from tests.support.serializing import NoLabels, OneSlug, served
from tests.support.server import ROOT

API_PAGE = (ROOT / "docs" / "api.md").read_text()


def json_example() -> dict[str, object]:
    """Return the upload as the API page shows it."""
    (example,) = re.findall(r"```json\n(\{.*?\})\n```", API_PAGE, re.DOTALL)
    value: dict[str, object] = json.loads(example)
    return value


def test_documented_upload_has_the_members_that_are_served() -> None:
    view = UploadView(make_upload(cover=Cover("image/jpeg", 1, 1, 1), chapters=(Chapter(0, "a"),)), Ranges(), None)
    serializer = Serializer("", LIMITS, "", OneSlug(), NoLabels(), trash_lifetime=1)
    found, documented = served(serializer.upload(view)), json_example()
    assert documented.keys() == found.keys(), "The JSON in docs/api.md must have the members of Serializer.upload."
    for member in ("cover", "chapters"):
        assert shape(documented[member]) == shape(found[member]), f"`{member}` in docs/api.md has other members."


def shape(value: object) -> object:
    """Return the names of the members of an object, or of the objects of a list."""
    if isinstance(value, list):
        return [shape(item) for item in value]
    assert isinstance(value, dict)
    return sorted(value)


def test_documented_objects_have_the_members_that_are_served() -> None:
    finding = Finding("empty", Severity.WARN).to_dict_with_message()
    for members in (finding, asdict(LoudnessReport(0, 0, 0, 0, 0, ()))):
        expected = "{" + ", ".join(members) + "}"
        assert f"`{expected}`" in API_PAGE, f"docs/api.md must say `{expected}`."
    (request,) = re.findall(r"^\| `POST /api/v1/uploads` \| create: `\{(.*?)\}`", API_PAGE, re.MULTILINE)
    fields = [name.removesuffix("?") for name in request.split(", ")]
    assert fields == list(CreateUpload.model_fields), "The row of `POST /api/v1/uploads` must have its fields."


@pytest.mark.parametrize(
    "stated",
    [
        f"Names and chapter titles have at most {NAME_CHARACTERS:,} characters",
        f"the value of a tag {TAG_CHARACTERS:,}",
        f"at most {MAX_CHAPTERS}",
        f"{DETAILS_BYTES // 1024} KiB of UTF-8",
        f"{CHAPTER_BYTES} bytes for each",
    ],
)
def test_limits_of_texts_are_documented(stated: str) -> None:
    assert stated in API_PAGE, f"docs/api.md must say {stated!r}, as core/limits.py does."
