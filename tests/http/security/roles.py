"""The callers of the table of roles and routes, and the server with what they act on."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from media_service.core.access import ALL_SCOPES, ROLE_SCOPES, Role, Scope
from tests.http.security.owned_things import OWNED_KINDS, OwnedThings
from tests.support.api import Api
from tests.support.pictures import JPEG

if TYPE_CHECKING:
    import aiohttp

    from tests.support.server import Server

PASSWORD = "correct horse"  # a sample


@dataclass(kw_only=True)
class Caller:
    """A caller; `headers` are its credentials. `collections`: slugs, None for all. `person`: it signed in as this."""

    headers: dict[str, str] = field(default_factory=dict)
    scopes: frozenset[Scope] = frozenset()
    collections: frozenset[str] | None = frozenset()
    owner: str = ""
    is_known: bool = True
    person: str = ""
    signs_in: dict[str, str] | None = None

    @property
    def may_manage(self) -> bool:
        """Return whether it may manage tokens and sessions."""
        return bool(self.person) or Scope.ADMIN in self.scopes

    def sees(self, owned: OwnedThings, scope: Scope) -> bool:
        """Return whether it may act on these: its own things, or what the scope gives in its collections."""
        if owned.owner == self.owner:
            return True
        return scope in self.scopes and (self.collections is None or owned.collection in self.collections)


CONSTANT = {"code": "unauthorized", "asset": "style.css", "new_name": "show.mp3", "spare": "spare"}
PARAMETERS = {"code": "code", "asset": "name", "new_name": "name", "slug": "slug", "spare": "slug", "secret": "secret"}
PARAMETERS |= {"locked": "secret"}
"""Parameter of a path in which a thing of this kind stands, if it is not `id`."""


class World:
    """A server with people, tokens, a link, two collections, and things in each."""

    def __init__(self, session: aiohttp.ClientSession, server: Server) -> None:
        self._session, self._server = session, server
        self._numbers = itertools.count(1)
        self.admin = self.client({"Authorization": f"Bearer {server.token}"})
        self.callers: dict[str, Caller] = {}
        self.owned: dict[str, OwnedThings] = {}
        self.ids: dict[str, str] = dict(CONSTANT)

    def over(self, session: aiohttp.ClientSession) -> World:
        """Return the world, whose clients use this session from now on."""
        self._session = self.admin.session = session
        for owned in self.owned.values():
            owned.maker.session = session
        return self

    def client(self, headers: dict[str, str]) -> Api:
        """Return a client with these headers."""
        api = Api(self._session, self._server.url, self._server.token)
        api.headers = headers
        return api

    def number(self) -> int:
        """Return a new number, for names that must be new."""
        return next(self._numbers)

    async def open(self) -> World:
        """Add the people, collections, links and tokens."""
        for slug in ("alpha", "beta", "spare"):
            await self.made("/api/v1/collections", slug=slug, title=slug)
            assert (await self.admin.request("PUT", f"/api/v1/collections/{slug}/cover", data=JPEG)).status == 200
        await self._add_callers()
        await self._person("Olga", Role.ADMIN, "all")
        olga, sam = await self._script("Olga"), await self._script("Sam")
        guest = self.client(self.callers["a link's secret"].headers)
        owned_things = {"alpha": ("guest", "alpha", guest), "beta": ("Olga", "beta", olga)}
        for name, (owner, collection, maker) in (owned_things | {"general": ("Sam", "", sam)}).items():
            self.owned[name] = OwnedThings(name=name, owner=owner, collection=collection, maker=maker, admin=self.admin)
        self.ids["token"] = (await self._token("Olga", [Scope.UPLOAD]))["id"]
        return self

    async def made(self, path: str, **body: Any) -> dict[str, Any]:
        """Return what a POST of the admin token makes."""
        answer = await self.admin.request("POST", path, json=body)
        assert answer.status == 201, answer
        made: dict[str, Any] = answer.body
        return made

    async def sign_in(self, caller: Caller) -> None:
        """Begin a new session of the caller, if it has one."""
        if caller.signs_in is not None:
            answer = await self.client({}).request("POST", "/session", json=caller.signs_in)
            assert answer.status == 204, answer
            caller.headers = {"Cookie": answer.headers["Set-Cookie"].partition(";")[0]}

    def owned_for(self, kind: str) -> list[OwnedThings | None]:
        """Return the owners' things that have this kind, or None alone if nobody owns it."""
        if kind == "slug":
            return [owned for owned in self.owned.values() if owned.collection]
        return [*self.owned.values()] if kind in OWNED_KINDS else [None]

    async def find(self, kind: str, caller: Caller, owned: OwnedThings | None) -> dict[str, str]:
        """Return the parameters of a path to a thing of this kind."""
        parameters = {"offset": "0", "secret": self.ids["secret"]}
        if kind == "slug" and owned is not None:
            value = owned.collection
        elif owned is not None:
            value = await owned.get(kind)
        elif kind == "own_session":
            value = await self._own_session(caller)
        else:
            if kind in ("person", "session") and kind not in self.ids:
                await self._add_target()
            value = self.ids.get(kind, "")
        if kind == "session":
            return parameters | {"id": self.ids["person"], "session": value}
        return parameters | {PARAMETERS.get(kind, "id"): value}

    async def ended(self, kind: str, caller: Caller, owned: OwnedThings | None) -> None:
        """Forget a thing that a request has ended; without one it was the caller's session."""
        if owned is not None:
            owned.things.pop(kind)
        elif kind in ("person", "session"):
            del self.ids["person"], self.ids["session"]
        elif kind:
            self.ids.pop(kind, None)
        else:
            await self.sign_in(caller)

    async def _add_target(self) -> None:
        """Add a person with a session."""
        name = f"Person {self.number()}"
        person = await self.made("/api/v1/people", name=name, role="sender", password=PASSWORD)
        self.ids["person"] = person["id"]
        await self.sign_in(Caller(signs_in={"name": name, "password": PASSWORD}))
        sessions = await self.admin.get(f"/api/v1/people/{person['id']}/sessions")
        self.ids["session"] = sessions.body["sessions"][0]["id"]

    async def _own_session(self, caller: Caller) -> str:
        """Return the id of a new session of the caller."""
        if not caller.may_manage:
            return "0" * 22
        signs_in = {"name": caller.owner, "password": PASSWORD}
        if caller.owner not in self.ids:
            signs_in = {"token": self._server.token}
        await self.sign_in(Caller(signs_in=signs_in))
        sessions = await self.client(caller.headers).get("/api/v1/sessions")
        return str(sessions.body["sessions"][0]["id"])

    async def _add_callers(self) -> None:
        self.callers["nobody"] = Caller(is_known=False)
        self.callers["the admin token"] = Caller(
            headers=self.admin.headers, scopes=ALL_SCOPES, collections=None, owner="admin token"
        )
        self.callers["admin"] = await self._person("Ada", Role.ADMIN, "all")
        self.callers["editor of all"] = await self._person("Eve", Role.EDITOR, "all")
        self.callers["editor of alpha"] = await self._person("Ann", Role.EDITOR, ["alpha"])
        self.callers["sender"] = await self._person("Sam", Role.SENDER, [])
        for scope in Scope:
            made = await self._token("Ada", [scope])
            self.callers[f"a token for {scope}"] = Caller(
                headers={"Authorization": f"Bearer {made['token']}"},
                scopes=ALL_SCOPES if scope is Scope.ADMIN else frozenset({scope}),
                collections=None,
                owner="Ada",
            )
        link = await self.made("/api/v1/links", title="Guests", collection="alpha", files_max=1_000)
        self.ids["secret"] = link["token"]
        self.ids["locked"] = (await self.made("/api/v1/links", title="Locked", passphrase=PASSWORD))["token"]
        self.callers["a link's secret"] = Caller(
            headers={"Authorization": f"Bearer {link['token']}"},
            scopes=frozenset({Scope.UPLOAD}),
            collections=frozenset({"alpha"}),
            owner="guest",
        )

    async def _person(self, name: str, role: Role, collections: Any) -> Caller:
        person = await self.made("/api/v1/people", name=name, role=role, password=PASSWORD, collections=collections)
        self.ids[name] = person["id"]
        caller = Caller(
            scopes=ROLE_SCOPES[role],
            collections=None if collections == "all" else frozenset(collections),
            owner=name,
            person=person["id"],
            signs_in={"name": name, "password": PASSWORD},
        )
        await self.sign_in(caller)
        return caller

    async def _script(self, owner: str) -> Api:
        """Return a script that sends what the person sends."""
        made = await self._token(owner, [Scope.UPLOAD])
        return self.client({"Authorization": f"Bearer {made['token']}"})

    async def _token(self, owner: str, scopes: list[Scope]) -> dict[str, Any]:
        names = [scope.value for scope in scopes]
        body = {"name": f"token {self.number()}", "scopes": names, "expires_in": None, "owner": self.ids[owner]}
        return await self.made("/api/v1/tokens", **body)
