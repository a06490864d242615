"""A citation shows its entry of the references: under the pointer, with the keyboard's focus, at a finger's touch."""

import pytest
from axe import violations
from lab import watched

PAGE = "notebooks/03_elbo"
TITLE = "Importance weighted autoencoders."


@pytest.fixture
def cited(page, site):
    """The page, and its citation of Burda et al. in the middle of the prose."""
    page.goto((site / f"{PAGE}.html").as_uri())
    link = page.locator("p a.cited", has_text="Burda et al. 2016").first
    link.scroll_into_view_if_needed()
    return page, link


def test_the_pointer_brings_the_entry_and_may_go_to_it(cited):
    page, link = cited
    assert page.locator(".note:visible").count() == 0
    link.hover()
    note = page.locator(".note:visible")
    assert TITLE in note.inner_text()
    box, line = note.bounding_box(), link.bounding_box()
    assert abs(box["y"] - (line["y"] + line["height"])) < 6
    note.hover()
    page.wait_for_timeout(600)
    assert note.count() == 1, "it stays while it is read"
    page.mouse.move(5, 5)
    note.wait_for(state="hidden")


def test_the_keyboard_brings_the_entry_and_sends_it_away(cited):
    page, link = cited
    link.focus()
    note = page.locator(".note:visible")
    assert TITLE in note.inner_text()
    assert link.get_attribute("aria-describedby") == note.get_attribute("id")
    page.keyboard.press("Escape")
    assert note.count() == 0
    link.blur()
    link.focus()
    assert note.count() == 1
    page.keyboard.press("Tab")
    note.wait_for(state="hidden")


def test_a_citation_leads_to_its_entry(cited):
    page, link = cited
    link.click()
    page.wait_for_url("**/docs/references.html#burda2016")
    assert TITLE in page.locator("#burda2016").inner_text()


def test_at_the_foot_of_the_screen_the_entry_stands_above(cited):
    page, link = cited
    link.evaluate("e => e.scrollIntoView({ block: 'end' })")
    link.hover()
    note = page.locator(".note:visible").bounding_box()
    assert note["y"] + note["height"] <= link.bounding_box()["y"] + 6


def test_the_first_touch_brings_the_entry_and_the_second_follows_the_link(browser, site):
    context = browser.new_context(viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    page = watched(context.new_page())
    page.goto((site / f"{PAGE}.html").as_uri())
    link, note = page.locator("p a.cited", has_text="Burda et al. 2016").first, page.locator(".note:visible")
    link.tap()
    assert TITLE in note.inner_text()
    assert page.url.endswith(f"{PAGE}.html")
    box = note.bounding_box()
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= 390
    page.touchscreen.tap(195, 20)
    note.wait_for(state="hidden")
    link.tap()
    link.tap()
    page.wait_for_url("**/docs/references.html#burda2016")
    context.close()
    assert page.faults == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1400])
@pytest.mark.parametrize("language", [".", "ko"])
def test_axe_finds_nothing_in_an_entry(browser, site, language, width, scheme):
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
    page = context.new_page()
    page.goto((site / language / "docs" / "glossary.html").as_uri())
    page.locator("a.cited").first.focus()
    assert page.locator(".note:visible").count() == 1
    assert violations(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    context.close()
