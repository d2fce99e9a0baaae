"""The process that serves: `python -m media_service.serving SETTINGS`, which `media-service serve` becomes.

It runs for months, so it carries neither what reads a command line nor what libraries load only because it is there.
"""

from __future__ import annotations

import sys

SPARED = {
    "ssl": "TLS ends at a proxy, and nobody is called from here; aiohttp would read all certificates there are",
    "rich": "structlog would format errors with it; they are formatted before it sees them",
    "greenlet": "structlog would tell greenlets apart; here are none",
    "frozenlist._frozenlist": "it brings the runtime of C++, for lists that aiohttp walks once a request",
}
"""Modules that libraries do without where they are missing, together 8 MiB, and why this process does."""

# To Python's import system a module that is None is missing: docs.python.org/3/reference/import.html#the-module-cache
sys.modules.update(dict.fromkeys(SPARED))  # type: ignore[arg-type]  # typed for modules that are there

from media_service.server.serve import main  # noqa: E402  # what is spared must be known before anything is loaded

if __name__ == "__main__":
    main()
