"""Refusals for lack of permission, and of what people, tokens, links and collections are asked for."""

from __future__ import annotations

from dataclasses import dataclass

from media_service.core.errors.base import Refusal


@dataclass(eq=False)
class Unauthorized(Refusal):
    code = "unauthorized"
    template = "This requires an account or a token."


@dataclass(eq=False)
class InvalidToken(Refusal):
    code = "invalid_token"
    template = "The token is unknown, has expired, or was revoked."


@dataclass(eq=False)
class WrongPassword(Refusal):
    code = "wrong_password"
    template = "Name and password do not match, or the link was used before."


@dataclass(eq=False)
class InsufficientScope(Refusal):
    code = "insufficient_scope"
    template = 'This requires the scope "{needed}".'
    needed: str


@dataclass(eq=False)
class UnknownPerson(Refusal):
    code = "unknown_person"
    template = "There is no such person."


@dataclass(eq=False)
class UnknownToken(Refusal):
    """The token or session does not exist, or belongs to another person."""

    code = "unknown_token"
    template = "There is no such token or session."


@dataclass(eq=False)
class NameTaken(Refusal):
    code = "name_taken"
    template = 'The name "{name}" is taken.'
    name: str
