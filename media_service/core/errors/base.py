"""The two kinds of error: a refusal (the client must change something) and an error of the service (retryable)."""

from __future__ import annotations

from dataclasses import fields
from typing import ClassVar


class MediaServiceError(Exception):
    """Something went wrong."""

    code: ClassVar[str]
    template: ClassVar[str]
    """The message, with the names of the error's fields in braces."""

    @property
    def message(self) -> str:
        """One sentence for a person, with this error's fields filled in."""
        return self.template.format(**self.details())

    def details(self) -> dict[str, object]:
        """The fields a client needs to go on, by name."""
        return {field.name: getattr(self, field.name) for field in fields(self)}  # type: ignore[arg-type]  # every leaf is a dataclass

    def __str__(self) -> str:
        return f"{self.code}: {self.message}"


class Refusal(MediaServiceError):
    """The client must change something."""


class ServiceError(MediaServiceError):
    """The service must change something; the same request may succeed later."""
