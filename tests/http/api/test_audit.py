"""The audit trail: what is noted of requests, who may read it, filters, and the export."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest

from tests.http.api.test_file_covers import change
from tests.http.api.test_quarantine import QUARANTINE, rejected
from tests.http.api.test_retag import spooled
from tests.support.api import Api
from tests.support.memory import peak
from tests.support.mp3 import make_frames
from tests.support.pictures import JPEG
from tests.support.server import ROOT, Server

if TYPE_CHECKING:
    from pathlib import Path

    import aiohttp

AUDIT = "/api/v1/audit"
TUS = {"Tus-Resumable": "1.0.0"}
MIB = 1024 * 1024


async def entries(api: Api, query: str = "") -> list[dict[str, Any]]:
    """Return the entries of the query, newest first."""
    response = await api.get(f"{AUDIT}?{query}", headers=api.admin)
    assert response.status == 200, response
    found: list[dict[str, Any]] = response.body["entries"]
    return found


async def noted(api: Api, subject: str) -> list[tuple[str, str]]:
    """Return action and outcome of what was done to a subject, oldest first."""
    return [(entry["action"], entry["outcome"]) for entry in reversed(await entries(api, f"subject={subject}"))]


async def test_edits_of_files_are_noted_without_the_new_values(api: Api) -> None:
    file = await spooled(api, "noted.mp3", make_frames(60, seed=4711))
    match = api.admin | {"If-Match": f'"{file["spooled_sha256"]}"'}
    body = {"tags": {"title": "Private", "album": None}, "chapters": []}
    edited = await api.request("PATCH", file["url"], json=body, headers=match)
    assert edited.status == 200, edited
    assert (await api.request("PATCH", file["url"], json=body, headers=match)).status == 412
    assert (await change(api, edited.body, "PUT", JPEG)).status == 200
    found = await entries(api, f"subject={file['id']}")
    assert [entry["action"] for entry in found] == ["cover_changed", "file_edited", "file_edited"]
    assert [entry["outcome"] for entry in found] == ["done", "file_changed", "done"]
    cover, _, edit = found
    assert edit["actor"] == {"id": "admin_token", "name": ""}
    assert edit["subject"] == {"id": file["id"], "name": file["stored_name"]}
    assert (edit["address"], edit["details"]) == ("127.0.0.1", {"tags": ["album", "title"], "chapters": 0})
    assert cover["details"] == {"bytes": len(JPEG)}
    assert "Private" not in json.dumps(found)
    assert edit["at"].startswith("20")


@pytest.mark.parametrize("dialect", ["native", "tus", "rufh"])
async def test_a_cancelled_upload_is_noted_once(api: Api, dialect: str) -> None:
    browser = await api.browser()
    if dialect == "native":
        url = f"/api/v1/uploads/{(await browser.create('left.mp3', MIB))['id']}"
    else:
        more = TUS | {"Upload-Length": "100000"} if dialect == "tus" else {"Upload-Complete": "?0"}
        created = await browser.request("POST", f"/{dialect}/", headers=more)
        assert created.status == 201, created
        url = created.headers["Location"]
    headers = TUS if dialect == "tus" else {}
    for _ in range(2):
        assert (await browser.request("DELETE", url, headers=headers)).status in (204, 404, 410)
    (entry,) = await entries(api, f"subject={url.rpartition('/')[2]}")
    assert (entry["action"], entry["outcome"]) == ("upload_cancelled", "done")
    assert entry["actor"]["id"].startswith("browser:")


async def test_what_is_done_to_rejected_files_is_noted(api: Api) -> None:
    forced, deleted = await rejected(api), await rejected(api)
    for ended, step, method in ((forced, "/force", "POST"), (deleted, "", "DELETE")):
        url = f"{QUARANTINE}/{ended['id']}"
        assert (await api.request("POST", f"{url}/recheck", headers=api.admin)).status == 200
        assert (await api.request(method, url + step, headers=api.admin)).status in (200, 204)
    rechecked = ("quarantine_rechecked", "done")
    assert await noted(api, forced["id"]) == [rechecked, ("quarantine_forced", "done")]
    assert await noted(api, deleted["id"]) == [rechecked, ("quarantine_deleted", "done")]


async def test_only_admins_read_the_trail(api: Api) -> None:
    browser = await api.browser()
    for query in ("", "?format=ndjson"):
        assert (await browser.get(AUDIT + query)).code == "unauthorized"


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("from=yesterday", "from"),
        ("to=2027-01-31T12:00:00", "to"),
        ("format=csv", "format"),
        ("cursor=x", "cursor"),
        ("limit=0", "limit"),
        ("q=" + "+".join("ab" for _ in range(65)), "search"),
        ("format=ndjson&q=" + "+".join("ab" for _ in range(65)), "search"),
    ],
)
async def test_query_that_cannot_be_used_is_malformed(api: Api, query: str, field: str) -> None:
    refused = await api.get(f"{AUDIT}?{query}", headers=api.admin)
    assert (refused.status, refused.code, refused.body["field"]) == (400, "malformed", field)


async def test_entries_are_found_by_words_time_and_action_and_read_page_by_page(api: Api) -> None:
    ids = []
    for number in range(3):
        upload = await api.create(f"빨강 {number}.mp3", MIB)
        await api.request("DELETE", f"/api/v1/uploads/{upload['id']}")
        ids.append(upload["id"])
    query = "q=빨강&action=upload_cancelled&actor=local"
    listed = await entries(api, query)
    assert [entry["subject"]["id"] for entry in listed[:3]] == ids[::-1]
    middle = listed[1]["at"]
    assert [entry["id"] for entry in await entries(api, f"{query}&from={middle}")][-1] == listed[1]["id"]
    assert next(entry["id"] for entry in await entries(api, f"{query}&to={middle}")) == listed[2]["id"]
    assert await entries(api, f"{query}&subject={ids[0]}") == [listed[2]]
    paged, url = [], f"{AUDIT}?{query}&limit=1"
    for _ in range(3):
        page = await api.get(url, headers=api.admin)
        paged += page.body["entries"]
        url = f"{AUDIT}?{query}&limit=1&cursor={page.body['next']}"
        assert 'rel="next"' in page.headers["Link"] or page.body["next"] is None
    assert paged == listed[:3]


async def test_export_has_every_entry_and_is_noted(api: Api) -> None:
    upload = await api.create("exported.mp3", MIB)
    await api.request("DELETE", f"/api/v1/uploads/{upload['id']}")
    expected = await entries(api, f"subject={upload['id']}")
    for query, headers in (("format=ndjson&", {}), ("", {"Accept": "application/x-ndjson"})):
        url = f"{api.url}{AUDIT}?{query}subject={upload['id']}"
        async with api.session.get(url, headers=api.admin | headers) as response:
            assert response.headers["Content-Type"] == "application/x-ndjson"
            assert [json.loads(line) for line in (await response.read()).splitlines()] == expected
    newest = (await entries(api, "action=audit_exported"))[0]
    assert (newest["details"], newest["outcome"]) == ({"subject": upload["id"]}, "done")


async def test_export_of_many_entries_takes_little_memory(data: Path, session: aiohttp.ClientSession) -> None:
    many = 20_000
    server = Server(data)
    server.database.prepare()
    server.database.execute(
        "WITH RECURSIVE numbers (at) AS (SELECT 0 UNION ALL SELECT at + 1 FROM numbers WHERE at < ?) "
        "INSERT INTO audit (at, action, outcome, subject_name) "
        "SELECT at, 'file_edited', 'done', substr(CAST(1000000 + at AS text), 2) || ? FROM numbers",
        many - 1,
        "x" * 200,
    )
    with server:
        api = Api(session, server.url, server.token)
        await entries(api)
        before = peak(server.receiver)
        lines = 0
        async with session.get(f"{server.url}{AUDIT}?format=ndjson", headers=api.admin) as response:
            async for _ in response.content:
                lines += 1
        # The trail is 8 MB of JSON. Its own export is newer than the first page.
        assert lines == many
        assert peak(server.receiver) - before < 4 * MIB


def filter_of_fail2ban() -> re.Pattern[str]:
    """Return the pattern of the filter that operators give to fail2ban."""
    text = (ROOT / "docs" / "fail2ban" / "media-service.conf").read_text()
    (failregex,) = re.findall(r"^failregex = (.*)$", text, re.MULTILINE)
    assert isinstance(failregex, str)
    return re.compile(failregex.replace("<ADDR>", "(?P<address>[0-9A-Fa-f.:]+)"))


async def test_sign_ins_are_noted_and_failed_ones_can_be_banned_without_secrets(
    data: Path, tmp_path: Path, session: aiohttp.ClientSession
) -> None:
    log, wrong = tmp_path / "log", "ms_" + "guess" * 8 + "abc"
    with Server(data, log=log) as server:
        api = Api(session, server.url, server.token)
        for _ in range(30):
            assert (await api.request("POST", "/session", json={"token": wrong})).status in (401, 429)
        signed_in = await api.request("POST", "/session", json={"token": server.token})
        value = signed_in.headers["Set-Cookie"].partition(";")[0]
        assert (await api.request("DELETE", "/session", headers={"Cookie": value})).status == 204
        assert (await api.request("DELETE", "/session", headers={"Cookie": value})).status == 204
        failed, done = await entries(api, "action=sign_in_failed"), await entries(api, "actor=admin_token")
        assert [(entry["address"], entry["outcome"], entry["details"]) for entry in failed] == [
            ("127.0.0.1", "unauthorized", {"count": 1})
        ]
        assert [entry["action"] for entry in done] == ["sign_out", "sign_in"]
        assert done[0]["token"] is not None
        hostile = 'q=", "address": "192.0.2.66", "event": "sign_in_failed'
        async with session.get(f"{server.url}{AUDIT}?format=ndjson&{hostile}", headers=api.admin) as response:
            assert response.status == 200
        secrets = [server.token, wrong, value.partition("=")[2]]
    rows = server.database.rows("SELECT action, details FROM audit WHERE action = 'sign_in_failed' ORDER BY id")
    dump = server.database.dump()
    # The others of that minute are counted in one row, which a stopping server writes.
    assert rows == [("sign_in_failed", '{"count": 1}'), ("sign_in_failed", '{"count": 29}')]
    lines = log.read_text()
    assert [secret for secret in secrets if secret in dump + lines] == []
    banned = [match["address"] for match in map(filter_of_fail2ban().search, lines.splitlines()) if match]
    assert banned == ["127.0.0.1"] * 10
