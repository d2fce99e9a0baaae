"""All errors by code, and errors restored from the catalogue."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Any

from media_service.core.errors import access, collections, covers, files, limits, links, requests, service, uploads
from media_service.core.errors.base import MediaServiceError
from media_service.core.errors.files import UnknownVerdict

if TYPE_CHECKING:
    from collections.abc import Mapping

_MODULES = (requests, access, collections, links, uploads, limits, covers, files, service)


def error_classes() -> list[type[MediaServiceError]]:
    """Return every error with a code, in the order of the modules."""
    return [
        member
        for module in _MODULES
        for member in vars(module).values()
        if isinstance(member, type) and issubclass(member, MediaServiceError) and member.__module__ == module.__name__
    ]


def restore_error(code: str, details: Mapping[str, Any]) -> MediaServiceError:
    """Return the stored error; UnknownVerdict if another version of the service stored its code or fields."""
    for leaf in error_classes():
        if leaf.code == code:
            known = {field.name for field in fields(leaf)}  # type: ignore[arg-type]  # every leaf is a dataclass
            try:
                return leaf(**{name: value for name, value in details.items() if name in known})
            except TypeError:
                break
    return UnknownVerdict(code)
