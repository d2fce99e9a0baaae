"""What guests may do with a link, in every dialect, with two receivers."""

from __future__ import annotations

import asyncio
import itertools
import re
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.api import Api
from tests.support.guests import DIALECTS, Guest, browser, change_link, create_native, form, new_link
from tests.support.mp3 import make_mp3
from tests.support.server import Server

if TYPE_CHECKING:
    from collections.abc import Iterator

    import aiohttp

_seeds = itertools.count(7000)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with two receivers, whose log can be read."""
    folder = tmp_path_factory.mktemp("guests")
    with Server(
        folder / "data", log=folder / "log", workers=2, disk_reserve=0, verdict_wait_slice=5, sweep_interval=1
    ) as server:
        yield server


@pytest.fixture
def api(server: Server, session: aiohttp.ClientSession) -> Api:
    """The API of `server`."""
    return Api(session, server.url, server.token)


def new_file() -> bytes:
    """Return a file that was not sent before."""
    return make_mp3(1, seed=next(_seeds))


async def stored(api: Api, guest: Guest, content: bytes) -> dict[str, Any]:
    """Send a whole file natively, and return the upload at its end."""
    created = await create_native(guest, content)
    assert created.status == 201, created
    return await api.send_all(created.body["id"], content)


@pytest.mark.parametrize("dialect", DIALECTS)
async def test_what_a_link_asks_is_asked_in_every_dialect(api: Api, dialect: str) -> None:
    link = await new_link(api, asks={"name": "required", "email": "required", "title": "optional"})
    guest, create = await browser(api, link), DIALECTS[dialect]
    for details, missing in (
        ({}, ["name", "email"]),
        ({"name": "  ", "email": "kim@radio.example"}, ["name"]),
        ({"name": "Kim"}, ["email"]),
    ):
        refused = await create(guest, new_file(), **details)
        assert (refused.status, refused.code, refused.body["fields"]) == (422, "asked", missing)
    refused = await create(guest, new_file(), name="Kim", email="kim")
    assert (refused.status, refused.code) == (400, "malformed")
    accepted = await create(guest, new_file(), name="Kim", email="kim@radio.example")
    assert accepted.status in (200, 201, 202), accepted
    # A form that has brought its file is refused at its end.
    listed, *refused_forms = (await guest.get("/uploads")).body["uploads"]
    assert (listed["sender"], {upload["state"] for upload in refused_forms} <= {"cancelled"}) == ("Kim", True)


async def test_what_a_link_requires_cannot_be_removed_later(api: Api) -> None:
    link = await new_link(api, asks={"name": "required", "title": "required"})
    guest = await browser(api, link)
    created = await create_native(guest, new_file(), name="Kim", title="Night")

    async def amend(**details: Any) -> Any:
        path = f"/api/v1/uploads/{created.body['id']}"
        return await api.request("PATCH", path, json=details, headers=guest.bearer)

    for nothing in ({"sender": "", "tags": {}}, {"sender": "\u200e", "tags": {"title": "\u0007 "}}):
        refused = await amend(**nothing)
        assert (refused.code, refused.body["fields"]) == ("asked", ["name", "title"])
    amended = await amend(sender="Kim K.", email="", tags={"title": "Late", "artist": "Kim"})
    assert (amended.status, amended.body["sender"], amended.body["tags"]["title"]) == (200, "Kim K.", "Late")


async def test_details_may_follow_the_file_of_a_form(api: Api, server: Server) -> None:
    link = await new_link(api, asks={"name": "required", "email": "required"})
    guest, details = await browser(api, link), {"name": "Kim", "email": "kim@radio.example"}
    data = form(new_file(), details, after=True)
    sent = await api.request("POST", guest.page, data=data, headers=guest.headers | {"Accept": "application/json"})
    assert (sent.status, sent.body["state"], sent.body["sender"]) == (201, "spooled", "Kim")
    with closing(sqlite3.connect(server.data / "catalogue.sqlite3")) as rows:
        query = "SELECT email, account FROM files WHERE upload_id = ?"
        assert rows.execute(query, (sent.body["id"],)).fetchall() == [(details["email"], f"link:{link['id']}")]
    data = form(new_file(), {"email": "kim@radio.example"}, after=True)
    refused = await api.request("POST", guest.page, data=data, headers=guest.headers)
    assert (refused.status, refused.code, refused.body["fields"]) == (422, "asked", ["name"])
    ended = (await guest.get("/uploads")).body["uploads"]
    assert [upload["state"] for upload in ended] == ["cancelled", "spooled"]


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("end", [{"closed": True}, {"expires_in": 1}])
async def test_the_end_stops_creations_but_not_running_uploads(api: Api, dialect: str, end: dict[str, Any]) -> None:
    link = await new_link(api)
    guest, content = await browser(api, link), make_mp3(3, seed=next(_seeds))
    created = await create_native(guest, content)
    assert (await api.put(created.body["id"], 0, content[: len(content) // 2])).status == 200
    await change_link(api, link, **end)
    await until_ended(api, link)
    refused = await DIALECTS[dialect](guest, new_file())
    assert (refused.status, refused.code) == (410, "link_ended")
    stranger = await DIALECTS[dialect](Guest(api, link), new_file())
    assert (stranger.status, stranger.code) == (404, "unknown_link")
    rest = await api.put(created.body["id"], len(content) // 2, content[len(content) // 2 :])
    assert rest.status == 200
    assert (await api.ended(created.body["id"]))["state"] == "spooled"


async def until_ended(api: Api, link: dict[str, Any]) -> None:
    """Return once the link takes no uploads."""
    while True:
        response = await api.get(f"/api/v1/links/{link['id']}", headers=api.admin)
        if response.body["state"] in ("closed", "expired"):
            return


async def test_strangers_learn_nothing_of_a_link_that_has_ended(api: Api) -> None:
    link = await new_link(api)
    known, stranger = await browser(api, link), await browser(api, link)
    upload = await stored(api, known, new_file())
    await change_link(api, link, closed=True)
    unknown = Guest(api, {"token": "ms_" + "A" * 43})
    for path in ("", "/link", "/uploads", f"/uploads/{upload['id']}/receipt"):
        answers = [await guest.get(path) for guest in (stranger, Guest(api, link), unknown)]
        assert [(answer.status, answer.code) for answer in answers] == [(404, "unknown_link")] * 3
    assert (await known.get("/link")).code == "link_ended"
    page = await known.get("", Accept="text/html")
    assert (page.status, page.headers["Content-Type"]) == (410, "text/html; charset=utf-8")
    assert [row["id"] for row in (await known.get("/uploads")).body["uploads"]] == [upload["id"]]
    assert (await known.get(f"/uploads/{upload['id']}/receipt")).status == 200


async def test_guests_with_one_link_do_not_see_each_other(api: Api) -> None:
    link = await new_link(api)
    first, second = await browser(api, link), await browser(api, link)
    upload = await stored(api, first, new_file())
    assert [row["id"] for row in (await first.get("/uploads")).body["uploads"]] == [upload["id"]]
    assert (await second.get("/uploads")).body["uploads"] == []
    upload_path = f"/api/v1/uploads/{upload['id']}"
    for headers in (second.headers, second.bearer):
        assert (await api.get(f"/api/v1/files/{upload['file']['id']}", headers=headers)).code == "unknown_file"
        changed = await api.request("PATCH", upload_path, json={"sender": "Eve"}, headers=headers)
        assert changed.code == "unknown_upload"
    assert (await api.get(upload_path, headers=second.bearer)).code == "unknown_upload"
    assert (await second.get(f"/uploads/{upload['id']}/receipt")).code == "unknown_upload"
    assert (await api.get("/api/v1/uploads", headers=second.bearer)).body["uploads"] == []


async def test_scripts_with_one_secret_list_nothing(api: Api) -> None:
    script = Guest(api, await new_link(api))
    upload = await stored(api, script, new_file())
    assert upload["state"] == "spooled"
    assert (await script.get("/uploads")).body["uploads"] == []
    assert (await script.get(f"/uploads/{upload['id']}/receipt")).status == 200


async def test_a_receipt_says_what_arrived(api: Api) -> None:
    guest, content = await browser(api, await new_link(api)), new_file()
    created = await create_native(guest, content, name="Kim")
    path = f"/uploads/{created.body['id']}/receipt"
    assert (await guest.get(path)).code == "wrong_state"
    upload = await api.send_all(created.body["id"], content)
    receipt = (await guest.get(path, Accept="application/json")).body
    assert receipt == {
        "link": "Night",
        "name": "show.mp3",
        "sender": "Kim",
        "bytes": len(content),
        "sha256": upload["digest"],
        "duration": upload["duration"],
        "received_at": upload["updated_at"],
        "id": upload["id"],
    }
    text = (await guest.get(path)).body.decode()
    assert f"sha256: {upload['digest']}\n" in text
    assert f"bytes: {len(content)}\n" in text


async def test_opening_a_link_uses_nothing_of_it(api: Api) -> None:
    link = await new_link(api, files_max=2, bytes_max=1000)
    before = (await api.get(f"/api/v1/links/{link['id']}", headers=api.admin)).body
    for method in ("GET", "HEAD") * 50:
        assert (await api.request(method, Guest(api, link).page)).status == 200
    assert (await api.get(f"/api/v1/links/{link['id']}", headers=api.admin)).body == before
    shown = (await Guest(api, link).get("/link")).body
    assert (shown["left"], shown["state"]) == ({"files": 2, "bytes": 1000}, "open")


@pytest.mark.parametrize("dialect", DIALECTS)
async def test_a_link_takes_nothing_before_it_opens(api: Api, dialect: str) -> None:
    link = await new_link(api, opens_at="2999-01-01T00:00:00Z", expires_in=None)
    guest = await browser(api, link)
    assert (await guest.get("/link")).body["state"] == "early"
    assert (await DIALECTS[dialect](guest, new_file())).code == "link_early"


@pytest.mark.parametrize("dialect", DIALECTS)
async def test_a_passphrase_is_needed_in_every_dialect(api: Api, dialect: str) -> None:
    link = await new_link(api, passphrase="Nachtmusik", note="Psst")
    guest, create = await browser(api, link), DIALECTS[dialect]
    refused = await create(guest, new_file())
    assert (refused.status, refused.code) == (403, "passphrase_required")
    for given, status in (("nachtmusik", 403), ("Nachtmusik", 201)):
        headers = guest.headers | {"Upload-Passphrase": given}
        assert (await create(Guest(api, link, headers), new_file())).status == status


async def test_a_passphrase_is_given_once_by_a_browser(api: Api) -> None:
    link = await new_link(api, passphrase="Nachtmusik", note="Psst")
    guest = await browser(api, link)
    shown = (await guest.get("/link")).body
    assert (shown["needs_passphrase"], shown["note"]) == (True, "")
    assert b"Psst" not in (await guest.get()).body

    async def give(passphrase: str) -> Any:
        body = {"passphrase": passphrase}
        return await api.request("POST", f"{guest.page}/passphrase", json=body, headers=guest.headers)

    assert (await give("wrong")).code == "passphrase_required"
    cookie = (await give("Nachtmusik")).headers["Set-Cookie"].partition(";")[0]
    entered = Guest(api, link, {"Cookie": f"{guest.headers['Cookie']}; {cookie}"})
    shown = (await entered.get("/link")).body
    assert (shown["needs_passphrase"], shown["note"]) == (False, "Psst")
    assert (await create_native(entered, new_file())).status == 201
    await change_link(api, link, passphrase="Zauberflöte")
    assert (await create_native(entered, new_file())).code == "passphrase_required"


async def test_a_form_brings_the_passphrase_before_its_file(api: Api) -> None:
    guest = await browser(api, await new_link(api, passphrase="Nachtmusik"))
    data = form(new_file(), {"passphrase": "Nachtmusik"})
    assert (await api.request("POST", guest.page, data=data, headers=guest.headers)).status == 201


async def test_the_page_keeps_its_url_to_itself(api: Api) -> None:
    link = await new_link(api, note="Mono & <fine>", asks={"name": "required", "title": "optional"})
    page = await Guest(api, link).get("", Accept="text/html")
    markup = page.body.decode()
    assert link["token"] not in markup
    assert '<meta name="media-service-link" content="../">' in markup
    assert '<meta name="referrer" content="no-referrer">' in markup
    assert "same-origin" not in markup
    assert '"static/' not in markup
    assert "Mono &amp; &lt;fine&gt;" in markup
    assert 'name="name" maxlength="200" autocomplete="name" required' in markup
    assert 'name="email"' not in markup
    for path in ("", "/link", "/uploads", "/uploads/nothing/receipt"):
        headers = (await Guest(api, link).get(path)).headers
        assert [headers[name] for name in ("Referrer-Policy", "X-Robots-Tag", "Cache-Control")] == [
            "no-referrer",
            "noindex",
            "no-store",
        ]


async def test_the_form_of_the_page_is_taken_though_it_hides_its_origin(api: Api) -> None:
    guest = await browser(api, await new_link(api))
    for site, status in ((None, 201), ("same-origin", 201), ("cross-site", 403)):
        headers = guest.headers | {"Origin": "null"} | ({} if site is None else {"Sec-Fetch-Site": site})
        sent = await api.request("POST", guest.page, data=form(new_file(), {}), headers=headers)
        assert sent.status == status
    refused = await api.request("POST", "/upload", data=form(new_file(), {}), headers=guest.bearer | {"Origin": "null"})
    assert refused.code == "forbidden_origin"


async def test_a_refused_form_is_shown_again_with_what_was_typed(api: Api) -> None:
    link = await new_link(api, asks={"name": "required", "email": "optional"}, passphrase="Nachtmusik")
    guest = await browser(api, link)
    data = form(new_file(), {"email": "kim@radio.example", "passphrase": "Nachtmusik"})
    headers = guest.headers | {"Accept": "text/html"}
    refused = await api.request("POST", guest.page, data=data, headers=headers)
    markup = refused.body.decode()
    assert refused.status == 422
    assert 'action=""' in markup
    assert 'value="kim@radio.example"' in markup
    assert "Nachtmusik" not in markup
    assert link["token"] not in markup


async def test_the_secret_stands_in_no_row_and_no_log(api: Api, server: Server) -> None:
    link = await new_link(api)
    guest = await browser(api, link)
    await stored(api, guest, new_file())
    with closing(sqlite3.connect(server.data / "catalogue.sqlite3")) as rows:
        names = [name for (name,) in rows.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
        dumped = repr([rows.execute(f"SELECT * FROM {name}").fetchall() for name in names if "grams" not in name])
    assert f"link:{link['id']}" in dumped
    assert link["token"] not in dumped
    assert link["token"].removeprefix("ms_") not in dumped
    assert server.log is not None
    logged = server.log.read_text()
    assert "link_made" in logged
    assert not re.search(r"ms_[A-Za-z0-9_-]{8}", logged)


async def test_an_upload_by_a_link_says_so(api: Api) -> None:
    link = await new_link(api, reference="show 7")
    guest = await browser(api, link)
    upload = await stored(api, guest, new_file())
    expected = {"link": {"id": link["id"], "title": "Night"}, "reference": "show 7"}
    assert {name: upload[name] for name in expected} == expected
    file = (await api.get(f"/api/v1/files/{upload['file']['id']}", headers=guest.headers)).body
    assert {name: file[name] for name in expected} == expected
    plain = await api.create(length=5)
    assert (plain["link"], plain["reference"]) == (None, None)
    listed = await api.listed("limit=20")
    assert [row["link"] for row in listed if row["id"] == upload["id"]] == [expected["link"]]


@pytest.mark.parametrize("dialect", DIALECTS)
async def test_three_at_once_against_two_files_give_two(api: Api, dialect: str) -> None:
    link = await new_link(api, files_max=2, bytes_max=10**9)
    guest, create = await browser(api, link), DIALECTS[dialect]
    answers = await asyncio.gather(*(create(guest, new_file()) for _ in range(3)))
    assert sorted(answer.status for answer in answers) == [201, 201, 413]
    (refused,) = (answer for answer in answers if answer.status == 413)
    assert (refused.code, refused.body["of"], refused.body["limit"]) == ("quota_exceeded", "link", 2)
    assert (await guest.get("/link")).body["left"]["files"] == 0
    if dialect == "form":
        return
    upload_id = next(answer for answer in answers if answer.status == 201).headers["Location"].rpartition("/")[2]
    path = f"/api/v1/uploads/{upload_id}"
    assert (await api.request("DELETE", path, headers=guest.bearer)).status == 204
    assert (await create(guest, new_file())).status == 201


async def test_a_link_bounds_bytes_and_the_bytes_of_a_file(api: Api) -> None:
    content = new_file()
    link = await new_link(api, bytes_max=len(content) + 1, file_bytes_max=len(content))
    guest = await browser(api, link)
    too_large = await create_native(guest, content + b"+")
    assert (too_large.status, too_large.code) == (413, "file_too_large")
    assert (await stored(api, guest, content))["state"] == "spooled"
    assert (await create_native(guest, new_file())).code == "quota_exceeded"


async def test_links_without_limits_of_their_own_have_those_of_the_settings(api: Api) -> None:
    link = await new_link(api)
    assert (link["files_max"], link["left"]) == (None, {"files": 100, "bytes": 10 * 1024**3})


FRIEND, OTHER = "https://radio.example", "https://other.example"


async def test_a_backend_lets_a_browser_on_its_own_site_send_here(api: Api) -> None:
    link = await new_link(api, allowed_origins=[FRIEND], files_max=1, reference="show 7")
    other_link = await new_link(api, allowed_origins=[OTHER])
    cross_site = {"Origin": FRIEND, "Sec-Fetch-Site": "cross-site"}
    asked = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization"}
    preflight = await api.request("OPTIONS", "/tus/", headers=cross_site | asked)
    assert (preflight.status, preflight.headers["Access-Control-Allow-Origin"]) == (204, FRIEND)
    stranger = cross_site | {"Origin": "https://stranger.example"} | asked
    assert "Access-Control-Allow-Origin" not in (await api.request("OPTIONS", "/tus/", headers=stranger)).headers
    created = await DIALECTS["tus"](Guest(api, link, cross_site), new_file())
    assert (created.status, created.headers["Access-Control-Allow-Origin"]) == (201, FRIEND)
    assert created.headers["Vary"] == "Origin"
    for guest in (Guest(api, other_link, cross_site), Guest(api, link, cross_site | {"Origin": OTHER})):
        refused = await DIALECTS["tus"](guest, new_file())
        assert (refused.status, refused.code) == (403, "forbidden_origin")
        assert "Access-Control-Allow-Origin" not in refused.headers
