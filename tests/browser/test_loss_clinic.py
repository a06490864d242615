"""The loss clinic in JupyterLab: what is chosen and typed changes what it says, and what no loss has is refused."""

from dataclasses import replace

import pytest
from lab import watched

from vaelib.clinic import EXAMPLES
from vaelib.widgets.losses import verdict

CELL = "import vaelib; clinic = vaelib.loss_clinic(); clinic"
BETA = "print(clinic.written.beta)"
OPENS_WITH = EXAMPLES["Flax NNX, 05_vae"]


@pytest.fixture(scope="module")
def clinic(lab, browser):
    """A clinic in a notebook, which the tests use one after the other as a reader would."""
    context = browser.new_context(viewport={"width": 1400, "height": 900})
    page = watched(context.new_page())
    lab.run(page, lab.write("clinic.ipynb", CELL))
    area = page.locator(".jp-OutputArea")
    until_it_says(area, OPENS_WITH)
    yield area
    context.close()
    assert page.faults == []


@pytest.fixture
def area(clinic):
    """The clinic with the program that it opens with."""
    clinic.get_by_label("program").select_option(value="Flax NNX, 05_vae")
    until_it_says(clinic, OPENS_WITH)
    return clinic


def until_it_says(area, written):
    """Wait for each line that the library says of a loss; then there is no other."""
    lines = verdict(written)
    for text in lines.values():
        area.get_by_role("cell", name=text, exact=True).wait_for()
    rows = area.get_by_role("row").all()
    assert {row.locator("th").inner_text(): row.locator("td").inner_text() for row in rows} == lines


def program(area):
    """The program whose name is shown."""
    return area.get_by_label("program").evaluate("e => e.value")


def enter(area, label, text):
    """Put a text in the field of a number, and leave it."""
    field = area.get_by_label(label, exact=True)
    field.fill("")
    field.press_sequentially(text)
    field.press("Tab")
    return field


@pytest.mark.parametrize("name", ["Keras, vae", "PyTorch-VAE, vanilla_vae"])
def test_an_example_is_chosen_and_the_verdict_follows(lab, area, name):
    area.get_by_label("program").select_option(value=name)
    until_it_says(area, EXAMPLES[name])
    assert float(lab.execute(area.page, BETA)) == EXAMPLES[name].beta
    assert area.get_by_label("pixels", exact=True).input_value() == str(EXAMPLES[name].pixels)


def test_a_control_is_changed_and_the_verdict_follows(lab, area):
    area.get_by_label("program").select_option(value="Keras, vae")
    until_it_says(area, EXAMPLES["Keras, vae"])
    area.get_by_label("over the pixels").select_option(value="mean")
    mean = replace(EXAMPLES["Keras, vae"], over_pixels="mean")
    until_it_says(area, mean)
    assert program(area) == "a loss of your own"
    enter(area, "pixels", "100")
    until_it_says(area, replace(mean, pixels=100))
    assert float(lab.execute(area.page, BETA)) == 100
    area.get_by_label("error of a pixel").select_option(value="squared error (Gaussian)")
    until_it_says(area, replace(mean, pixels=100, error="squared error"))
    area.get_by_label("second output in the KL").select_option(value="log sigma")
    until_it_says(area, replace(mean, pixels=100, error="squared error", kl_reads="log sigma"))


@pytest.mark.parametrize(("label", "name", "bad", "words"), [
    ("pixels", "pixels", "0", "pixels must be a whole number of at least 1, got 0"),
    ("factor of the KL", "kl_weight", "-1", "factor of the KL must be a finite number of at least 0, got -1"),
])  # fmt: skip
def test_what_no_loss_has_is_refused_in_words_until_it_is_put_right(area, label, name, bad, words):
    area.get_by_label("program").select_option(value="Keras, vae")
    until_it_says(area, EXAMPLES["Keras, vae"])
    enter(area, label, bad)
    refused = area.get_by_role("alert")
    refused.wait_for()
    assert refused.inner_text() == words
    assert area.get_by_role("table").count() == 0, "no verdict on what is no loss"
    enter(area, label, str(getattr(EXAMPLES["Keras, vae"], name)))
    until_it_says(area, EXAMPLES["Keras, vae"])
    assert refused.count() == 0
    assert program(area) == "Keras, vae"


@pytest.mark.parametrize("text", ["", "many"])
def test_a_field_without_a_number_goes_back_to_the_one_it_had(area, text):
    before = area.get_by_label("images in a batch").input_value()
    field = enter(area, "images in a batch", text)
    assert field.input_value() == before == str(OPENS_WITH.batch)
    until_it_says(area, OPENS_WITH)
