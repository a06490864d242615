"""The site's pages, opened from the folder it was built into: formulas, search, dark mode, and sliders that move."""

from functools import partial

import editions
import jax.numpy as jnp
import nbformat
import numpy as np
import pytest
from axe import violations
from connection import move_the_first_slider
from lab import stroke, until, watched
from loopback import serve
from notebook import FOLDER, names

from vaelib.pretrained import load_pretrained

PAGES = {
    "docs/index": "bernoulli-z2",
    "notebooks/07_training": "bernoulli-z20",
    "ko/notebooks/00_start_here": "bernoulli-z2",
}


@pytest.mark.parametrize("name", PAGES)
def test_a_slider_moves_the_digit_in_the_page(page, site, name):
    page.goto((site / f"{name}.html").as_uri())
    frame = 'iframe:not([src*="lab.html"])'
    page.locator(frame).first.scroll_into_view_if_needed()
    inner = page.frame_locator(frame).first
    canvas = inner.locator("canvas").first
    canvas.wait_for()
    before = canvas.evaluate("c => Array.from(c.pixels)")
    slider = inner.get_by_role("slider").first
    for _ in range(10):
        slider.press("ArrowRight")
    z, pixels = canvas.evaluate("c => [c.z, Array.from(c.pixels)]")
    assert max(z) > 0
    assert np.abs(np.array(pixels) - before).max() > 0.05
    expected = load_pretrained(PAGES[name]).decode(jnp.asarray(z, jnp.float32)).mean
    np.testing.assert_allclose(pixels, expected, atol=1e-3)


def in_language(language):
    """What a text of the package is in the language."""
    known = editions.lookup(language, "")
    return lambda text: known(text) or text


def folder_of(site, language):
    return site if language == "en" else site / language


def a_step_changes_the_plane(inner, say):
    step = say("Step {steps}, {images} images").partition(",")[0]
    inner.locator(".status", has_text=step.format(steps=0)).wait_for()
    before = inner.locator("canvas.codes").first.evaluate("c => c.toDataURL()")
    inner.get_by_role("button", name=say("One step"), exact=True).click()
    inner.locator(".status", has_text=step.format(steps=1)).wait_for()
    assert inner.locator("canvas.codes").first.evaluate("c => c.toDataURL()") != before


def sliders_change_the_picture(page, inner):
    canvas = inner.locator("canvas").first
    inner.get_by_role("slider").first.wait_for()
    picture = partial(canvas.evaluate, "c => c.toDataURL()")
    shown = canvas.evaluate("c => c.cloneNode().toDataURL()")  # nothing
    until(page, lambda: picture() != shown)
    for slider in inner.get_by_role("slider").all()[:3]:
        shown = picture()
        at_the_end = slider.evaluate("e => e.value === e.max")
        slider.press("Home" if at_the_end else "End")
        until(page, lambda shown=shown: picture() != shown)


def every_frame_moves(page, frames, say):
    """Use what each of the frames shows, and see it change; how many there are."""
    for number in range(frames.count()):
        frames.nth(number).scroll_into_view_if_needed()
        page.wait_for_function("frame => frame.src", arg=frames.nth(number).element_handle())
        address, inner = frames.nth(number).get_attribute("src"), frames.nth(number).content_frame
        if address.endswith("draw.html"):
            assert_follows_the_hand(page, inner)
        elif "explorers/lab.html" in address:
            inner.get_by_role("slider").first.wait_for()
            a_step_changes_the_plane(inner, say)
        else:
            sliders_change_the_picture(page, inner)
    return frames.count()


@pytest.mark.parametrize("name", names())
@pytest.mark.parametrize(
    "language", [pytest.param(name, marks=() if name == "en" else pytest.mark.slow) for name in editions.LANGUAGES]
)
def test_every_widget_of_a_notebook_moves_without_a_kernel_or_is_there_to_read(browser, site, name, language):
    context = browser.new_context(viewport={"width": 1400, "height": 900})
    page = watched(context.new_page())
    page.goto((folder_of(site, language) / "notebooks" / f"{name}.html").as_uri())
    cells = nbformat.read(FOLDER / f"{name}.ipynb", as_version=4).cells
    outputs = [output for cell in cells if cell.cell_type == "code" for output in cell.outputs]
    kinds = [output.get("data", {}).keys() for output in outputs]
    widgets = [kind for kind in kinds if "application/vnd.jupyter.widget-view+json" in kind]
    read = [kind for kind in widgets if "text/html" in kind]
    moved = every_frame_moves(page, page.locator("figure.explorer iframe"), in_language(language))
    assert moved == len(widgets) - len(read) > 0
    assert page.locator('article table[aria-live="polite"]:visible').count() == len(read)
    context.close()
    assert page.faults == []


@pytest.mark.slow
@pytest.mark.parametrize("language", editions.LANGUAGES)
def test_every_widget_of_the_other_pages_moves(browser, site, language):
    context, found = browser.new_context(viewport={"width": 1400, "height": 900}), {}
    page, folder = watched(context.new_page()), folder_of(site, language)
    for path in (*sorted(folder.glob("*.html")), *sorted(folder.glob("docs/*.html"))):
        if "<iframe" not in path.read_text(encoding="utf-8"):
            continue
        page.goto(path.as_uri())
        found[path.relative_to(folder).as_posix()] = every_frame_moves(
            page, page.locator("iframe"), in_language(language)
        )
    page.goto((folder / "lab.html").as_uri())
    a_step_changes_the_plane(page, in_language(language))
    context.close()
    assert page.faults == []
    assert {"index.html", "docs/index.html"} <= set(found)
    assert all(found.values())


def assert_follows_the_hand(page, inner):
    """A stroke on the paper reaches what the encoder sees, and its q(z|x) in words."""
    caption, paper = inner.locator(".caption"), inner.locator(".paper")
    inner.locator(".caption", has_text="q(z|x)").wait_for()
    before = caption.inner_text()
    stroke(page, paper, bottom=160)
    inner.locator(".caption", has_not_text=before).wait_for()
    pixels = inner.locator("canvas").nth(1).evaluate("c => c.pixels")
    assert max(pixels.values() if isinstance(pixels, dict) else pixels) == 1


def test_formulas_are_set_without_the_network(page, site):
    page.goto((site / "notebooks" / "03_elbo.html").as_uri())
    page.locator("article mjx-container").first.wait_for()
    assert page.locator("article mjx-container").count() > 100
    assert page.locator("article mjx-merror").count() == 0


def test_search_finds_a_word_of_the_argument(page, site):
    with serve(site) as address:  # opened from disk, the results come without their excerpts
        page.goto(f"{address}/search.html?q=collapse")
        page.locator("#search-results li .context").first.wait_for()
        found = page.locator("#search-results li a").all_inner_texts()
    assert any("10." in title for title in found)


@pytest.mark.parametrize("word", ["KL", "ELBO", "prior", "posterior", "active unit"])
def test_search_finds_the_glossary_first_for_its_own_words(page, site, word):
    with serve(site) as address:
        page.goto(f"{address}/search.html?q={word}")
        first = page.locator("#search-results li a").first
        first.wait_for()
        page.wait_for_load_state("networkidle")  # the excerpts
        assert first.get_attribute("href").startswith("docs/glossary.html#term-")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [400, 1400])
def test_pages_fit_the_screen(browser, site, width, scheme):
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
    page = context.new_page()
    for name in ("docs/index", "notebooks/03_elbo", "docs/glossary", "docs/teaching", "docs/figures"):
        page.goto((site / f"{name}.html").as_uri())
        page.locator("article").wait_for()
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert page.locator("html").get_attribute("data-theme") == scheme
    context.close()


def every_page(site):
    """The pages of all languages."""
    pages = sorted(path for path in site.rglob("*.html") if "_static" not in path.parts)
    assert len(pages) > 30
    return pages


def broken_rules(browser, site, paths, width, scheme):
    """What axe finds in the pages, opened from disk."""
    context = browser.new_context(
        viewport={"width": width, "height": 900}, color_scheme=scheme, reduced_motion="reduce"
    )
    page = context.new_page()
    found = {}
    for path in paths:
        page.goto(path.as_uri())
        if broken := violations(page):
            found[path.relative_to(site).as_posix()] = broken
    context.close()
    return found


@pytest.mark.parametrize(("width", "scheme"), [(390, "light"), (1400, "dark")])
def test_axe_finds_nothing(browser, site, width, scheme):
    docs = (f"docs/{name}" for name in ("index", "teaching", "figures", "claims", "references"))
    names = ("index", "lab", "search", *docs, "notebooks/03_elbo", "ko/notebooks/00_start_here")
    paths = [site / f"{name}.html" for name in names]
    assert broken_rules(browser, site, paths, width, scheme) == {}


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1400])
def test_axe_finds_nothing_on_any_page(browser, site, width, scheme):
    assert broken_rules(browser, site, every_page(site), width, scheme) == {}


FRAME = "addEventListener('frame', ({ detail }) => (window.frame = detail), { capture: true })"


def open_front(page, site):
    """The front page from disk; `window.frame` is what its lab showed last."""
    page.add_init_script(FRAME)
    page.goto((site / "index.html").as_uri())


@pytest.mark.parametrize(("width", "height"), [(390, 844), (1400, 900)])
def test_the_first_screenful_of_the_front_page_trains_before_much_was_sent(browser, site, width, height):
    context = browser.new_context(viewport={"width": width, "height": height}, has_touch=width < 500)
    page, sent = watched(context.new_page()), []
    page.on("response", lambda response: sent.append(len(response.body())))
    page.add_init_script(FRAME)
    with serve(site) as address:
        page.goto(f"{address}/index.html", wait_until="commit")
        page.wait_for_function("() => window.frame?.heldOut")
        for part in (page.locator("#lab button").first, page.locator("canvas.codes")):
            box = part.bounding_box()
            assert box["y"] + box["height"] <= height
        after = page.wait_for_function("() => window.frame.steps > 60 && window.frame.heldOut").json_value()
        assert after["recon"] - after["kl"] > -300, "untrained it is -543 nats"
        page.get_by_role("switch", name="KL to the prior").uncheck()
        page.get_by_role("button", name="Pause").click()
        assert sum(sent) < 1_000_000
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        page.get_by_role("link", name="the whole lab, at these settings").click()
        page.wait_for_function("() => location.pathname.endsWith('lab.html') && window.frame?.heldOut")
        assert not page.get_by_role("switch", name="KL to the prior").is_checked()
    context.close()
    assert page.faults == []


@pytest.mark.parametrize("width", [390, 1400])
def test_the_front_page_pauses_when_its_digits_have_parted_and_moves_nothing_meanwhile(page, site, width):
    page.set_viewport_size({"width": width, "height": 900})
    open_front(page, site)
    page.wait_for_function("() => window.frame?.steps >= 600 && !window.frame.playing")
    plane = page.locator(".vaelib-lab canvas").first
    at_rest = plane.bounding_box()
    page.get_by_role("button", name="Play").click()
    page.wait_for_function("() => window.frame.playing && window.frame.steps > 800")
    page.wait_for_function("() => document.querySelector('.vaelib-lab .status')?.textContent.includes('images/s')")
    assert plane.bounding_box() == at_rest


def test_the_front_page_leaves_its_lab_to_the_reader_who_has_touched_it(page, site):
    open_front(page, site)
    page.wait_for_function("() => window.frame?.steps > 10")
    page.get_by_role("switch", name="KL to the prior").uncheck()
    page.wait_for_function("() => window.frame.playing && window.frame.steps > 800")


def test_the_front_page_trains_by_itself_for_no_one_who_wants_less_motion(browser, site):
    context = browser.new_context(reduced_motion="reduce")
    page = watched(context.new_page())
    open_front(page, site)
    page.wait_for_function("() => window.frame?.heldOut")
    page.wait_for_timeout(3000)
    assert page.evaluate("window.frame.steps") == 0
    page.get_by_role("button", name="Play").click()
    page.wait_for_function("() => window.frame.steps > 10")
    context.close()
    assert page.faults == []


def test_the_first_slider_of_the_front_page_waits_for_no_training_images(page, site):
    first, _, _ = (site / "index.html").read_text(encoding="utf-8").partition("PAGE.learn(")
    assert len(first.encode()) < 220_000, "a second at 1.6 Mbit/s"
    page.route("**/index.html", lambda route: route.fulfill(body=f"{first}</script>", content_type="text/html"))
    page.add_init_script(FRAME)
    with serve(site) as address:
        page.goto(f"{address}/index.html")
        page.wait_for_function("() => window.frame?.heldOut")
        slider = page.get_by_role("slider").first
        before = slider.get_attribute("aria-valuetext")
        slider.press("End")
        assert slider.get_attribute("aria-valuetext") != before
        page.get_by_role("button", name="Play").click()
        page.wait_for_function("() => window.frame.playing")
        assert page.evaluate("window.frame.steps") == 0
        page.goto("about:blank")


def test_a_trained_decoder_of_the_front_page_decodes(page, site):
    page.goto((site / "index.html").as_uri())
    page.locator("iframe.driving").scroll_into_view_if_needed()
    inner = page.frame_locator("iframe.driving")
    canvas = inner.locator("canvas").first
    canvas.wait_for()
    inner.get_by_role("slider", name="z₁").press("End")
    z, pixels = canvas.evaluate("c => [c.z, Array.from(c.pixels)]")
    assert z[0] > 1
    expected = load_pretrained("bernoulli-z2").decode(jnp.asarray(z, jnp.float32)).mean
    np.testing.assert_allclose(pixels, expected, atol=1e-3)


def test_the_lab_of_the_site_trains_and_wears_its_colours(page, site):
    open_front(page, site)
    page.get_by_role("link", name="Open the whole lab").click()
    page.wait_for_function("() => location.pathname.endsWith('lab.html') && window.frame?.heldOut")
    painted = "document.querySelector('canvas.codes').toDataURL()"
    before = page.evaluate(painted)
    page.locator("#theme").click()  # light
    page.locator("#theme").click()  # dark
    assert page.locator("html").get_attribute("data-theme") == "dark"
    page.wait_for_function(f"(before) => {painted} !== before", arg=before)
    page.get_by_role("button", name="Play").click()
    page.wait_for_function("() => window.frame.steps > 20 && window.frame.heldOut")
    page.get_by_role("button", name="Pause").click()
    page.wait_for_function("() => !window.frame.playing")
    terms = page.evaluate("window.frame.heldOut")
    assert terms["recon"] - terms["kl"] > -500


@pytest.mark.parametrize("width", [390, 1400])
def test_a_digit_is_drawn_on_the_front_page(browser, site, width):
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme="dark")
    page = watched(context.new_page())
    page.goto((site / "index.html").as_uri())
    page.locator("iframe.drawing").scroll_into_view_if_needed()
    inner = page.frame_locator("iframe.drawing")
    inner.locator(".caption", has_text="q(z|x)").wait_for()
    assert page.frames[-1].evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert page.frames[-1].evaluate("document.documentElement.scrollHeight <= innerHeight"), "nothing is cut off"
    assert inner.locator("html").evaluate("e => e.style.colorScheme") == "dark"
    assert_follows_the_hand(page, inner)
    context.close()
    assert page.faults == []


def test_the_switch_of_colours_reaches_the_frames(page, site):
    page.goto((site / "docs" / "index.html").as_uri())
    inner = page.frame_locator("iframe").first
    inner.locator("canvas").first.wait_for()
    for theme in ("dark", "light"):
        page.locator("button.theme-switch-button:visible").click()
        page.locator(f'.theme-switch-container button[data-mode="{theme}"]:visible').click()
        inner.locator(f'html[style*="color-scheme: {theme}"]').wait_for()
        assert page.locator("iframe").first.evaluate("f => getComputedStyle(f).colorScheme") == theme


CUT = """() => [...document.querySelectorAll("article mjx-container")].filter((set) => {
  const right = set.getBoundingClientRect().right;
  for (let el = set; el && right > innerWidth; el = el.parentElement)
    if (["auto", "scroll"].includes(getComputedStyle(el).overflowX)) return false;
  return right > innerWidth;
}).length"""


def cut_off(page, path):
    """How many formulas of the page are cut off, and by how many pixels it is wider than the screen."""
    page.goto(path.as_uri())
    page.wait_for_function(
        "() => !document.querySelector('article .math') || window.MathJax?.startup?.promise?.then(() => true)"
    )
    width = page.evaluate("document.documentElement.scrollWidth - innerWidth")
    return page.evaluate(CUT), max(0, width)


@pytest.mark.parametrize("name", ["notebooks/03_elbo", "notebooks/04_kl", "notebooks/06_decoders", "docs/glossary"])
def test_no_formula_is_cut_off_on_a_phone(browser, site, name):
    context = browser.new_context(viewport={"width": 390, "height": 844})
    page = context.new_page()
    assert cut_off(page, site / f"{name}.html") == (0, 0)
    assert page.locator("article mjx-container").count() > 20
    context.close()


@pytest.mark.slow
def test_no_formula_of_any_page_is_cut_off_on_a_phone(browser, site):
    context, found, formulas = browser.new_context(viewport={"width": 390, "height": 844}), {}, 0
    page = context.new_page()
    for path in every_page(site):
        found[path.relative_to(site).as_posix()] = cut_off(page, path)
        formulas += page.locator("article mjx-container").count()
    context.close()
    assert {name: cut for name, cut in found.items() if cut != (0, 0)} == {}
    assert formulas > 1000


@pytest.mark.slow
@pytest.mark.parametrize("language", editions.LANGUAGES)
def test_the_first_slider_moves_before_a_megabyte_was_sent_by_a_slow_connection(browser, site, language):
    context = browser.new_context(viewport={"width": 390, "height": 844}, has_touch=True)
    page = watched(context.new_page())
    with serve(site) as address:
        front = f"{address}/index.html" if language == "en" else f"{address}/{language}/index.html"
        _, received = move_the_first_slider(page, front)
    context.close()
    assert 100_000 < received < 1_000_000
    assert page.faults == []
