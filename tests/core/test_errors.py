"""The tree of errors: codes, messages, storing and restoring."""

from __future__ import annotations

import json
import re
from dataclasses import fields
from importlib import import_module
from pkgutil import iter_modules
from typing import Any

import pytest

from media_service.core import errors
from media_service.core.errors.base import MediaServiceError, Refusal, ServiceError
from media_service.core.errors.registry import error_classes, restore_error

SAMPLES: dict[str, Any] = {
    "str": "a {brace}",
    "str | None": "a {brace}",
    "int": 7,
    "float": 1.5,
    "list[str]": ["name", "email"],
}


def sample(leaf: type[MediaServiceError]) -> MediaServiceError:
    values = {field.name: SAMPLES[str(field.type)] for field in fields(leaf)}  # type: ignore[arg-type]  # all dataclasses
    return leaf(**values)


def test_codes_are_distinct_and_plain() -> None:
    codes = [leaf.code for leaf in error_classes()]
    assert len(codes) == len(set(codes))
    assert all(re.fullmatch("[a-z0-9_]+", code) for code in codes)


def test_every_error_is_a_refusal_or_a_service_error() -> None:
    assert all(issubclass(leaf, Refusal) != issubclass(leaf, ServiceError) for leaf in error_classes())


def test_every_module_of_errors_is_in_the_registry() -> None:
    defined = {
        f"{error.__module__}.{error.__name__}"
        for module in iter_modules(errors.__path__, f"{errors.__name__}.")
        for error in vars(import_module(module.name)).values()
        if isinstance(error, type) and issubclass(error, MediaServiceError) and "code" in vars(error)
    }
    assert defined == {f"{leaf.__module__}.{leaf.__name__}" for leaf in error_classes()}


@pytest.mark.parametrize("leaf", error_classes())
def test_message_fills_in_every_field(leaf: type[MediaServiceError]) -> None:
    error = sample(leaf)
    assert error.message.endswith(".")
    assert set(re.findall(r"{(\w+)}", leaf.template)) <= set(error.details())
    assert str(error) == f"{leaf.code}: {error.message}"


@pytest.mark.parametrize("leaf", error_classes())
def test_an_error_survives_json(leaf: type[MediaServiceError]) -> None:
    error = sample(leaf)
    again = restore_error(error.code, json.loads(json.dumps(error.details())))
    assert type(again) is leaf
    assert (again.message, again.details()) == (error.message, error.details())
