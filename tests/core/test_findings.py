"""Every refusal of a file is a finding with a message."""

from __future__ import annotations

import dataclasses
from typing import Any, get_type_hints

import pytest

from media_service.core.errors.base import Refusal
from media_service.core.errors.files import Damaged, NotMp3, TooCostly
from media_service.core.errors.registry import error_classes
from media_service.core.findings import CODES, Severity, finding_of

WORDS: dict[str, str] = {
    "not_mp3": "not_mpeg_audio",
    "damaged": "sync_lost",
    "duplicate": "duplicate",
    "length_mismatch": "size_mismatch",
    "digest_mismatch": "digest_mismatch",
    "content_hash_mismatch": "content_hash_mismatch",
    "too_costly": "mutagen_error",
}
"""Codes of refusals of a file, and their findings."""


def made(kind: type[Refusal]) -> Refusal:
    """Return a refusal with a value in each field."""
    values: dict[Any, Any] = {str: "sync_lost", int: 7}
    hints = get_type_hints(kind)
    described: Any = kind
    names: list[str] = [field.name for field in dataclasses.fields(described)] if dataclasses.is_dataclass(kind) else []
    return kind(**{name: values.get(hints[name], "sync_lost") for name in names})


REFUSALS = [leaf for leaf in error_classes() if issubclass(leaf, Refusal)]


@pytest.mark.parametrize("kind", REFUSALS, ids=lambda kind: kind.code)
def test_every_refusal_is_a_finding_that_rejects(kind: type[Refusal]) -> None:
    found = finding_of(made(kind))
    assert found.code in CODES
    assert found.severity is Severity.REJECT
    assert found.to_dict_with_message()["message"] == CODES[found.code][1]
    assert found.code == WORDS.get(kind.code, found.code)


def test_every_verdict_has_its_own_finding() -> None:
    assert set(WORDS) <= {kind.code for kind in REFUSALS}


def test_a_finding_says_what_the_refusal_says() -> None:
    assert finding_of(NotMp3("words")).actual == "words"
    assert finding_of(Damaged("cut", "truncated_frame")).code == "truncated_frame"
    assert finding_of(TooCostly()).code == "mutagen_error"
