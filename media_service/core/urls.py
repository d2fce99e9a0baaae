"""Passwords in URLs, which logs, messages and commands must not show."""

from __future__ import annotations

import re

_PARAMETER = re.compile(r"([?&](?:ssl)?password=)[^\s&]*", re.IGNORECASE)

_USER_INFO = re.compile(r"(postgres(?:ql)?://[^\s:@/?]*:)\S*(?=@)")
"""Match up to the last @: a password with a plain @ or / makes no usable URL, but a message may quote it."""


def without_password(text: str) -> str:
    """Return the text with `…` in place of the passwords in its URLs of databases."""
    return _USER_INFO.sub(r"\1…", _PARAMETER.sub(r"\1…", text))
