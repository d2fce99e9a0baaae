"""Nothing is forgotten silently: what one place declares, another place uses. Each message says what to do."""

from __future__ import annotations

import ast
import re
from dataclasses import fields
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from media_service.config.settings import Settings
from media_service.core.access import Origin
from media_service.core.chapters import Chapter
from media_service.core.errors.registry import error_classes
from media_service.core.findings import CODE_OF_REFUSAL, CODES
from media_service.core.lifecycle import UploadRequest, create
from media_service.core.ranges import Ranges
from media_service.core.upload import Upload
from media_service.http.api.serializer import Serializer
from media_service.http.api.uploads import CreateUpload
from media_service.intake.receiving.active_uploads import UploadView
from tests.core.samples import LIMITS, make_upload
from tests.support.imports import modules
from tests.support.serializing import NoLabels, OneSlug, served
from tests.test_imports import TOP

if TYPE_CHECKING:
    from media_service.core.errors.base import MediaServiceError

TESTS = [path for path in Path(__file__).parent.rglob("*.py") if path != Path(__file__)]

BY_THE_SERVER = {
    "origin": "the caller's own",
    "defer_completion": "only tus and the IETF draft separate the last byte from the completion",
    "protocol_fields": "only tus and the IETF draft have fields that are returned unchanged",
}
"""Fields of `UploadRequest` that no JSON body sets, with the reason."""

IN_THE_ORIGIN = {"collection"}
"""Members of a JSON body that a request has as part of its origin."""

NOT_SERVED = {
    "owner": "the digest of a browser's cookie",
    "dialect": "a client knows which one it speaks",
    "facts": "served as `verdict`, `grade`, `duration`, `digest` and `findings`",
    "file_id": "served as `file`",
    "publish_intent": "only recovery reads it",
    "review": "only finalizing reads it",
    "defer_completion": "only its dialect reads it",
    "protocol_fields": "only its dialect returns them",
    "address": "other people's addresses are private",
    "account": "it is shown by name",
    "email": "only who may see the sender's address gets it",
    "version": "it also counts changes that clients do not see",
}
"""Fields of `Upload` that are not members of its JSON, with the reason."""

NO_SAMPLE = {"mutagen_disagrees": "no file is known of which mutagen and the parser count the same frames differently"}
"""Findings that no test produces, with the reason."""

REQUEST = UploadRequest(
    filename="show.mp3",
    length=300,
    last_modified=5,
    digest=bytes(32),
    content_hash=bytes(range(32)),
    sender="Kim",
    tags={"title": "Night"},
    chapters=(Chapter(0, "Intro"),),
    defer_completion=True,
    protocol_fields={"Upload-Metadata": "filename YQ=="},
    email="kim@radio.example",
    origin=Origin("person:1", account="person:1", address="192.0.2.1", collection="c"),
)


@cache
def strings(folders: tuple[str, ...]) -> frozenset[str]:
    """Return every string constant in the modules of these folders."""
    trees = [tree for name, tree in modules().items() if name.startswith(folders)]
    nodes = [node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Constant)]
    return frozenset(node.value for node in nodes if isinstance(node.value, str))


@cache
def used_names(skipped: tuple[str, ...]) -> frozenset[str]:
    """Return every name that other modules than these raise, call, or read a member of."""
    trees = [tree for name, tree in modules().items() if not name.startswith(skipped)]
    nodes = [node for tree in trees for node in ast.walk(tree)]
    raised = [node.exc for node in nodes if isinstance(node, ast.Raise)]
    called = [node.func for node in nodes if isinstance(node, ast.Call)]
    members_read = [node.value for node in nodes if isinstance(node, ast.Attribute)]
    return frozenset(node.id for node in [*raised, *called, *members_read] if isinstance(node, ast.Name))


@pytest.mark.parametrize("code", CODES)
def test_every_finding_is_found(code: str) -> None:
    refusals = {error.code for error in error_classes()} | set(CODE_OF_REFUSAL.values())
    assert code in strings(("media.",)) | refusals, (
        f"Nothing produces the finding {code}: call Severities.finding({code!r}, ...) in media/inspection/findings.py."
    )


@pytest.mark.parametrize("code", CODES)
def test_every_finding_has_a_test(code: str) -> None:
    assert code in words() | NO_SAMPLE.keys(), (
        f"No test mentions the finding {code}: add one, with a sample file, to tests/media/."
    )


@cache
def words() -> frozenset[str]:
    """Return every word of the tests."""
    return frozenset(re.findall(r"\w+", "\n".join(path.read_text() for path in TESTS)))


@pytest.mark.parametrize("error", error_classes(), ids=lambda error: error.code)
def test_every_error_is_raised(error: type[MediaServiceError]) -> None:
    assert error.__name__ in used_names(("http.problems", "core.errors.base")), (
        f"Nothing raises {error.__name__}: raise it, or delete it from core/errors/, http/problems.py and docs/api.md."
    )


@pytest.mark.parametrize("setting", Settings.model_fields)
def test_every_setting_is_used(setting: str) -> None:
    trees = [tree for name, tree in modules().items() if name in TOP or name.startswith("server.")]
    nodes = [node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Attribute)]
    assert setting in {node.attr for node in nodes}, (
        f"Nothing reads the setting {setting}: pass it on in app.py, adapters.py or finisher.py."
    )


def test_json_request_has_every_field_of_an_upload_request() -> None:
    wanted = {field.name for field in fields(UploadRequest)} - BY_THE_SERVER.keys() | IN_THE_ORIGIN
    assert set(CreateUpload.model_fields) == wanted, (
        "Add the field to CreateUpload in http/api/uploads.py, or to BY_THE_SERVER with the reason."
    )


def test_native_api_passes_every_field_of_a_request_on() -> None:
    calls = [node for node in ast.walk(modules()["http.api.uploads"]) if isinstance(node, ast.Call)]
    (call,) = [node for node in calls if isinstance(node.func, ast.Name) and node.func.id == "UploadRequest"]
    passed = {keyword.arg for keyword in call.keywords}
    missing = {*CreateUpload.model_fields, "origin"} - IN_THE_ORIGIN - passed
    assert missing == set(), f"UploadsApi.create does not pass {missing} to UploadRequest."


def test_a_created_upload_has_every_field_of_its_request() -> None:
    unset = [field.name for field in fields(REQUEST) if field.default == getattr(REQUEST, field.name)]
    assert unset == [], f"Set {unset} in REQUEST."
    upload = create(REQUEST, LIMITS, id="u", dialect="native", now=1)
    passed: list[tuple[object, str]] = [(REQUEST, field.name) for field in fields(REQUEST) if field.name != "origin"]
    passed += [(REQUEST.origin, field.name) for field in fields(REQUEST.origin)]
    lost = [name for source, name in passed if getattr(upload, name) != getattr(source, name)]
    assert lost == [], f"`create` in core/lifecycle.py does not pass {lost} to Upload."


def test_every_field_of_an_upload_is_served() -> None:
    view = UploadView(make_upload(), Ranges(), None)
    members = served(Serializer("", LIMITS, "", OneSlug(), NoLabels(), trash_lifetime=1).upload(view)).keys()
    private = {field.name for field in fields(Upload)} - members
    assert private == NOT_SERVED.keys(), "Serve the field in http/api/serializer.py, or add it to NOT_SERVED."
