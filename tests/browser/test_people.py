"""Guests, persons and admins: the page of a link, signing in by name, and what the admin manages."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Visitor
from tests.browser.page_objects import button, pick, state
from tests.browser.people_scenes import ask
from tests.support.server import Server

Make = Callable[..., Path]

PHONE: dict[str, Any] = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
PASSWORD = "correct horse"  # of a test's person


@pytest.fixture(scope="module")
def station(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Yield a server on which uploading needs an account or a link, with two shows and an editor."""
    data = tmp_path_factory.mktemp("station") / "data"
    data.mkdir()
    with Server(data, host="0.0.0.0", contact="studio@radio.example") as running:
        for slug, title in (("sunday", "Sunday Night"), ("morning", "Morning Talk")):
            ask(running, "POST", "collections", {"slug": slug, "title": title})
        editor = {"name": "Kim", "role": "editor", "password": PASSWORD, "collections": "all"}
        ask(running, "POST", "people", editor)
        yield running


def sign_in(page: Page, name: str, password: str) -> None:
    """Sign in by name and password."""
    form = page.locator(".sign-in-form")
    form.get_by_label("Name").fill(name)
    form.get_by_label("Password").fill(password)
    form.get_by_role("button", name="Sign in").click()


def test_a_guest_sends_by_a_link_from_a_phone_and_has_the_receipt_after_its_end(
    station: Server, visitor: Visitor, mp3: Make
) -> None:
    visitor.failed_loads_expected = True
    terms = {"title": "Night of Guests", "note": "Two each.\nThanks!", "files_max": 3, "asks": {"name": "required"}}
    link = ask(station, "POST", "links", terms | {"collection": "sunday"})
    page = visitor.visit(link["url"], **PHONE)
    expect(page.get_by_role("heading", name="Night of Guests")).to_be_visible()
    facts = page.locator("[data-ref=link-facts]")
    expect(facts).to_contain_text("3 more files")
    expect(facts).to_contain_text("(your time)")
    expect(page.locator(".sign-in-form")).to_have_count(0)
    # What the link says is read before the button.
    assert page.evaluate(BEFORE, [".note-of-link", "[data-ref=choose]"])
    assert page.evaluate(BEFORE, ["[data-asked=name] input", "[data-ref=choose]"])

    pick(page, mp3("guest.mp3"))
    waiting = state(page, "guest.mp3", "queued")
    expect(page.get_by_label("Your name (required)")).to_be_focused()
    page.wait_for_timeout(500)
    expect(waiting).to_have_attribute("data-state", "queued")
    page.get_by_label("Your name (required)").fill("Park")
    state(page, "guest.mp3", "ready")
    expect(facts).to_contain_text("2 more files")
    (upload,) = ask(station, "GET", "uploads?scope=all&limit=1")["uploads"]
    assert [upload["sender"], upload["collection"]] == ["Park", "sunday"]

    ask(station, "DELETE", f"links/{link['id']}")
    page.reload()
    expect(page.locator("[data-ref=link-said]")).to_contain_text("This link has ended")
    expect(page.locator("[data-ref=choose]")).to_be_hidden()
    page.locator(".sent-uploads summary").click()
    page.get_by_role("button", name="Receipt: “guest.mp3”").click()
    expect(page.locator("[data-ref=receipt]")).to_contain_text("SHA-256")
    stranger = visitor.tab(visitor.visit(station.url).context)
    response = stranger.goto(link["url"])
    assert response is not None
    assert response.status == 404


BEFORE = """([first, second]) => Boolean(document.querySelector(first)
    .compareDocumentPosition(document.querySelector(second)) & Node.DOCUMENT_POSITION_FOLLOWING)"""


def test_a_link_asks_for_its_passphrase_first(station: Server, visitor: Visitor) -> None:
    visitor.failed_loads_expected = True
    link = ask(station, "POST", "links", {"title": "Secret", "note": "Unseen", "passphrase": "open sesame"})
    page = visitor.visit(link["url"])
    form = page.locator(".passphrase")
    expect(page.locator("[data-ref=choose]")).to_be_hidden()
    form.get_by_label("Passphrase").fill("wrong")
    form.get_by_role("button", name="Continue").click()
    expect(form.get_by_role("alert")).to_have_text("That is not the passphrase.")
    form.get_by_label("Passphrase").fill("open sesame")
    form.get_by_role("button", name="Continue").click()
    expect(page.locator(".note-of-link")).to_have_text("Unseen")
    expect(page.locator("[data-ref=choose]")).to_be_visible()


def test_a_person_signs_in_by_name_in_the_middle_of_a_queue(station: Server, visitor: Visitor, mp3: Make) -> None:
    visitor.failed_loads_expected = True
    page = visitor.visit(station.url)
    banner = page.locator("[data-ref=sign-in] section")
    expect(banner).to_contain_text("You need a link from the station, or an account.")
    expect(banner.get_by_role("link", name="studio@radio.example")).to_be_visible()
    files = [mp3(f"queue {number}.mp3", 60) for number in range(3)]
    pick(page, *files)
    state(page, files[0].name, "waiting")
    sign_in(page, "Kim", "not that one")
    expect(banner.get_by_role("alert")).to_have_text("Name and password do not match.")
    sign_in(page, "kim", PASSWORD)
    expect(page.locator(".account")).to_contain_text("Kim")
    for file in files:
        state(page, file.name, "ready", 40)
    expect(banner).to_have_count(0)
    page.get_by_role("combobox", name="Show").select_option("Morning Talk")
    pick(page, mp3("for a show.mp3"))
    state(page, "for a show.mp3", "ready")
    uploads = ask(station, "GET", "uploads?scope=all&limit=4")["uploads"]
    assert [upload["collection"] for upload in uploads] == ["morning", None, None, None]
    page.get_by_role("link", name="Library").click()
    page.get_by_role("link", name="Files", exact=True).click()
    page.get_by_role("button", name="Show", exact=True).click()
    page.get_by_role("menuitemradio", name="Morning Talk").click()
    expect(page.locator("tbody .title")).to_have_text(["for a show.mp3"])
    page.get_by_role("button", name="Sign out").click()
    expect(page.locator(".sign-in-form")).to_be_visible()


def test_an_invitation_lets_one_choose_a_password_once(station: Server, visitor: Visitor) -> None:
    visitor.failed_loads_expected = True
    url = ask(station, "POST", "people", {"name": "Choi", "role": "sender"})["invitation_url"]
    page = visitor.visit(url)
    assert page.url == f"{station.url}/"
    form = page.locator(".sign-in-form")
    form.get_by_label("New password").fill("short")
    form.get_by_role("button", name="Sign in").click()
    expect(form.get_by_role("alert")).to_contain_text("at least 8 characters")
    form.get_by_label("New password").fill(PASSWORD)
    form.get_by_role("button", name="Sign in").click()
    expect(page.locator(".account")).to_contain_text("Choi")
    expect(page.get_by_role("link", name="Library")).to_have_count(0)
    other = visitor.visit(url)
    other.locator(".sign-in-form button").click()
    expect(other.locator(".sign-in-form").get_by_role("alert")).to_contain_text("used before")


def make_show(page: Page) -> None:
    """Make a show, whose slug comes from its title."""
    dialog = page.get_by_role("dialog")
    page.get_by_role("link", name="Shows").click()
    page.get_by_role("button", name="New show").click()
    dialog.get_by_label("Title").fill("Café Europa")
    dialog.get_by_role("button", name="Create show").click()
    expect(page.locator(".row:visible").filter(has_text="Café Europa")).to_contain_text("cafe-europa")


def add_person(page: Page) -> None:
    """Add an editor, after a name that is taken."""
    dialog = page.get_by_role("dialog")
    page.get_by_role("link", name="People").click()
    page.get_by_role("button", name="Add a person").click()
    dialog.get_by_label("Name").fill("KIM")
    dialog.get_by_role("button", name="Add").click()
    expect(dialog.locator("[data-wrong=name]")).to_have_text("This name is taken.")
    dialog.get_by_label("Name").fill("Seo")
    dialog.get_by_label("Role").select_option("editor")
    dialog.get_by_role("button", name="Add").click()
    expect(dialog.locator("code")).to_contain_text("/#invitation=ms_")
    dialog.get_by_role("button", name="Done").click()
    expect(page.locator(".row:visible").filter(has_text="Seo")).to_contain_text("never signed in")


def make_link(page: Page, url: str) -> None:
    """Make a link, after one without a title, and close it."""
    dialog = page.get_by_role("dialog")
    page.get_by_role("link", name="Links", exact=True).click()
    page.get_by_role("button", name="New link").click()
    dialog.get_by_role("button", name="Create link").click()
    expect(dialog.locator("[data-wrong=title]")).to_have_text("Please fill this in.")
    dialog.get_by_label("Title *").fill("From the admin")
    dialog.get_by_label("Most files").fill("10")
    dialog.get_by_label("Most in all (GB)").fill("1.5")
    dialog.get_by_role("button", name="Create link").click()
    expect(dialog.locator("code")).to_contain_text(f"{url}/u/ms_")
    assert dialog.get_by_role("img").evaluate("picture => picture.complete && picture.naturalWidth > 0")
    dialog.get_by_role("button", name="Done").click()
    expect(page.locator(".row:visible").filter(has_text="From the admin")).to_contain_text("0 of 10 files")
    button(page, "Close", "From the admin").click()
    dialog.get_by_role("button", name="Close").click()
    expect(page.locator(".row:visible").filter(has_text="From the admin")).to_contain_text("closed")


def make_token(page: Page) -> None:
    """Make a token of a person, and revoke it."""
    dialog = page.get_by_role("dialog")
    page.get_by_role("link", name="Tokens").click()
    page.get_by_role("button", name="New token").click()
    dialog.get_by_label("Name").fill("Nightly import")
    dialog.get_by_label("Belongs to").select_option("Seo")
    dialog.get_by_role("button", name="Create token").click()
    expect(dialog.locator("code")).to_contain_text("ms_")
    dialog.get_by_role("button", name="Done").click()
    button(page, "Revoke", "Nightly import").click()
    dialog.get_by_role("button", name="Revoke").click()
    expect(page.locator(".row:visible").filter(has_text="Nightly import")).to_contain_text("revoked")
    expect(page.locator("body")).not_to_contain_text("ms_")


def test_an_admin_makes_a_show_a_person_a_link_and_a_token(station: Server, visitor: Visitor) -> None:
    visitor.failed_loads_expected = True
    page = visitor.visit(f"{station.url}/admin#token={station.token}")
    make_show(page)
    add_person(page)
    make_link(page, station.url)
    make_token(page)
    page.get_by_role("link", name="Audit").click()
    page.get_by_role("searchbox", name="Search names, addresses, ids").fill("Café")
    rows = page.locator(".row:visible")
    expect(rows).to_have_count(1)
    expect(rows).to_contain_text("Show made: Café Europa")
    page.get_by_role("searchbox").fill("Nightly import")
    expect(rows.filter(has_text="Token made")).to_contain_text("may: send files")
    page.get_by_role("button", name="한국어").click()
    expect(rows.filter(has_text="토큰 만듦")).to_contain_text("권한: 파일 보내기")


def test_an_editor_sees_what_their_role_permits(station: Server, visitor: Visitor) -> None:
    visitor.failed_loads_expected = True
    page = visitor.visit(f"{station.url}/admin")
    sign_in(page, "Kim", PASSWORD)
    expect(page.locator("[data-ref=who]")).to_have_text("Kim")
    shown = page.locator(".tabs a:visible")
    expect(shown).to_have_text(["Overview", "Files", "Uploading", "Rejected", "Trash", "Links", "Tokens"])
    page.goto(f"{station.url}/admin#people")
    expect(page.locator("[data-ref=section-start]")).to_be_visible()
    page.get_by_role("link", name="Tokens").click()
    expect(page.locator(".row:visible").filter(has_text="this browser")).to_be_visible()
