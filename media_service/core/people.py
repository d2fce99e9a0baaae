"""Rules of persons: their names, what may change of them, and the owner of what erased ones have left."""

from __future__ import annotations

import unicodedata
from dataclasses import KW_ONLY, dataclass, fields, replace
from typing import TYPE_CHECKING

from media_service.core.accounts import NO_LIMITS
from media_service.core.errors.requests import Malformed
from media_service.core.text import clean_line

if TYPE_CHECKING:
    from media_service.core.access import Role
    from media_service.core.accounts import Owner, OwnerLimits
    from media_service.core.audit import Detail

PERSON_NAME_CHARACTERS = 100
MIN_PASSWORD_CHARACTERS, MAX_PASSWORD_CHARACTERS = 8, 1024

INVITATION_SECONDS = 3 * 24 * 3600
"""Lifetime of the link by which a person signs in for the first time, or again without a password."""

ERASED_OWNER = "erased"
"""Owner of the files that an erased person left: nobody authenticates as it."""


@dataclass(frozen=True, slots=True)
class NewPerson:
    """A person to add. `collections`: ids of the collections that the person may work in, None for all."""

    name: str
    role: Role
    _: KW_ONLY
    password: str | None = None
    collections: frozenset[str] | None = frozenset()
    limits: OwnerLimits = NO_LIMITS


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonChange:
    """What of a person changes; None keeps.

    `password` "" removes it. `collections` are ids; `all_collections` says whether those are all there are.
    """

    name: str | None = None
    role: Role | None = None
    password: str | None = None
    all_collections: bool | None = None
    collections: frozenset[str] | None = None
    limits: OwnerLimits | None = None
    is_disabled: bool | None = None

    @property
    def summary(self) -> dict[str, Detail]:
        """Return what changes, for the audit trail: names of fields, and the values that decide what one may do."""
        given = [field.name for field in fields(self) if getattr(self, field.name) is not None]
        values: dict[str, Detail] = {"changed": given}
        if self.role is not None:
            values["role"] = self.role.value
        if self.is_disabled is not None:
            values["disabled"] = self.is_disabled
        return values


def clean_name(name: str) -> str:
    """Return a person's name in NFC, with single blanks. Raise Malformed if nothing or too much is left."""
    cleaned = " ".join(clean_line(name, "name", PERSON_NAME_CHARACTERS).split())
    if not cleaned:
        raise Malformed("name", "it must not be empty")
    return cleaned


def name_key(name: str) -> str:
    """Return what two persons may not share, and by which one signs in: the name without case and composition.

    It has no control characters either: names are stored without them.
    """
    # Folding may compose and decompose (Unicode, section 3.13, D145), so NFC comes last, and blanks may appear.
    cleaned = unicodedata.normalize("NFD", clean_line(name, "name", len(name)))
    folded = unicodedata.normalize("NFD", cleaned.casefold()).casefold()
    return " ".join(unicodedata.normalize("NFC", folded).split())


def check_password(password: str) -> str:
    """Return the password. Raise Malformed if it is too short or too long."""
    if not MIN_PASSWORD_CHARACTERS <= len(password) <= MAX_PASSWORD_CHARACTERS:
        raise Malformed("password", f"it must have {MIN_PASSWORD_CHARACTERS} to {MAX_PASSWORD_CHARACTERS} characters")
    return password


def changed(person: Owner, change: PersonChange, now: int, password_hash: str | None = None) -> Owner:
    """Return the person with the change; `password_hash` is that of its password. Raise Malformed."""
    disabled_at = person.disabled_at
    if change.is_disabled is not None:
        disabled_at = (disabled_at or now) if change.is_disabled else None
    return replace(
        person,
        name=person.name if change.name is None else clean_name(change.name),
        role=person.role if change.role is None else change.role,
        password=person.password if change.password is None else password_hash,
        all_collections=person.all_collections if change.all_collections is None else change.all_collections,
        collections=person.collections if change.collections is None else change.collections,
        limits=person.limits if change.limits is None else change.limits,
        disabled_at=disabled_at,
    )
