"""Secrets that the nodes of one catalogue share."""

from __future__ import annotations

from media_service.catalogue.postgresql.connections import connected


def shared_secret(url: str, name: str, proposed: str) -> str:
    """Return the secret of this name. The first node that asks stores what it proposes. Raise UnusableDatabase."""
    with connected(url) as connection:
        connection.execute("INSERT INTO secrets (name, value) VALUES (%s, %s) ON CONFLICT DO NOTHING", (name, proposed))
        found = connection.execute("SELECT value FROM secrets WHERE name = %s", (name,)).fetchone()
    assert found is not None
    return str(found[0])
