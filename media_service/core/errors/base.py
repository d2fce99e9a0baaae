"""The two kinds of error: Refusal (the client must change something) and ServiceError (retryable)."""

from __future__ import annotations

from dataclasses import fields
from typing import ClassVar


class MediaServiceError(Exception):
    """Root of all errors."""

    code: ClassVar[str]
    template: ClassVar[str]
    """The message, with the error's fields in braces."""

    @property
    def message(self) -> str:
        """Return the message for people."""
        return self.template.format(**self.details())

    def details(self) -> dict[str, object]:
        """Return the error's fields by name."""
        return {field.name: getattr(self, field.name) for field in fields(self)}  # type: ignore[arg-type]  # every leaf is a dataclass

    def __str__(self) -> str:
        return f"{self.code}: {self.message}"


class Refusal(MediaServiceError):
    """The client must change something."""


class ServiceError(MediaServiceError):
    """The service failed; the same request may succeed later."""
