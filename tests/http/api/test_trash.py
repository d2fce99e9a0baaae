"""The trash over REST: put files there with If-Match, restore and delete them, and who may."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.mp3 import make_mp3

if TYPE_CHECKING:
    from tests.support.api import Api, Response
    from tests.support.server import Server

FILES = "/api/v1/files"
MP3 = make_mp3(1, seed=8800)


async def sent(api: Api, name: str = "trash", **more: Any) -> dict[str, Any]:
    """Upload a file with a word of its own in its title; return it."""
    tags = {"title": f"t{secrets.token_hex(6)}"}
    upload = await api.create(f"{name}.mp3", len(MP3), tags=tags, **more)
    ended = await api.send_all(upload["id"], MP3)
    assert ended["state"] == "spooled", ended
    file: dict[str, Any] = (await api.get(ended["file"]["url"])).body
    return file


@pytest.fixture
async def file(small: Api) -> dict[str, Any]:
    return await sent(small)


async def delete(api: Api, file: dict[str, Any], match: str = "*", query: str = "", **more: Any) -> Response:
    headers = api.admin | ({"If-Match": match} if match else {})
    return await api.request("DELETE", file["url"] + query, headers=headers, **more)


async def restore(api: Api, file: dict[str, Any]) -> Response:
    return await api.request("POST", f"{file['url']}/restore", headers=api.admin)


async def ids(api: Api, query: str) -> list[str]:
    answer = await api.get(f"{FILES}?{query}", headers=api.admin)
    assert answer.status == 200, answer
    return [file["id"] for file in answer.body["files"]]


async def test_a_file_goes_into_the_trash_and_comes_back(
    small: Api, small_server: Server, file: dict[str, Any]
) -> None:
    assert (file["place"], file["trash"], file["removed_at"]) == ("spool", None, None)
    before = (await small.get(file["content_url"])).body
    answer = await delete(small, file, f'"{file["spooled_sha256"]}"', json={"reason": " too  old "})
    assert answer.status == 200, answer
    there = answer.body
    assert (there["place"], there["trash"]["reason"]) == ("trash", "too  old")
    assert there["trash"]["by"] == {"id": "admin_token", "name": ""}
    assert there["trash"]["purge_at"] > there["trash"]["at"]
    assert there == (await small.get(file["url"])).body
    assert file["stored_name"] not in small_server.store.names()
    word = file["title"]
    assert (await ids(small, f"q={word}"), await ids(small, f"place=trash&q={word}")) == ([], [file["id"]])
    assert (await small.get(file["content_url"], headers=small.admin)).body == before
    answer = await restore(small, file)
    assert (answer.status, answer.body) == (200, file)
    assert answer.headers["ETag"] == f'"{file["spooled_sha256"]}"'
    assert (await ids(small, f"q={word}"), await ids(small, f"place=trash&q={word}")) == ([file["id"]], [])
    assert (await small.get(file["content_url"])).body == before
    audit = (await small.get(f"/api/v1/audit?subject={file['id']}", headers=small.admin)).body["entries"]
    assert [entry["action"] for entry in audit] == ["file_restored", "file_trashed"]


async def test_it_needs_if_match(small: Api, file: dict[str, Any]) -> None:
    for match, status, code in (("", 428, "match_required"), ('"0"', 412, "file_changed")):
        answer = await delete(small, file, match)
        assert (answer.status, answer.code) == (status, code)


@pytest.mark.parametrize(
    ("more", "field"),
    [
        ({"json": {"reason": "x" * 501}}, "reason"),
        ({"json": {"reason": 5}}, "reason"),
        ({"json": {"why": "x"}}, "why"),
        ({"query": "?purge=yes"}, "purge"),
    ],
)
async def test_malformed_requests_change_nothing(
    small: Api, file: dict[str, Any], more: dict[str, Any], field: str
) -> None:
    answer = await delete(small, file, **more)
    assert (answer.status, answer.body["field"]) == (400, field)
    assert (await small.get(file["url"])).body == file
    answer = await small.get(f"{FILES}?place=elsewhere", headers=small.admin)
    assert (answer.status, answer.body["field"]) == (400, "place")


async def test_what_is_not_in_the_spool_says_where_it_is(
    small: Api, small_server: Server, file: dict[str, Any]
) -> None:
    edit = {"json": {"tags": {"title": "X"}}, "headers": small.admin | {"If-Match": "*"}}

    async def codes() -> list[tuple[int, str]]:
        answers = [
            await small.get(file["content_url"]),
            await small.get(f"{file['url']}/cover"),
            await small.request("PATCH", file["url"], **edit),
            await delete(small, file),
        ]
        return [(answer.status, answer.code) for answer in answers]

    assert (await restore(small, file)).code == "not_in_trash"
    assert (await delete(small, file, query="?purge=1")).code == "not_in_trash"
    await delete(small, file)
    assert await codes() == [(409, "file_in_trash")] * 4
    assert (await delete(small, file, '"0"', query="?purge=1")).code == "file_changed"
    assert (await delete(small, file, "", query="?purge=1")).status == 204
    assert await codes() == [(410, "file_purged")] * 4
    assert (await restore(small, file)).code == "not_in_trash"
    shown = (await small.get(file["url"])).body
    assert (shown["place"], shown["trash"], shown["sha256"]) == ("purged", None, file["sha256"])
    assert shown["removed_at"] is not None
    assert await ids(small, f"place=trash&q={file['title']}") == []

    taken = await sent(small)
    file.update(taken)
    small_server.store.remove(taken["stored_name"])
    assert await codes() == [(410, "file_taken")] * 4
    shown = (await small.get(taken["url"])).body
    assert (shown["place"], shown["removed_at"] is not None) == ("taken", True)
    assert await ids(small, f"q={taken['title']}") == [taken["id"]]
    rows = (await small.get(f"{FILES}?q={taken['title']}", headers=small.admin)).body["files"]
    assert [row["place"] for row in rows] == ["taken"]


async def test_a_sent_file_is_no_duplicate_of_one_in_the_trash(small: Api) -> None:
    browser = await small.browser()
    file = await sent(browser)
    query = f"/api/v1/uploads?content_hash={file['content_hash']}&length={file['received_size']}"
    assert len((await browser.get(query)).body["uploads"]) == 1
    assert (await delete(small, file)).status == 200
    assert (await browser.get(query)).body["uploads"] == []


async def test_senders_take_their_own_file_back_and_see_no_bytes_meanwhile(small: Api) -> None:
    browser, stranger = await small.browser(), await small.browser()
    file = await sent(browser)
    headers = {"If-Match": "*"}
    assert (await stranger.request("DELETE", file["url"], headers=headers)).code == "unknown_file"
    answer = await browser.request("DELETE", file["url"], headers=headers)
    assert (answer.status, answer.body["trash"]["by"]) == (200, {"id": None, "name": ""})
    assert (await browser.get(file["content_url"])).code == "file_in_trash"
    assert (await stranger.request("POST", f"{file['url']}/restore")).code == "unknown_file"
    assert (await browser.request("POST", f"{file['url']}/restore")).status == 200
    assert (await delete(small, file)).status == 200
    answer = await browser.request("POST", f"{file['url']}/restore")
    assert (answer.status, answer.code, answer.body["needed"]) == (403, "insufficient_scope", "edit")
    assert (await browser.request("DELETE", f"{file['url']}?purge=1")).status == 401


async def test_scripts_without_an_account_take_nothing_back(small: Api, file: dict[str, Any]) -> None:
    answer = await small.request("DELETE", file["url"], headers={"If-Match": "*"})
    assert (answer.status, answer.code) == (403, "insufficient_scope")


async def test_a_name_in_the_trash_is_not_given_again(small: Api, file: dict[str, Any]) -> None:
    await delete(small, file)
    other = await sent(small)
    assert other["stored_name"] != file["stored_name"]
    assert (await restore(small, file)).body["stored_name"] == file["stored_name"]


async def explain(api: Api, file: dict[str, Any], reason: object) -> Response:
    return await api.request("PATCH", f"{file['url']}/trash", json={"reason": reason}, headers=api.admin)


async def test_a_reason_is_given_and_changed_while_the_file_is_in_the_trash(small: Api, file: dict[str, Any]) -> None:
    assert (await explain(small, file, "early")).code == "not_in_trash"
    there = (await delete(small, file)).body
    for reason, clean in ((" twice\nhere", "twice here"), ("낡음", "낡음"), ("", "")):
        answer = await explain(small, file, reason)
        assert (answer.status, answer.body["trash"]) == (200, there["trash"] | {"reason": clean})
        assert answer.body == (await small.get(file["url"])).body
    for wrong in ("x" * 501, None, 5):
        answer = await explain(small, file, wrong)
        assert (answer.status, answer.body["field"]) == (400, "reason")
    assert (await restore(small, file)).body == file
    assert (await explain(small, file, "late")).code == "not_in_trash"
    audit = (await small.get(f"/api/v1/audit?subject={file['id']}", headers=small.admin)).body["entries"]
    explained = [entry for entry in audit if entry["action"] == "trash_reason_changed" and entry["outcome"] == "done"]
    assert [entry["details"] for entry in explained] == [{}] * 3


async def test_a_sender_explains_what_they_took_back_and_nothing_else(small: Api) -> None:
    browser, stranger = await small.browser(), await small.browser()
    file = await sent(browser)
    path = f"{file['url']}/trash"
    await browser.request("DELETE", file["url"], headers={"If-Match": "*"})
    assert (await stranger.request("PATCH", path, json={"reason": "x"})).code == "unknown_file"
    assert (await browser.request("PATCH", path, json={"reason": "wrong"})).body["trash"]["reason"] == "wrong"
    await restore(small, file)
    await delete(small, file)
    assert (await browser.request("PATCH", path, json={"reason": "x"})).code == "insufficient_scope"
