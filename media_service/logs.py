"""Configure logging by structlog: coloured lines on a terminal, JSON elsewhere."""

from __future__ import annotations

import logging
import re
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import structlog

from media_service.core.urls import without_password

if TYPE_CHECKING:
    from collections.abc import MutableMapping

_LINK_PATH = re.compile(r"/u/[^/\s'\"?#]+")
_TOKEN = re.compile(r"ms_[A-Za-z0-9_-]{8,}")

TRACEBACK = "exception"
"""The field that keeps its line breaks."""


def log_to_stderr() -> None:
    """Configure structlog, and send the standard library's log records and warnings to it."""
    on_terminal = sys.stderr.isatty()
    renderer = structlog.dev.ConsoleRenderer() if on_terminal else structlog.processors.JSONRenderer()
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            escape_control_characters,
            hide_secrets,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=lambda *_: _LineLogger(sys.stderr),
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(handlers=[_ToStructlog()], level=logging.WARNING, force=True)
    logging.captureWarnings(capture=True)


def escape_control_characters(
    _logger: object, _method: str, fields: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    """Escape control characters, line breaks and bidirectional overrides: values such as file names come from clients.

    JSON lines need it too, since programs that show them may decode them for a terminal.
    """
    for name, value in fields.items():
        if not isinstance(value, int | float | None):
            text = value if isinstance(value, str) else repr(value)
            kept = "\n" if name == TRACEBACK else ""
            fields[name] = "".join(c if c.isprintable() or c in kept else _escaped(c) for c in text)
    return fields


def hide_secrets(_logger: object, _method: str, fields: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Replace secrets of guest links in paths, passwords in URLs, and tokens: who reads logs must not use them."""
    for name, value in fields.items():
        if isinstance(value, str):
            fields[name] = _TOKEN.sub("ms_…", _LINK_PATH.sub("/u/…", without_password(value)))
    return fields


def _escaped(character: str) -> str:
    return character.encode("unicode_escape").decode()


class _LineLogger(structlog.WriteLogger):
    """Write each line at once: processes share the log, and `print` writes the line break apart if unbuffered.

    A line that cannot be written is lost. The service outlives its terminal, and a log on a full disk.
    """

    def msg(self, message: str) -> None:
        with suppress(OSError):
            super().msg(message)

    debug = info = warning = error = critical = exception = log = msg


class _ToStructlog(logging.Handler):
    """Send log records of the standard library to structlog."""

    def emit(self, record: logging.LogRecord) -> None:
        log = structlog.get_logger()
        log.log(record.levelno, record.getMessage(), logger=record.name, exc_info=record.exc_info)
