"""Refusals of guests: what their link asks for, and when it takes uploads."""

from __future__ import annotations

from dataclasses import dataclass

from media_service.core.errors.base import Refusal


@dataclass(eq=False)
class UnknownLink(Refusal):
    """The link does not exist; strangers get this for one that has ended too."""

    code = "unknown_link"
    template = "There is no such link, or it has ended."


@dataclass(eq=False)
class LinkEnded(Refusal):
    """The guest has uploads there, so they may know."""

    code = "link_ended"
    template = "The link has ended and takes no more files."


@dataclass(eq=False)
class LinkEarly(Refusal):
    code = "link_early"
    template = "The link takes no files yet."


@dataclass(eq=False)
class PassphraseRequired(Refusal):
    code = "passphrase_required"
    template = "The link needs its passphrase, and none or a wrong one was sent."


@dataclass(eq=False)
class Asked(Refusal):
    code = "asked"
    template = "The link asks for more: {fields}."
    fields: list[str]

    @property
    def message(self) -> str:
        """Return the message for people."""
        return self.template.format(fields=", ".join(self.fields))
