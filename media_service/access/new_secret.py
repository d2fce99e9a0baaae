"""Make the secrets of tokens, links and invitations."""

from __future__ import annotations

import secrets

SECRET_PREFIX = "ms_"  # noqa: S105  # not a secret
"""Begins every secret, so that scanners of repositories and logs recognise one."""

SECRET_BYTES = 32
"""256 random bits: 43 characters of base64url."""


def new_secret() -> str:
    """Return a secret of 256 random bits."""
    return SECRET_PREFIX + secrets.token_urlsafe(SECRET_BYTES)
