"""The table of roles and routes: every caller gets what it may have of every route, and else 401, 403 or 404.

With SQLite each caller asks for the things of all owners; over PostgreSQL and S3, where these take three times as long
to make, of one owner in turn, and of all with `PRODUCTS=all`.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from media_service.app import make_receiver
from media_service.config.settings import Settings
from media_service.core.access import Scope
from media_service.storage.data_folder import DataFolder
from tests.http.security.role_lines import MANAGER, MEMBER, OPEN, SENDS, SENT_BY_LINK, SHOWN, TABLE, Line
from tests.http.security.roles import Caller, World
from tests.support.server import Server

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import aiohttp

    from tests.http.security.owned_things import OwnedThings
    from tests.support.api import Response

ALL = os.environ.get("PRODUCTS") == "all"

ROUTES = [(route, number) for route, lines in TABLE.items() for number in range(len(lines))]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Yield two receivers that require an account."""
    folder = tmp_path_factory.mktemp("roles") / "data"
    with Server(folder, workers=2, disk_reserve=0, verdict_wait_slice=5, anonymous="off") as server:
        yield server


@pytest.fixture(scope="module")
def worlds() -> list[World]:
    """Return what the first test fills."""
    return []


@pytest.fixture
async def world(server: Server, session: aiohttp.ClientSession, worlds: list[World]) -> World:
    """Return the people and things of the server, over this test's session."""
    if not worlds:
        worlds.append(await World(session, server).open())
    return worlds[0].over(session)


def test_every_route_has_a_line(tmp_path: Path) -> None:
    DataFolder(tmp_path).make()
    app = make_receiver(Settings(data_dir=tmp_path))
    # aiohttp answers HEAD by the handlers of GET.
    routes = {f"{route.method} {route.resource.canonical}" for route in app.router.routes() if route.resource}
    missing = sorted(route for route in routes - TABLE.keys() if not route.startswith("HEAD "))
    assert missing == [], f"Say in tests/http/security/role_lines.py who may use {missing}, and how a request succeeds."
    gone = sorted(TABLE.keys() - routes)
    assert gone == [], f"There are no such routes: delete the lines of {gone}."


@pytest.mark.parametrize(("route", "number"), ROUTES)
async def test_every_caller_gets_what_it_may_have(world: World, route: str, number: int) -> None:
    line, wrong = TABLE[route][number], []
    for turn, (name, caller) in enumerate(world.callers.items(), ROUTES.index((route, number))):
        for owned in seen_in(turn, world.owned_for(line.thing)):
            answer = await ask(world, route, line, caller, owned)
            wanted = expected(line, caller, owned)
            if outcome(answer) != wanted:
                wrong.append((name, owned and owned.name, "got", outcome(answer), "wanted", wanted, answer))
    assert wrong == []


def seen_in(turn: int, things: list[OwnedThings | None]) -> list[OwnedThings | None]:
    """Return the owners whose things a caller asks for."""
    return things if Server.cluster is None or ALL else [things[turn % len(things)]]


async def ask(world: World, route: str, line: Line, caller: Caller, owned: OwnedThings | None) -> Response:
    """Return the answer to a request of the caller for one of these things."""
    method, _, path = route.partition(" ")
    more = line.more(world, caller) if callable(line.more) else dict(line.more or {})
    more["headers"] = caller.headers | more.get("headers", {})
    path = path.format_map(await world.find(line.thing, caller, owned)) + line.query
    answer = await world.client({}).request(line.method or method, path, **more)
    if line.ends and answer.status == line.ok:
        await world.ended(line.thing, caller, owned)
    return answer


def expected(line: Line, caller: Caller, owned: OwnedThings | None) -> tuple[int, str, str]:
    """Return status, code and needed scope of the answer."""
    if line.needs not in (OPEN, SHOWN) and not caller.is_known:
        return 401, "unauthorized", ""
    if isinstance(line.needs, Scope) and line.needs not in caller.scopes:
        return 403, "insufficient_scope", line.needs.value
    if line.needs == SENDS and not caller.scopes & {Scope.UPLOAD, Scope.EDIT}:
        return 403, "insufficient_scope", Scope.EDIT.value
    if line.needs == MANAGER and not caller.may_manage:
        return 403, "insufficient_scope", Scope.ADMIN.value
    return (line.ok, "", "") if may_act(line, caller, owned) else (404, "unknown", "")


def may_act(line: Line, caller: Caller, owned: OwnedThings | None) -> bool:
    """Return whether the caller, who has the scope, may act on the thing."""
    if not line.by or (line.needs == SHOWN and not caller.is_known):
        return True
    if owned is None:
        return line.by in caller.scopes
    if line.by == MEMBER:
        return caller.collections is None or owned.collection in caller.collections
    if line.by == SENT_BY_LINK:
        return owned.owner == "guest"
    return isinstance(line.by, Scope) and caller.sees(owned, line.by)


def outcome(answer: Response) -> tuple[int, str, str]:
    """Return status, code and needed scope of an answer, and check its WWW-Authenticate (RFC 6750, section 3)."""
    if answer.status < 400:
        return answer.status, "", ""
    challenge = answer.headers.get("WWW-Authenticate", "")
    if not isinstance(answer.body, dict):
        # The answer to a HEAD request has no body.
        return answer.status, "unknown" if answer.status == 404 else "", ""
    code, needed = answer.code, answer.body.get("needed", "")
    if answer.status == 401:
        assert challenge == 'Bearer realm="media-service"', challenge
    if code == "insufficient_scope":
        assert challenge == f'Bearer error="insufficient_scope", scope="{needed}"', challenge
    return answer.status, "unknown" if code.startswith("unknown_") else code, needed
