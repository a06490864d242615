"""The lab in a real browser: it trains, each control changes what it says, and nothing is asked of the network."""

import json
import re
from functools import partial

import numpy as np
import psutil
import pytest
from axe import violations
from lab import FRAMES, assert_labs_hand_over, contrast, finger, heap, watched
from lab import until as until_holds
from loopback import serve

from vaelib.laboratory import save_page
from vaelib.laboratory.weights import flat_weights
from vaelib.languages import LANGUAGES
from vaelib.models import VAE

# Bernoulli, 4,000 digits: untrained it is -543 nats, and the mean image alone reaches -206.
REACHED_IN_5_SECONDS = -230
LISTEN = """
  window.frames_ = [];
  addEventListener('frame', ({ detail }) => (window.frames_ = [detail]), { capture: true });
"""
LAST = "() => window.frames_.at(-1)"


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return save_page(tmp_path_factory.mktemp("lab") / "lab.html")


@pytest.fixture
def opened(page, path):
    """The page from disk, its first frame drawn, and its frames at hand."""
    return open_at(page, path.as_uri())


def open_at(page, address):
    page.add_init_script(LISTEN)
    page.goto(address)
    page.wait_for_function("() => window.frames_?.length && document.querySelector('.status')?.textContent")
    return page


def array(page, expression):
    """Numbers of the last frame."""
    return np.array(page.evaluate(f"() => Array.from(window.frames_.at(-1).{expression})"))


def codes(page):
    return array(page, "mu").reshape(-1, 2)


def steps(page):
    return page.evaluate(f"({LAST})().steps")


def until(page, condition, timeout=60_000):
    """Wait for a frame of which this holds."""
    page.wait_for_function(f"() => {{ const f = window.frames_.at(-1); return {condition}; }}", timeout=timeout)


def train(page, count):
    """Train for so many steps more."""
    goal = steps(page) + count
    page.get_by_role("button", name="Play").click()
    until(page, f"f.steps >= {goal}", timeout=120_000)
    pause(page)


def pause(page):
    page.get_by_role("button", name="Pause").click()
    until(page, "!f.playing && f.heldOut")


def drawn(page):
    """Wait until what the last frame says is on the screen: a frame is painted at the screen's next."""
    page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")


def written(number, decimals):
    """A number as the lab writes it, with the true minus."""
    return f"{number:.{decimals}f}".replace("-", "−")


def read(text):
    """The number that the lab writes so."""
    return float(text.replace("−", "-"))


def held_out(page):
    terms = page.evaluate(f"({LAST})().heldOut")
    return terms["recon"], terms["kl"]


def set_slider(page, name, text):
    """Move a slider by keys to the value that reads so."""
    slider = page.get_by_role("slider", name=name)
    slider.focus()
    slider.press("Home")
    for _ in range(12):
        if slider.get_attribute("aria-valuetext") == text:
            return
        slider.press("ArrowRight")
    raise AssertionError(f"{name} has no value {text}")


@pytest.mark.parametrize("way", ["disk", "server"])
def test_five_seconds_of_training_raise_the_elbo(page, path, way):
    with serve(path.parent) as address:
        open_at(page, path.as_uri() if way == "disk" else f"{address}/{path.name}")
        recon, kl = held_out(page)
        assert recon - kl < -500
        page.get_by_role("button", name="Play").click()
        page.wait_for_timeout(5000)
        pause(page)
        recon, kl = held_out(page)
        assert recon - kl > REACHED_IN_5_SECONDS
        assert f"ELBO {written(recon - kl, 1)} nats" in page.locator(".terms").inner_text()
        assert "images" in page.locator(".status").inner_text()


def test_one_step_pause_reset_and_seed(opened):
    first = codes(opened)
    opened.get_by_role("button", name="One step").click()
    until(opened, "f.steps === 1")
    assert not np.array_equal(codes(opened), first)
    train(opened, 20)
    stopped = steps(opened)
    opened.wait_for_timeout(300)
    assert steps(opened) == stopped
    opened.get_by_role("button", name="Reset").click()
    until(opened, "f.steps === 0")
    np.testing.assert_array_equal(codes(opened), first)
    opened.get_by_label("Seed").fill("1")
    opened.get_by_label("Seed").press("Enter")
    opened.wait_for_function(f"() => window.frames_.at(-1).mu[0] !== {first[0, 0]}")
    assert "seed=1" in opened.locator("code").inner_text()


def test_slow_motion_makes_as_many_steps_as_it_says(opened):
    opened.get_by_label("Speed").select_option("10 steps a second")
    start = opened.evaluate("performance.now()")
    opened.get_by_role("button", name="Play").click()
    until(opened, "f.steps >= 10")
    pause(opened)
    assert steps(opened) <= 10 * opened.evaluate(f"(performance.now() - {start}) / 1000") + 1


def test_without_the_kl_the_codes_spread(opened):
    train(opened, 150)
    with_kl = codes(opened).std()
    opened.get_by_role("switch", name="KL to the prior").uncheck()
    assert opened.get_by_role("slider", name="β, weight of the KL").is_disabled()
    train(opened, 400)
    assert codes(opened).std() > 1.5 * with_kl
    assert "kl=False" in opened.locator("code").inner_text()


def test_a_huge_beta_collapses_the_codes(opened):
    set_slider(opened, "β, weight of the KL", "256")
    train(opened, 300)
    recon, kl = held_out(opened)
    assert kl < 0.2
    assert codes(opened).std() < 0.2
    assert recon < -190, "no better than the mean image"


def test_without_noise_z_is_the_mean(opened):
    opened.get_by_role("button", name="New ε").click()
    until(opened, "f.look.eps.some((v) => v)")
    assert not np.array_equal(array(opened, "look.z"), array(opened, "look.mu"))
    opened.get_by_role("switch", name="Noise in z").uncheck()
    opened.get_by_role("button", name="One step").click()
    until(opened, "f.steps === 1")
    np.testing.assert_array_equal(array(opened, "look.z"), array(opened, "look.mu"))


def test_at_rest_a_control_changes_the_numbers_at_once(opened):
    def after(holds):
        until(opened, holds)
        drawn(opened)
        return {symbol: number_beside(opened, symbol) for symbol in ("mu", "z", "recon", "kl", "loss", "dMu")}

    opened.get_by_role("button", name="New ε").click()
    before = after("f.look.eps.some((v) => v)")
    set_slider(opened, "β, weight of the KL", "4")
    four = after("f.beta === 4")
    assert read(four["loss"]) == pytest.approx(4 * read(four["kl"]) - read(four["recon"]), abs=0.1)
    assert {name for name in four if four[name] != before[name]} == {"loss", "dMu"}
    opened.get_by_role("switch", name="Noise in z").uncheck()
    silent = after("f.look.z[0] === f.look.mu[0]")
    assert silent["z"] == silent["mu"] != before["z"]
    assert silent["recon"] != before["recon"]
    said = opened.locator(".terms").inner_text()
    opened.get_by_label("p(x|z)", exact=True).select_option("Gaussian")
    opened.wait_for_function("said => document.querySelector('.terms').textContent !== said", arg=said)
    assert steps(opened) == 0


def test_training_has_a_curve_and_a_bar_of_its_own(opened):
    said = opened.locator(".bar-of-terms + .says")
    assert said.inner_text() == "Training: no step yet."
    opened.get_by_role("button", name="One step").click()
    until(opened, "f.steps === 1")
    drawn(opened)
    recon, kl = opened.evaluate(f"() => {{ const {{ train }} = ({LAST})(); return [train.recon, train.kl]; }}")
    terms = [written(value, 1) for value in (recon, kl, recon - kl)]
    assert said.inner_text() == "Training: recon {} − KL {} = {} nats".format(*terms)
    assert f"recon, training {terms[0]}" in opened.locator("canvas.curves").first.get_attribute("aria-label")
    opened.get_by_role("button", name="Reset").click()
    until(opened, "f.steps === 0")
    assert said.inner_text() == "Training: no step yet."


def test_a_bar_reaches_from_0_to_the_left_where_the_density_is_above_1(page, path):
    def boxes():
        drawn(page)
        return page.locator(".bar-of-terms").first.evaluate(
            "bar => Array.from(bar.children, (e) => e.getBoundingClientRect()).map(({ left, right }) => [left, right])"
        )

    open_at(page, f"{path.as_uri()}#data=ring&sigma=0.2")
    train(page, 1000)
    recon, kl = held_out(page)
    assert recon > 0
    (left, right), (start, end), zero = boxes()
    assert (right - left) / (end - start) == pytest.approx(recon / kl, rel=0.05)
    assert right == pytest.approx(start, abs=1.5) == pytest.approx(sum(zero) / 2, abs=1.5)


# All that is read on the page, or read out, and all that is drawn into its pictures; no code and no address.
KEEP_DRAWN = """
  window.texts_ = [];
  const { fillText } = CanvasRenderingContext2D.prototype;
  CanvasRenderingContext2D.prototype.fillText = function (text, ...place) {
    window.texts_.push(text);
    fillText.call(this, text, ...place);
  };
"""
READ = """() => [
  ...Array.from(document.querySelectorAll('p:not(.settings), output, .alert, legend, button'), (one) => one.innerText),
  ...Array.from(document.querySelectorAll('*'), (one) => [one.ariaLabel, one.ariaValueText, one.title]).flat(),
  ...window.texts_,
].filter(Boolean)"""


@pytest.mark.parametrize("data", ["images", "ring"])
@pytest.mark.parametrize("language", LANGUAGES)
def test_every_number_that_is_read_has_the_true_minus(page, tmp_path, monkeypatch, language, data):
    monkeypatch.setenv("VAELIB_LANG", language)
    page.add_init_script(KEEP_DRAWN)
    open_at(page, save_page(tmp_path / "lab.html", data=data, beta=1e-7, seed=2).as_uri())
    page.locator(".steering button").nth(1).click()
    until(page, "f.steps === 1")
    drawn(page)
    texts = page.evaluate(READ)
    assert len([text for text in texts if re.search(r"−\d", text)]) > 20
    assert [text for text in texts if re.search(r"-\d", text)] == []
    assert "beta=1e-7" in page.locator("code").inner_text(), "which Python reads"


def test_the_spread_of_the_codes_is_said_beside_the_priors(opened):
    train(opened, 50)
    drawn(opened)
    spread = np.sqrt(np.exp(array(opened, "logVar").reshape(-1, 2)).mean(axis=0) + codes(opened).var(axis=0))
    expected = "over all images: {:.2f} and {:.2f}; the prior's is 1.".format(*spread)
    assert expected in opened.locator(".codes + .says").inner_text()
    assert expected in opened.locator("canvas.codes").get_attribute("aria-label")


@pytest.mark.parametrize("data", ["images", "ring"])
def test_each_panel_says_what_to_look_at(page, path, data):
    open_at(page, f"{path.as_uri()}#data={data}")
    lines = page.locator(".panel").evaluate_all(
        "all => all.map((one) => [one.ariaLabel, one.querySelector(':scope > .look-at')?.textContent ?? ''])"
    )
    assert len(lines) == {"images": 6, "ring": 4}[data]
    assert [name for name, line in lines if len(line.split()) < 8] == []


def test_the_likelihood_and_sigma(opened):
    assert opened.get_by_role("slider", name="σ of the Gaussian").is_disabled()
    bernoulli = held_out(opened)[0]
    opened.get_by_label("p(x|z)", exact=True).select_option("Gaussian")
    opened.get_by_role("button", name="One step").click()
    until(opened, "f.steps === 1")
    narrow = held_out(opened)[0]
    set_slider(opened, "σ of the Gaussian", "1")
    opened.get_by_role("button", name="One step").click()
    until(opened, "f.steps === 2")
    wide = held_out(opened)[0]
    assert len({round(value) for value in (bernoulli, narrow, wide)}) == 3
    assert narrow < wide
    assert 'likelihood="gaussian"' in opened.locator("code").inner_text()


@pytest.mark.parametrize("part", ["encoder", "decoder"])
def test_what_is_frozen_stays(opened, part):
    before, drawn = codes(opened), array(opened, "draws")
    opened.get_by_role("switch", name=f"Freeze the {part}").check()
    train(opened, 10)
    assert np.array_equal(codes(opened), before) == (part == "encoder")
    assert np.array_equal(array(opened, "draws"), drawn) == (part == "decoder")


def test_warm_up_lets_beta_grow(opened):
    set_slider(opened, "Warm-up of β, in steps", "200")
    opened.get_by_role("button", name="One step").click()
    until(opened, "f.steps === 1")
    assert opened.evaluate(f"({LAST})().beta") == pytest.approx(1 / 200)
    assert "β now 0.01" in opened.locator(".status").inner_text()


def test_a_learning_rate_that_breaks_it_is_caught_and_undone(opened):
    for step in range(1, 4):  # exactly so many: after five such a rate leaves a network that is dead, not NaN
        opened.get_by_role("button", name="One step").click()
        until(opened, f"f.steps === {step}")
    set_slider(opened, "Learning rate", "1")
    opened.get_by_role("button", name="Play").click()
    opened.locator(".alert:not([hidden])").wait_for(timeout=60_000)
    assert "became" in opened.locator(".alert").inner_text()
    assert opened.get_by_role("button", name="Play").is_visible()
    opened.get_by_role("button", name="Go back to the last good weights").click()
    until(opened, "!f.fault")
    assert opened.locator(".alert").is_hidden()
    assert np.isfinite(held_out(opened)).all()


def test_more_dimensions_show_the_two_most_active(opened):
    set_slider(opened, "Dimensions of z", "5")
    until(opened, "f.mu.length === 5 * 800")
    opened.wait_for_function("() => document.querySelector('.codes + .says').textContent")
    mu = array(opened, "mu").reshape(-1, 5)
    first, second = sorted(np.argsort(mu.var(axis=0))[-2:] + 1)
    assert (
        opened.locator(".codes + .says")
        .inner_text()
        .startswith(f"z{'₀₁₂₃₄₅'[first]} to the right, z{'₀₁₂₃₄₅'[second]}")
    )


def test_tiles_of_more_dimensions_lie_on_the_plane_that_is_shown(opened):
    set_slider(opened, "Dimensions of z", "5")
    opened.get_by_label("decoded tiles behind").check()
    until(opened, "f.tiles && f.variance.length === 5")
    says = opened.locator(".codes + .says")
    says.filter(has_text="with 0 in all other dimensions").wait_for()
    train(opened, 30)
    assert array(opened, "tiles").size == 15 * 15 * 784
    set_slider(opened, "Dimensions of z", "2")
    until(opened, "f.steps === 0 && f.variance.length === 2")
    assert array(opened, "tiles").size == 15 * 15 * 784
    says.filter(has_not_text="other dimensions").wait_for()


def test_a_reset_and_other_data_leave_the_plane_as_its_checkboxes_say(opened):
    tiles, ellipses = (opened.get_by_label(name) for name in ("decoded tiles behind", "q(z|x) of each image"))
    tiles.check()
    ellipses.check()
    train(opened, 20)
    opened.get_by_role("button", name="Reset").click()
    until(opened, "f.steps === 0 && f.tiles")
    assert tiles.is_checked()
    opened.get_by_label("Data", exact=True).select_option("Doersch's ring")
    until(opened, "f.look.x.length === 2")
    assert ellipses.is_checked()
    opened.get_by_label("Data", exact=True).select_option("Images")
    until(opened, "f.look.x.length === 784 && f.tiles")
    assert tiles.is_checked()
    assert ellipses.is_checked()
    tiles.uncheck()
    until(opened, "!f.tiles")


def test_every_number_on_the_way_is_shown_of_twenty_dimensions(page, path):
    open_at(page, f"{path.as_uri()}#latent=20")
    train(page, 20)
    page.get_by_role("button", name="New ε").click()
    until(page, "f.look.eps.some((v) => v)")
    drawn(page)
    names = {"mu": "mu", "eps": "eps", "z": "z", "dz": "gradient.z", "dMu": "gradient.mu", "dLogVar": "gradient.logVar"}
    expected = {symbol: array(page, f"look.{name}") for symbol, name in names.items()}
    expected["sigma"] = np.exp(array(page, "look.logVar") / 2)
    for symbol, values in expected.items():
        shown = number_beside(page, symbol).split()
        assert len(shown) == 40
        np.testing.assert_allclose(list(map(read, shown[1::2])), values, atol=0.0051)
        assert (shown[0], shown[-2]) == ("₁", "₂₀")


def test_on_a_phone_no_list_of_numbers_is_taller_than_a_picture(browser, path):
    context = browser.new_context(viewport={"width": 390, "height": 844}, has_touch=True)
    page = open_at(watched(context.new_page()), f"{path.as_uri()}#latent=20")
    drawn(page)
    heights = page.locator(".stage-of-pipeline").evaluate_all("all => all.map((one) => one.offsetHeight)")
    assert max(heights) <= page.locator('.stage-of-pipeline[data-symbol="x"]').evaluate("one => one.offsetHeight")
    last = page.locator('.stage-of-pipeline[data-symbol="z"] span').last
    page.locator('.stage-of-pipeline[data-symbol="z"]').focus()
    page.keyboard.press("End")
    page.wait_for_function(
        "one => one.getBoundingClientRect().bottom <= one.closest('div').getBoundingClientRect().bottom",
        arg=last.element_handle(),
    )
    context.close()
    assert page.faults == []


def test_of_fewer_than_ten_held_out_images_none_is_missing(page, tmp_path):
    images = np.random.default_rng(0).random((70, 784), np.float32)
    open_at(page, save_page(tmp_path / "few.html", images, hidden=(8,), batch_size=8).as_uri())
    assert page.locator(".strip").first.locator("canvas").count() == 7
    assert page.get_by_text("Ten").count() == 0


def test_a_symbol_and_its_place_light_up_both_ways(opened):
    symbols = opened.locator(".stage-of-pipeline").evaluate_all("all => all.map((one) => one.dataset.symbol)")
    assert len(symbols) == len(set(symbols)) == 16
    for symbol in symbols:
        both = [f'.term[data-symbol="{symbol}"]', f'.stage-of-pipeline[data-symbol="{symbol}"]']
        for part in both:
            opened.locator(part).first.hover()
            for place in both:
                assert "lit" in opened.locator(place).first.get_attribute("class"), (symbol, part, place)
            lit = opened.locator(".lit").evaluate_all("all => all.map((one) => one.dataset.symbol)")
            assert set(lit) == {symbol}
            opened.mouse.move(1, 1)
            assert opened.locator(".lit").count() == 0
    opened.locator('.term[data-symbol="sigma"]').first.focus()
    assert opened.locator(".stage-of-pipeline.lit .symbol").all_inner_texts() == ["σ"]


def test_the_pipeline_follows_the_image_that_is_clicked(opened):
    train(opened, 50)
    box = opened.locator("canvas.codes").bounding_box()
    opened.mouse.click(box["x"] + 0.5 * box["width"], box["y"] + 0.6 * box["height"])
    until(opened, "f.look.index > 0")
    look = opened.evaluate(
        "() => { const { look } = window.frames_.at(-1); return [look.index, look.recon, look.kl]; }"
    )
    drawn(opened)
    shown = [number_beside(opened, symbol) for symbol in ("recon", "kl", "elbo")]
    assert shown == [written(value, 2) for value in (look[1], look[2], look[1] - look[2])]
    opened.locator(".term", has_text="KL(").hover()
    assert opened.locator(".stage-of-pipeline.lit .symbol").all_inner_texts() == ["KL"]
    opened.locator(".term", has_text="∂loss/∂μ").hover()
    assert opened.locator(".stage-of-pipeline.lit .symbol").all_inner_texts() == ["∂/∂μ"]
    opened.locator("canvas.codes").press("ArrowRight")
    until(opened, f"f.look.index === {(look[0] + 1) % 800}")


def number_beside(page, symbol):
    return page.locator(f'.stage-of-pipeline[data-symbol="{symbol}"] output').inner_text()


def test_at_rest_the_gradients_way_back_is_read(opened):
    set_slider(opened, "β, weight of the KL", "4")
    opened.get_by_role("button", name="Play").click()
    until(opened, "f.playing && f.steps > 5")
    opened.locator(".back.hurried").wait_for(state="hidden")
    pause(opened)
    opened.locator(".back").wait_for()
    opened.get_by_role("button", name="New ε").click()
    until(opened, "f.look.eps.some((v) => v)")
    drawn(opened)
    recon, kl = opened.evaluate(f"() => {{ const {{ recon, kl }} = ({LAST})().look; return [recon, kl]; }}")
    names = ("mu", "logVar", "eps", "gradient.z", "gradient.mu", "gradient.logVar")
    mu, log_var, eps, by_z, by_mu, by_log_var = (array(opened, f"look.{name}") for name in names)
    assert number_beside(opened, "loss") == written(4 * kl - recon, 2)
    np.testing.assert_allclose(by_mu, by_z + 4 * mu, rtol=1e-4, atol=1e-4)
    sigma = np.exp(log_var / 2)
    np.testing.assert_allclose(by_log_var, (by_z * sigma * eps + 4 * (sigma**2 - 1)) / 2, rtol=1e-4, atol=1e-4)
    shown = list(map(read, number_beside(opened, "dMu").split()))
    np.testing.assert_allclose(shown, by_mu, atol=0.0051)
    assert len(number_beside(opened, "dEncoder").splitlines()) == 3
    assert len(number_beside(opened, "dDecoder").splitlines()) == 2


def draw(page, paper, *points):
    """A stroke through these points of the paper, in shares of its size."""
    paper.scroll_into_view_if_needed()
    box = paper.bounding_box()
    places = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in points]
    page.mouse.move(*places[0])
    page.mouse.down()
    for place in places[1:]:
        page.mouse.move(*place, steps=6)
    page.mouse.up()


def test_a_drawing_is_followed_and_learned(opened):
    train(opened, 60)
    paper = opened.locator(".paper")
    assert opened.get_by_role("button", name="Train on it too").is_disabled()
    draw(opened, paper, (0.2, 0.2), (0.8, 0.8))
    draw(opened, paper, (0.8, 0.2), (0.2, 0.8))
    until(opened, "f.look.index === -1 && f.look.x.some((v) => v > 0.5)")
    x = array(opened, "look.x").reshape(28, 28)
    rows = np.flatnonzero(x.sum(axis=1))
    assert 19 <= np.ptp(rows) + 1 <= 22, "a drawing fills a box of 20 pixels"
    opened.get_by_role("button", name="Train on it too").click()
    assert (
        "1 drawing among the training images" in opened.locator(".panel", has=paper).get_by_role("status").inner_text()
    )
    train(opened, 700)
    with_it = opened.evaluate(f"({LAST})().look.recon")
    opened.get_by_role("button", name="Forget the drawings").click()
    opened.get_by_role("button", name="Reset").click()
    until(opened, "f.steps === 0")
    train(opened, 760)
    assert opened.evaluate(f"({LAST})().look.recon") < with_it - 15
    opened.get_by_role("button", name="Clear").click()
    until(opened, "f.look.index === 0")


@pytest.mark.parametrize("part", ["kernels", "train", "heldOut"])
def test_a_page_that_is_damaged_says_so(page, path, tmp_path, part):
    cut = tmp_path / "cut.html"
    cut.write_text(re.sub(rf'("{part}": ?")[A-Za-z0-9+/=]{{20}}', r"\1", path.read_text("utf-8")), "utf-8")
    page.goto(cut.as_uri())
    page.get_by_role("alert").filter(has_text="damaged or cut off").wait_for()


def test_a_ring_of_points(opened):
    opened.get_by_label("Data", exact=True).select_option("Doersch's ring")
    until(opened, "f.look.x.length === 2")
    assert opened.get_by_label("Data", exact=True).evaluate("e => e === document.activeElement")
    assert opened.locator("code").inner_text() == 'vaelib.lab(data="ring")'
    train(opened, 1500)
    points = 3 * (array(opened, "draws").reshape(-1, 2) - 0.5)
    radii = np.hypot(*points.T)
    assert abs(np.median(radii) - 1.125) < 0.1  # E |x| = 1 + sqrt(pi / 2) / 10
    reconstructions = 3 * (array(opened, "reconstructions").reshape(-1, 2) - 0.5)
    assert np.abs(np.hypot(*reconstructions.T) - 1.125).mean() < 0.1
    assert f"draws {radii.mean():.2f} ± {radii.std():.2f}" in opened.locator(".says", has_text="Distance").inner_text()
    opened.get_by_label("Data", exact=True).select_option("Images")
    until(opened, "f.look.x.length === 784")
    assert opened.locator("code").inner_text() == "vaelib.lab()"


def test_images_that_are_passed_in_are_trained_on(page, tmp_path):
    rng = np.random.default_rng(0)
    labels = np.array(["row", "column"])[np.arange(400) % 2]
    stripes = np.zeros((400, 6, 8, 3), np.float32)
    for stripe, label, at in zip(stripes, labels, rng.integers(0, 6, 400), strict=True):
        (stripe if label == "row" else stripe.transpose(1, 0, 2))[at] = (1.0, 0.5, 0.0)
    arrays = {"images": stripes.reshape(400, -1), "labels": labels, "image_shape": (6, 8, 3)}
    open_at(page, save_page(tmp_path / "stripes.html", **arrays, hidden=(32,)).as_uri())
    before = held_out(page)
    train(page, 200)
    recon, kl = held_out(page)
    assert recon - kl > before[0] - before[1] + 20
    original = page.locator(".strip canvas").first.evaluate(
        "c => Array.from(c.getContext('2d').getImageData(0, 0, 8, 6).data)"
    )
    np.testing.assert_allclose(np.reshape(original, (6, 8, 4))[..., :3] / 255, stripes[0], atol=0.5 / 255)
    assert page.locator("code").inner_text() == "vaelib.lab(images, labels, image_shape=(6, 8, 3), hidden=(32,))"
    assert page.get_by_text("Your own digit").count() == 0, "which paper of 28 by 28 pixels is for"
    page.locator("canvas.codes").press("ArrowRight")
    until(page, "f.look.index === 1")
    page.get_by_role("img", name="held-out image 1, class row").wait_for()


PAINTED = "document.querySelector('canvas.codes').toDataURL()"


def painted(page):
    return page.evaluate(PAINTED)


def test_views_take_the_pages_colours_at_once(opened):
    before = painted(opened)
    opened.emulate_media(color_scheme="dark")
    opened.wait_for_function(f"(before) => {PAINTED} !== before", arg=before)
    opened.evaluate("document.documentElement.style.colorScheme = 'light'")
    opened.wait_for_function(f"(before) => {PAINTED} === before", arg=before)


def test_readers_who_ask_for_less_motion_get_less(browser, path):
    shortest = {}
    for motion in ("no-preference", "reduce"):
        context = browser.new_context(reduced_motion=motion)
        page = context.new_page()
        page.add_init_script(
            "addEventListener('frame', () => window.times_?.push(performance.now()), { capture: true });"
        )
        open_at(page, path.as_uri())
        page.get_by_role("button", name="Play").click()
        until(page, "f.steps > 0")
        page.locator(".status", has_text=re.compile(r", [1-9][\d,]* images/s")).wait_for()
        page.evaluate("window.times_ = []")
        page.wait_for_function("() => window.times_.length > 4")
        shortest[motion] = page.evaluate("Math.min(...window.times_.slice(1).map((t, i) => t - window.times_[i]))")
        context.close()
    assert shortest["reduce"] > 950, "a second between two frames"
    assert shortest["no-preference"] < 500


def test_tiles_ellipses_and_new_draws(opened):
    train(opened, 50)
    plain = painted(opened)
    opened.get_by_label("decoded tiles behind").check()
    until(opened, "f.tiles")
    drawn(opened)
    tiled = painted(opened)
    opened.get_by_label("q(z|x) of each image").check()
    assert len({plain, tiled, painted(opened)}) == 3
    before = array(opened, "priorCodes")
    opened.get_by_role("button", name="New draws").click()
    opened.wait_for_function(f"() => window.frames_.at(-1).priorCodes[0] !== {before[0]}")


def test_a_link_sets_the_controls(page, path):
    open_at(page, f"{path.as_uri()}#beta=4&noise=false&likelihood=gaussian")
    assert page.get_by_role("slider", name="β, weight of the KL").get_attribute("aria-valuetext") == "4"
    assert not page.get_by_role("switch", name="Noise in z").is_checked()
    assert page.locator("code").inner_text() == 'vaelib.lab(likelihood="gaussian", beta=4, noise=False)'
    href = page.get_by_role("link", name="link to these settings").get_attribute("href")
    assert set(href[1:].split("&")) == {"beta=4", "noise=false", "likelihood=gaussian"}


def test_a_link_from_a_page_with_settings_of_its_own_opens_it_as_it_was(page, tmp_path):
    names = "β, weight of the KL", "σ of the Gaussian"

    def shown():
        values = [page.get_by_role("slider", name=name).get_attribute("aria-valuetext") for name in names]
        return *values, page.get_by_label("p(x|z)", exact=True).input_value()

    open_at(page, save_page(tmp_path / "own.html", beta=4, likelihood="gaussian", sigma=0.3).as_uri())
    link = page.get_by_role("link", name="link to these settings")
    assert link.get_attribute("href") == "#"
    set_slider(page, names[0], "1")
    page.get_by_label("Data", exact=True).select_option("Doersch's ring")
    until(page, "f.look.x.length === 2")
    set_slider(page, names[1], "0.1")
    before = shown()
    assert before == ("1", "0.1", "gaussian")
    address = link.evaluate("e => e.href")
    page.goto("about:blank")
    open_at(page, address)
    assert shown() == before


def test_a_hidden_tab_rests_and_goes_on(opened):
    def hide(hidden):
        opened.evaluate(
            """(hidden) => {
              Object.defineProperty(document, 'hidden', { value: hidden, configurable: true });
              document.dispatchEvent(new Event('visibilitychange'));
            }""",
            hidden,
        )

    opened.get_by_role("button", name="Play").click()
    until(opened, "f.steps > 5")
    hide(True)
    until(opened, "!f.playing")
    rested = steps(opened)
    opened.wait_for_timeout(500)
    assert steps(opened) == rested
    hide(False)
    until(opened, f"f.playing && f.steps > {rested}")
    pause(opened)


@pytest.mark.parametrize("width", [390, 1400])
def test_nothing_is_wider_than_the_screen(browser, path, width):
    context = browser.new_context(viewport={"width": width, "height": 900}, has_touch=width < 500)
    page = open_at(watched(context.new_page()), path.as_uri())
    train(page, 20)
    page.get_by_role("button", name="Tour").click()
    page.locator(".tour").get_by_role("button", name="Next").click()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    if width < 500:
        heights = page.locator(".controls input:not([type=checkbox]), button, select").evaluate_all(
            "all => all.filter((one) => one.checkVisibility()).map((one) => one.getBoundingClientRect().height)"
        )
        assert len(heights) > 20
        assert min(heights) >= 44
    context.close()
    assert page.faults == []


# On how many lines the mean terms stand, as they are and with a KL of three figures before the point.
LINES = r"""() => ['$&', 'KL 123.4'].map((kl) => {
  const range = document.createRange();
  const words = document.querySelector('.terms');
  words.textContent = words.textContent.replace(/KL [\d.]+/, kl);
  range.selectNodeContents(words);
  return new Set(Array.from(range.getClientRects(), ({ top }) => top)).size;
})"""


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("width", [390, 1000, 1400])
def test_the_mean_terms_stand_on_one_line(browser, tmp_path, monkeypatch, width, language):
    monkeypatch.setenv("VAELIB_LANG", language)
    page = watched(browser.new_page(viewport={"width": width, "height": 900}))
    open_at(page, save_page(tmp_path / "lab.html").as_uri())
    page.locator(".terms", has_text="KL").wait_for()
    assert page.evaluate(LINES) == [1, 1]
    page.close()
    assert page.faults == []


def test_every_control_and_view_has_a_name(opened):
    train(opened, 20)
    opened.get_by_role("button", name="Tour").click()
    opened.locator(".tour").get_by_role("button", name="Next").click()
    nameless = opened.evaluate(
        """() => Array.from(document.querySelectorAll('input, select, button, canvas'))
          .filter((one) => one.checkVisibility() && !one.getAttribute('aria-label'))
          .filter((one) => !one.labels?.[0]?.textContent && !one.textContent)
          .map((one) => one.outerHTML)"""
    )
    assert nameless == []
    summaries = opened.locator("canvas.curves, canvas.codes").evaluate_all("all => all.map((c) => c.ariaLabel)")
    assert all("nats" in text or "held-out" in text for text in summaries)


VIEWS = {
    "the plane": "canvas.codes",
    "the terms' curves": "canvas.curves >> nth=0",
    "the KL's curve": "canvas.curves >> nth=1",
    "reconstructions": ".strip >> nth=1",
    "draws from the prior": ".strip >> nth=2",
    "one image's way": ".pipeline",
}


def test_every_view_has_a_text_that_follows_the_training(opened):
    def texts():
        drawn(opened)
        found = {name: opened.locator(selector).get_attribute("aria-label") for name, selector in VIEWS.items()}
        return found | {"the bar": opened.locator(".terms").inner_text()}

    before = texts()
    train(opened, 60)
    after = texts()
    for name, text in after.items():
        assert re.search(r"\d", text)
        assert text != before[name], name
    error = ((array(opened, "reconstructions") - drawn_in(opened, 0)) ** 2).mean()
    assert f"Mean squared error of a pixel: {error:.3f}." in after["reconstructions"]
    assert f"Mean brightness {array(opened, 'draws').mean():.2f}" in after["draws from the prior"]
    assert re.search(r"\d+% of them lie nearest to the middle of their own digit's codes", after["the plane"])
    assert "In turn: 2, 0, 4," in opened.locator(".strip").first.get_attribute("aria-label")
    assert opened.locator(".strip").evaluate_all("all => all.map((one) => one.role)") == ["img"] * 3


def drawn_in(page, strip):
    """The pixels of the pictures of a strip, one after the other."""
    pictures = page.locator(".strip").nth(strip).locator("canvas")
    return np.array(pictures.evaluate_all("all => all.flatMap((one) => Array.from(one.pixels))"))


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_what_is_drawn_stands_out_from_the_paper(browser, path, scheme):
    context = browser.new_context(viewport={"width": 1400, "height": 900}, color_scheme=scheme)
    page = open_at(watched(context.new_page()), path.as_uri())
    paper = page.locator("canvas.curves").first.evaluate("e => getComputedStyle(e).backgroundColor")
    colors = page.locator(".mark, .piece").evaluate_all("all => all.map((e) => getComputedStyle(e).backgroundColor)")
    assert len(colors) == 10
    assert min(contrast(color, paper) for color in colors) >= 3
    train(page, 20)
    for canvas in ("canvas.codes", "canvas.curves"):
        pixels = page.locator(canvas).first.evaluate(INK)
        strokes = [f"rgb{tuple(color)}" for color, count in pixels if count > 20 and len(set(color)) > 1]
        assert len(strokes) >= 2
        assert min(contrast(color, paper) for color in strokes) >= 3
    context.close()
    assert page.faults == []


# The opaque colours of a canvas, and how many pixels have each.
INK = """c => {
  const { data } = c.getContext('2d').getImageData(0, 0, c.width, c.height);
  const counts = new Map();
  for (let i = 0; i < data.length; i += 4) {
    if (data[i + 3] < 255) continue;
    const color = String(data.slice(i, i + 3));
    counts.set(color, (counts.get(color) ?? 0) + 1);
  }
  return Array.from(counts, ([color, count]) => [color.split(',').map(Number), count]);
}"""


def test_it_is_played_by_fingers_on_a_phone(browser, path):
    context = browser.new_context(viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    page = open_at(watched(context.new_page()), path.as_uri())
    page.get_by_role("button", name="Play").tap()
    until(page, "f.steps > 10")
    page.get_by_role("button", name="Pause").tap()
    until(page, "!f.playing")
    slider = page.get_by_role("slider", name="β, weight of the KL")
    slider.scroll_into_view_if_needed()
    box = slider.bounding_box()
    y, start = box["y"] + box["height"] / 2, box["x"] + box["width"] / 3
    finger(page, *((start + 10 * step, y) for step in range(15)))
    assert float(slider.get_attribute("aria-valuetext")) > 1
    assert "beta=" in page.locator("code").inner_text()
    page.get_by_role("switch", name="Noise in z").tap()
    assert "noise=False" in page.locator("code").inner_text()
    paper = page.locator(".paper")
    paper.scroll_into_view_if_needed()
    before, box = page.evaluate("scrollY"), paper.bounding_box()
    finger(page, *((box["x"] + 98, box["y"] + 20 + 10 * step) for step in range(16)))
    until(page, "f.look.index === -1 && f.look.x.some((v) => v > 0.5)")
    assert page.evaluate("scrollY") == before, "a stroke moves the pen and not the page"
    plane = page.locator("canvas.codes")
    plane.scroll_into_view_if_needed()
    plane.tap()
    until(page, "f.look.index >= 0")
    context.close()
    assert page.faults == []


def tab_to_on(page, target):
    """Press Tab until the target has the focus."""
    for _ in range(80):
        page.keyboard.press("Tab")
        if target.evaluate("e => e === document.activeElement"):
            return
    raise AssertionError(f"no key leads to {target}")


def test_it_is_played_by_keys(opened):
    tab_to = partial(tab_to_on, opened)
    tab_to(opened.get_by_role("button", name="Play"))
    opened.keyboard.press("Space")
    until(opened, "f.steps > 10")
    opened.keyboard.press("Enter")
    until(opened, "!f.playing")
    tab_to(opened.get_by_role("slider", name="β, weight of the KL"))
    opened.keyboard.press("ArrowRight")
    tab_to(opened.get_by_role("switch", name="Noise in z"))
    opened.keyboard.press("Space")
    assert opened.locator("code").inner_text() == "vaelib.lab(beta=2, noise=False)"
    tab_to(opened.locator("canvas.codes"))
    opened.keyboard.press("ArrowRight")
    until(opened, "f.look.index === 1")
    tab_to(opened.get_by_label("decoded tiles behind"))
    opened.keyboard.press("Space")
    until(opened, "f.tiles")
    tab_to(opened.locator(".paper"))
    for key in ("Space", *["ArrowDown"] * 4):
        opened.keyboard.press(key)
    until(opened, "f.look.index === -1 && f.look.x.some((v) => v > 0.5)")
    tab_to(opened.get_by_role("button", name="Train on it too"))
    opened.keyboard.press("Enter")
    opened.get_by_role("status").filter(has_text="1 drawing").wait_for()


# What each step of the tour speaks of, and the controls after its action: β, the KL and the noise.
PLANE, TERMS = "canvas.codes", ".panel > div:has(> .bar-of-terms)"
PICTURES = ".lower .panel >> nth=0"
TOUR = [
    ("The plane of z", PLANE, "1", True, True),
    ("Training", PLANE, "1", True, True),
    ("One image, step by step", ".way >> nth=0", "1", True, True),
    ("The two terms", TERMS, "1", True, True),
    ("Without the KL", PLANE, "1", False, True),
    ("Without the noise", TERMS, "1", True, False),
    ("β = 100", PICTURES, "100", True, True),
    ("And back", PLANE, "1", True, True),
    ("Your own digit", "div:has(> .paper)", "1", True, True),
    ("Where to go on", "p.settings", "1", True, True),
]
# Whether a part is all on the screen, lit, and clear of the card, which is on the screen, too.
CLEAR = """(part) => {
  const [card, own] = [document.querySelector('.tour'), part.getBoundingClientRect()];
  const { left, top, right, bottom } = card.getBoundingClientRect();
  const seen = (box) => Math.min(box.top, box.left, innerHeight - box.bottom, innerWidth - box.right) >= -0.5;
  const apart = own.right <= left || own.left >= right || own.bottom <= top || own.top >= bottom;
  return part.classList.contains('toured') && seen(own) && seen({ left, top, right, bottom }) && apart;
}"""


def clear(page, selector):
    page.wait_for_function(CLEAR, arg=page.locator(selector).element_handle(), timeout=5000)


def walk(page, press):
    """The whole tour, each button pressed so."""
    card = page.get_by_role("dialog")
    press(page.get_by_role("button", name="Tour", exact=True))
    trained = 0
    for number, (title, part, beta, kl, noise) in enumerate(TOUR, 1):
        card.get_by_role("heading", name=title, exact=True).wait_for()
        assert card.get_by_text(f"{number} of {len(TOUR)}").is_visible()
        clear(page, part)
        action = card.locator(".try")
        if action.is_visible():
            assert not card.locator(".saw").is_visible(), "before it is done"
            press(action)
            card.locator(".saw").wait_for(timeout=120_000)
            assert "Not so here" not in card.inner_text()
            assert re.search(r"from .+ to ", card.locator(".numbers").inner_text())
            trained += 600 if "600" in action.inner_text() else 0
            assert steps(page) == trained
            clear(page, part)
        assert page.get_by_role("slider", name="β, weight of the KL").get_attribute("aria-valuetext") == beta
        assert page.get_by_role("switch", name="KL to the prior").is_checked() == kl
        assert page.get_by_role("switch", name="Noise in z").is_checked() == noise
        if number < len(TOUR):
            press(card.get_by_role("button", name="Next"))
    press(card.get_by_role("button", name="Done"))
    assert card.count() == page.locator(".toured").count() == 0
    assert page.get_by_role("button", name="Tour", exact=True).evaluate("e => e === document.activeElement")


def test_the_tour_is_walked_by_keys(opened):
    def press(target):
        tab_to_on(opened, target)
        opened.keyboard.press("Enter")

    walk(opened, press)
    assert opened.evaluate("document.querySelector('.vaelib-lab').style.paddingBottom") == ""


def test_the_tour_is_walked_by_fingers_on_a_phone(browser, path):
    context = browser.new_context(viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    page = open_at(watched(context.new_page()), path.as_uri())
    walk(page, lambda target: target.tap())
    context.close()
    assert page.faults == []


def test_the_tour_closes_by_escape_and_goes_on_where_it_was(opened):
    button, card = opened.get_by_role("button", name="Tour", exact=True), opened.get_by_role("dialog")
    button.press("Enter")
    assert card.evaluate("e => e === document.activeElement")
    assert card.get_by_role("button", name="Back").is_disabled()
    card.get_by_role("button", name="Next").click()
    for leave in (partial(opened.keyboard.press, "Escape"), card.get_by_role("button", name="Close the tour").click):
        assert card.get_by_text("2 of 10").is_visible()
        leave()
        assert not card.is_visible()
        assert button.evaluate("e => e === document.activeElement")
        button.click()
    card.get_by_role("button", name="Back").press("Enter")
    assert card.get_by_role("button", name="Next").evaluate("e => e === document.activeElement")


def test_the_tour_says_what_it_takes_and_leaves_the_drawings(opened):
    train(opened, 60)
    draw(opened, opened.locator(".paper"), (0.2, 0.2), (0.8, 0.8))
    opened.get_by_role("button", name="Train on it too").click()
    drawing = opened.locator(".paper").evaluate("c => c.toDataURL()")
    opened.get_by_role("button", name="Tour", exact=True).click()
    card = opened.get_by_role("dialog")
    card.get_by_text("This model is trained already, and the tour trains it on. Reset gives new weights").wait_for()
    before = steps(opened)
    card.get_by_role("button", name="Next").click()
    card.get_by_role("button", name="Train 600 steps").click()
    card.get_by_text("Variance of the means: from").wait_for(timeout=60_000)
    assert steps(opened) == before + 600
    card.get_by_role("button", name="Back").click()
    card.get_by_role("button", name="Reset").click()
    card.get_by_text("Nothing is trained yet").wait_for()
    assert steps(opened) == 0
    assert card.get_by_role("button", name="Reset").count() == 0
    assert opened.locator(".paper").evaluate("c => c.toDataURL()") == drawing
    assert opened.get_by_text("1 drawing among the training images").is_visible()


def test_a_tours_training_that_is_stopped_can_be_asked_for_again(opened):
    opened.get_by_role("button", name="Tour", exact=True).click()
    card = opened.get_by_role("dialog")
    card.get_by_role("button", name="Next").click()
    action = card.locator(".try")
    action.click()
    until(opened, "f.playing && f.steps > 5")
    pause(opened)
    opened.wait_for_function("() => document.querySelector('.try').ariaDisabled === 'false'")
    assert not card.locator(".saw").is_visible()
    stopped = steps(opened)
    action.click()
    card.locator(".saw").wait_for(timeout=60_000)
    assert steps(opened) == stopped + 600


def test_the_tour_rests_a_training_of_the_readers_before_it_acts(opened):
    opened.get_by_role("button", name="Tour", exact=True).click()
    card = opened.get_by_role("dialog")
    for _ in range(2):
        card.get_by_role("button", name="Next").click()
    opened.get_by_role("button", name="Play").click()
    until(opened, "f.playing && f.steps > 5")
    card.get_by_role("button", name="New ε").click()
    card.get_by_text("μ and σ stay: the image alone decides them.").wait_for()
    assert opened.get_by_role("button", name="Play").is_visible()


def test_the_tour_says_so_where_it_comes_otherwise(page, tmp_path):
    images = np.random.default_rng(0).random((70, 784), np.float32)
    open_at(page, save_page(tmp_path / "noise.html", images, hidden=(8,), batch_size=8).as_uri())
    page.get_by_role("button", name="Tour", exact=True).click()
    card = page.get_by_role("dialog")
    card.get_by_role("button", name="Next").click()
    card.get_by_role("button", name="Train 600 steps").click()
    card.get_by_text("Not so here: the numbers say what came instead.").wait_for(timeout=60_000)


# A page whose frame is as tall as what is in it, as the site's pages and Colab have one.
FRAME = """<link rel="icon" href="data:,"><body style="margin: 0"><p style="height: 700px">Above</p>
<iframe src="lab.html" style="width: 100%; border: 0"></iframe>
<script>
  const frame = document.querySelector('iframe');
  addEventListener('message', ({ data }) => { if (data.height) frame.style.height = `${data.height}px`; });
</script></body>"""
SHOWN = """([part, card]) => [part, card].every((one) => {
  const frame = window.frameElement ?? parent.document.querySelector('iframe');
  const [{ top, bottom }, above] = [one.getBoundingClientRect(), frame.getBoundingClientRect().top];
  return top + above >= -0.5 && bottom + above <= parent.innerHeight + 0.5;
}) && (part.getBoundingClientRect().bottom <= card.getBoundingClientRect().top
  || part.getBoundingClientRect().right <= card.getBoundingClientRect().left
  || card.getBoundingClientRect().right <= part.getBoundingClientRect().left)"""


@pytest.mark.parametrize("width", [700, 1400])
def test_in_a_tall_frame_the_tours_card_keeps_to_what_it_speaks_of(browser, path, width):
    (path.parent / "frame.html").write_text(FRAME, "utf-8")
    page = watched(browser.new_page(viewport={"width": width, "height": 900}))
    with serve(path.parent) as address:
        page.goto(f"{address}/frame.html")
        frame = page.frame_locator("iframe")
        frame.get_by_role("button", name="Tour", exact=True).click()
        card = frame.get_by_role("dialog")
        for number, (title, part, *_) in enumerate(TOUR, 1):
            card.get_by_role("heading", name=title, exact=True).wait_for()
            parts = [frame.locator(part).element_handle(), card.element_handle()]
            page.frames[1].wait_for_function(SHOWN, arg=parts, timeout=5000)
            if number < len(TOUR):
                card.get_by_role("button", name="Next").click()
    page.close()
    assert page.faults == []


def test_the_ring_has_no_tour(opened):
    opened.get_by_role("button", name="Tour", exact=True).click()
    opened.get_by_label("Data", exact=True).select_option("Doersch's ring")
    until(opened, "f.look.x.length === 2")
    assert opened.get_by_role("button", name="Tour", exact=True).count() == opened.get_by_role("dialog").count() == 0
    opened.keyboard.press("Escape")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1400])
def test_axe_finds_nothing_in_the_tour(browser, path, width, scheme):
    context = browser.new_context(viewport={"width": width, "height": 844}, color_scheme=scheme)
    page = open_at(watched(context.new_page()), path.as_uri())
    page.get_by_role("button", name="Tour", exact=True).click()
    card = page.get_by_role("dialog")
    for title in ("The plane of z", "Training", "One image, step by step"):
        card.get_by_role("heading", name=title, exact=True).wait_for()
        assert violations(page) == []
        card.get_by_role("button", name="Next").click()
    page.emulate_media(media="print")
    assert not page.locator(".tour").is_visible()
    assert page.locator(".toured").first.evaluate("e => getComputedStyle(e).outlineStyle") == "none"
    context.close()
    assert page.faults == []


def test_memory_stays_flat(opened):
    def after(count):
        train(opened, count)
        return heap(opened)

    before = after(60)
    assert after(200) - before < 3_000_000


def private_memory(process):
    """Bytes that the page's process alone holds, its worker's among them, after a garbage collection."""
    return process.memory_full_info().uss


def process_of(page):
    """The process of the page that trains: of all that show pages, it works most."""
    session = page.context.browser.new_browser_cdp_session()

    def busy():
        found = session.send("SystemInfo.getProcessInfo")["processInfo"]
        return {one["id"]: one["cpuTime"] for one in found if one["type"] == "renderer"}

    before = busy()
    page.wait_for_timeout(2000)
    return psutil.Process(max(after := busy(), key=lambda one: after[one] - before.get(one, 0)))


def growth(page, seconds):
    """Bytes by which the least memory of the last third of a training exceeds that of its first third."""
    page.get_by_role("button", name="Play").click()
    until(page, "f.steps > 100")
    process, sizes = process_of(page), []
    page.wait_for_timeout(20_000)  # programs are compiled, and buffers get their size
    for _ in range(seconds // 5):
        page.wait_for_timeout(5000)
        heap(page)
        sizes.append(private_memory(process))
    third = len(sizes) // 3
    return min(sizes[-third:]) - min(sizes[:third])


FLAT = 8_000_000  # bytes: a tenth of what 12,000 frames would hold whose codes alone were kept


@pytest.mark.slow
def test_memory_stays_flat_over_five_minutes(opened):
    assert growth(opened, 300) < FLAT
    assert steps(opened) > 10_000


@pytest.mark.slow
def test_frames_that_are_kept_are_seen_in_the_memory(opened):
    opened.evaluate("window.kept = []; addEventListener('frame', ({ detail }) => kept.push(detail), { capture: true })")
    assert growth(opened, 60) > FLAT


SETUP = """
import vaelib
first, second = vaelib.lab(seed=1), vaelib.lab(seed=2, beta=4.0)
"""


def test_two_labs_in_a_notebook_hand_their_weights_over(lab, page):
    page.add_init_script(FRAMES)
    lab.run(page, lab.write("lab.ipynb", SETUP, "first", "second"))
    page.locator(".vaelib-lab").nth(1).wait_for()
    assert page.locator(".vaelib-lab .settings code").first.inner_text() == "vaelib.lab(seed=1)"
    assert page.locator(".vaelib-lab a").count() == 0, "a fragment of a notebook's address sets no controls"
    assert_labs_hand_over(page, partial(lab.execute, page), "first", "second")
    model = VAE.create(seed=5, latent=2, hidden=(128,))
    lab.execute(page, "first.load(vaelib.VAE.create(seed=5, latent=2, hidden=(128,)))")
    page.wait_for_function("() => document.querySelectorAll('.vaelib-lab')[0].frame.steps === 0")
    until_holds(page, lambda: lab.execute(page, "print(first.steps)") == "0\n")  # the page has handed them back
    code = "print(json.dumps(np.concatenate([first._weights[:3], first._weights[-900:-897]]).tolist()))"
    weights = flat_weights(model)
    np.testing.assert_allclose(
        json.loads(lab.execute(page, code)), np.concatenate([weights[:3], weights[-900:-897]]), rtol=1e-6
    )


def test_the_lab_in_a_notebook_wears_its_theme(lab, page):
    page.add_init_script(LISTEN)
    lab.run(page, lab.write("themes.ipynb", "import vaelib; vaelib.lab()"))
    page.wait_for_function("() => window.frames_?.length && document.querySelector('.vaelib-lab .status')?.textContent")
    train(page, 20)
    codes, curves = "canvas.codes", "canvas.curves"
    looks = {}
    for theme in ("JupyterLab Light", "JupyterLab Dark"):
        before = painted(page)
        if looks:
            lab.wear(page, theme)
            page.wait_for_function(f"(before) => {PAINTED} !== before", arg=before)
        drawn(page)
        paper = page.locator(curves).first.evaluate("e => getComputedStyle(e).backgroundColor")
        ground = page.locator(".jp-Notebook").evaluate("e => getComputedStyle(e).backgroundColor")
        for text in (".status", ".terms", "fieldset legend", ".look-at"):
            color = page.locator(f".vaelib-lab {text}").first.evaluate("e => getComputedStyle(e).color")
            assert contrast(color, ground) >= 4.5, (theme, text)
        for canvas in (codes, curves):
            pixels = page.locator(canvas).first.evaluate(INK)
            strokes = [f"rgb{tuple(color)}" for color, count in pixels if count > 20 and len(set(color)) > 1]
            assert len(strokes) >= 2
            assert min(contrast(color, paper) for color in strokes) >= 3, (theme, canvas)
        looks[theme] = paper
    assert len(set(looks.values())) == 2
    lab.wear(page, "JupyterLab Light")
