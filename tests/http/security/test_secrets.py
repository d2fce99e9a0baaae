"""No secret is stored, logged, shown among processes, or sent to another site, whatever is done with it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import aiohttp

from tests.support.api import Api
from tests.support.memory import children
from tests.support.mp3 import make_mp3
from tests.support.server import Server
from tests.support.wire import request, send

if TYPE_CHECKING:
    from tests.support.api import Response

PASSWORD, NEXT_PASSWORD = "correct horse battery", "staple of the invitation"  # samples
PASSPHRASE = "open sesame and barley"  # a sample
UNKNOWN = "ms_" + "u" * 43
GUESS = "a guess that nobody has"
BASE = "/media"
MP3 = make_mp3(1, seed=16_600)


class Secrets:
    """Everything secret that a server has issued or was told, and the answers in which it must not stand."""

    def __init__(self, api: Api) -> None:
        self.api = api
        self.issued = {"the admin token": api.token, "a password": PASSWORD, "a passphrase": PASSPHRASE}
        self.issued |= {"an unknown token": UNKNOWN, "a guess": GUESS, "a new password": NEXT_PASSWORD}
        self.told: list[tuple[str, Response]] = []

    async def ask(self, method: str, path: str, status: int, secret: str = "", **more: object) -> Response:
        """Return an answer, which must not repeat `secret`."""
        answer = await self.api.request(method, path, **more)
        assert answer.status == status, (method, path, answer)
        if secret:
            self.told.append((secret, answer))
        return answer

    async def make(self, path: str, **body: object) -> dict[str, str]:
        answer = await self.ask("POST", path, 201, json=body, headers=self.api.admin)
        made: dict[str, str] = answer.body
        return made

    async def sign_in(self, secret: str, **body: str) -> dict[str, str]:
        """Return the headers of a new session, which is called this."""
        answer = await self.ask("POST", "/session", 204, json=body)
        cookie = answer.headers["Set-Cookie"].partition(";")[0]
        self.issued[secret] = cookie.partition("=")[2]
        return {"Cookie": cookie}


async def sign_in_and_out(secrets: Secrets) -> None:
    kim = await secrets.make("/api/v1/people", name="Kim", role="editor", password=PASSWORD)
    lee = await secrets.make("/api/v1/people", name="Lee", role="sender")
    invitation = secrets.issued["an invitation"] = lee["invitation_url"].partition("#invitation=")[2]
    again = await secrets.ask("POST", f"/api/v1/people/{kim['id']}/invitation", 201, headers=secrets.api.admin)
    secrets.issued["a second invitation"] = again.body["url"].partition("#invitation=")[2]
    await secrets.sign_in("Lee's session", invitation=invitation, password=NEXT_PASSWORD)
    await secrets.sign_in("the admin token's session", token=secrets.api.token)
    session = await secrets.sign_in("Kim's session", name="Kim", password=PASSWORD)
    for body in (
        {"invitation": invitation},
        {"name": "Kim", "password": GUESS},
        {"name": GUESS, "password": GUESS},
        {"token": GUESS},
        # People take one field for the other.
        {"name": secrets.api.token, "password": "x"},
    ):
        await secrets.ask("POST", "/session", 401, [*body.values()][-1], json=body)
    token = await secrets.ask(
        "POST", "/api/v1/tokens", 201, headers=session, json={"name": "studio", "scopes": ["read"], "expires_in": None}
    )
    secrets.issued["an API token"] = secret = token.body["token"]
    for headers in ({"Authorization": f"Bearer {secret}"}, {"Authorization": aiohttp.encode_basic_auth("x", secret)}):
        await secrets.ask("GET", "/api/v1/files", 200, secret, headers=headers)
        await secrets.ask("POST", "/api/v1/people", 403, secret, headers=headers)
    await secrets.ask("GET", "/api/v1/files", 401, UNKNOWN, headers={"Authorization": f"Bearer {UNKNOWN}"})
    await secrets.ask("GET", f"/api/v1/audit?q={secret}", 200, headers=secrets.api.admin)
    await secrets.ask("GET", f"/api/v1/audit?format=ndjson&q={secret}", 401, secret)
    export = f"{secrets.api.url}/api/v1/audit?format=ndjson&q={secret}"
    async with secrets.api.session.get(export, headers=secrets.api.admin) as lines:
        assert lines.status == 200
    await secrets.ask("DELETE", f"/api/v1/tokens/{token.body['id']}", 204, headers=session)
    await secrets.ask("DELETE", "/session", 204, headers=session)


async def use_links(secrets: Secrets) -> None:
    link = await secrets.make("/api/v1/links", title="Guests")
    locked = await secrets.make("/api/v1/links", title="Locked", passphrase=PASSPHRASE)
    secrets.issued |= {"a link": link["token"], "a locked link": locked["token"]}
    for secret in (link["token"], locked["token"], UNKNOWN):
        known, page = secret != UNKNOWN, f"/u/{secret}"
        await secrets.ask("GET", page, 200 if known else 404, headers={"Accept": "text/html"})
        await secrets.ask("GET", f"{page}/link", 200 if known else 404, secret)
        await secrets.ask("GET", f"{page}/no-such-thing", 404, secret)
        await secrets.ask("GET", f"{page}/uploads/{'x' * 22}/receipt", 404, secret)
        await secrets.ask("GET", f"{page}/uploads?cursor=broken&limit=no", 400 if known else 404, secret)
        await secrets.ask("PUT", page, 405, secret)
        await secrets.ask("PATCH", f"{page}/link", 405, secret)
        await secrets.ask("POST", f"{page}/passphrase", 415 if known else 404, secret, data=b"{")
        await secrets.ask("POST", page, 415 if known else 404, secret, data=b"no form")
    await secrets.ask("POST", f"/u/{locked['token']}/passphrase", 403, GUESS, json={"passphrase": GUESS})
    entered = await secrets.ask("POST", f"/u/{locked['token']}/passphrase", 204, json={"passphrase": PASSPHRASE})
    secrets.issued["a passphrase's cookie"] = entered.headers["Set-Cookie"].partition(";")[0].partition("=")[2]
    form = aiohttp.FormData()
    form.add_field("mp3", MP3, filename="show.mp3", content_type="audio/mpeg")
    await secrets.ask("POST", f"/u/{link['token']}", 201, link["token"], data=form)
    script = {"Authorization": f"Bearer {link['token']}"}
    new = {"filename": "show.mp3", "length": 100_000}
    upload = await secrets.ask("POST", "/api/v1/uploads", 201, link["token"], json=new, headers=script)
    await secrets.ask("DELETE", f"/api/v1/uploads/{upload.body['id']}", 204, headers=script)
    renewed = await secrets.ask("POST", f"/api/v1/links/{link['id']}/secret", 201, headers=secrets.api.admin)
    secrets.issued["a renewed link"] = renewed.body["token"]
    await secrets.ask("GET", f"/u/{link['token']}", 404, link["token"])


async def send_broken_requests(port: int, secret: str) -> None:
    """Send what the HTTP parser refuses before any handler sees it."""
    for message in (
        f"GET {BASE}/u/{secret} HTTP/1.1\r\nHost: x\r\nBroken header\r\n\r\n",
        f"GET {BASE}/u/{secret} HTTP/9.9\r\nHost: x\r\n\r\n",
        f"BROKEN METHOD {BASE}/u/{secret} HTTP/1.1\r\nHost: x\r\n\r\n",
        f"GET {BASE}/u/{secret}\0 HTTP/1.1\r\nHost: x\r\n\r\n",
        f"GET {BASE}/u/{secret}?{'x' * 9_000} HTTP/1.1\r\nHost: x\r\n\r\n",
        f"GET / HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {secret}\r\nCookie: a={'x' * 9_000}\r\n\r\n",
        f"POST {BASE}/u/{secret} HTTP/1.1\r\nHost: x\r\nContent-Length: x\r\n\r\n",
        f"POST {BASE}/u/{secret} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nno chunk",
    ):
        answer = await send(port, message.encode("latin-1"))
        assert answer.status in (0, 400, 404, 431), (message[:60], answer)
    form = request("POST", f"{BASE}/u/{secret}", {"Content-Type": "multipart/form-data; boundary=b"}, b"--b\r\nbroken")
    assert (await send(port, form)).status == 400


def command_lines(pid: int) -> str:
    """Return what `ps` shows of a process and its descendants."""
    lines = [Path(f"/proc/{pid}/cmdline").read_text()]
    return "\n".join(lines + [command_lines(child) for child in children(pid)])


async def test_secrets_stand_nowhere(data: Path, tmp_path: Path, session: aiohttp.ClientSession) -> None:
    log = tmp_path / "log"
    with Server(data, log=log, forked=False, workers=2, disk_reserve=0, anonymous="off", base_path=BASE) as server:
        secrets = Secrets(Api(session, server.url, server.token))
        await sign_in_and_out(secrets)
        await use_links(secrets)
        await send_broken_requests(server.port, secrets.issued["a renewed link"])
        shown = command_lines(server.pid)
        assert shown.count("serve") >= 4, "the supervisor, two receivers and the finisher"
        stored = server.database.stored()
    stored += server.database.stored()
    logged = log.read_text()
    assert "sign_in_failed" in logged
    places = {"catalogue": stored, "log": logged.encode(), "processes": shown.encode()}
    found = [
        (name, place) for name, secret in secrets.issued.items() for place in places if secret.encode() in places[place]
    ]
    assert found == []
    for secret, answer in secrets.told:
        body = answer.body if isinstance(answer.body, bytes) else json.dumps(answer.body).encode()
        assert secret.encode() not in body, answer
        assert secret not in str(dict(answer.headers)), answer.headers
        assert answer.headers["Referrer-Policy"] == "no-referrer"
