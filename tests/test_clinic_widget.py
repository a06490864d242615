"""The loss clinic under controls: it says what a WrittenLoss says, and refuses what that refuses."""

import re

import ipywidgets
import numpy as np
import pytest

import vaelib
from vaelib import language
from vaelib.clinic import EXAMPLES, NUMBER_CHECKS, WrittenLoss
from vaelib.widgets.losses import CHOICES, NUMBERS, complete, labels, verdict


@pytest.fixture
def clinic():
    return vaelib.loss_clinic("PyTorch, vae")


def shown(clinic):
    return clinic.children[-1].value


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_is_stated_by_the_controls_as_the_program_writes_it(name):
    opened, chosen = vaelib.loss_clinic(name), vaelib.loss_clinic()
    chosen.example.value = name
    for clinic in (opened, chosen):
        assert clinic.example.value == name
        assert clinic.written.beta == EXAMPLES[name].beta
        assert clinic.written.objective == EXAMPLES[name].objective
        assert EXAMPLES[name].prediction in shown(clinic).replace("&#x27;", "'")


@pytest.mark.parametrize(("control", "value", "factor"), [
    ("over_pixels", "mean", 784),
    ("over_latents", "mean", 1 / 20),
    ("kl_over_batch", "mean", 1 / 128),
    ("over_batch", "mean", 128),
    ("error_weight", 0.5, 2),
    ("kl_weight", 4.0, 4),
])  # fmt: skip
def test_a_control_changes_beta_by_what_the_arithmetic_says(clinic, control, value, factor):
    clinic.controls[control].value = value
    assert clinic.written.beta == pytest.approx(factor)
    assert f"{factor:.3g}" in shown(clinic)
    assert clinic.example.value == ""


def test_counts_matter_where_a_mean_divides_by_them(clinic):
    clinic.controls["over_pixels"].value = "mean"
    clinic.controls["pixels"].value = 100
    assert clinic.written.beta == pytest.approx(100)


def test_back_at_an_example_its_name_is_shown(clinic):
    clinic.controls["kl_weight"].value = 2.0
    assert clinic.example.value == ""
    clinic.controls["kl_weight"].value = 1.0
    assert clinic.example.value == "PyTorch, vae"


def test_it_goes_on_after_an_observer_of_a_control_failed(clinic):
    def fail(change):
        raise RuntimeError("not mine")

    clinic.controls["over_pixels"].observe(fail, names="value")
    with pytest.raises(RuntimeError, match="not mine"):
        clinic.example.value = "Flax NNX, 05_vae"
    clinic.controls["over_pixels"].unobserve(fail, names="value")
    clinic.controls["kl_weight"].value = 4.0
    assert f"{clinic.written.beta:.3g}" in shown(clinic)


def test_sigma_is_shown_for_the_gaussian_alone(clinic):
    assert "σ" not in verdict(clinic.written)
    clinic.controls["error"].value = "squared error"
    assert "0.707" in verdict(clinic.written)["σ"]
    assert verdict(clinic.written)["σ"] in shown(clinic)


def test_a_kl_of_the_wrong_spread_is_named(clinic):
    clinic.controls["kl_reads"].value = "log sigma"
    assert not clinic.written.is_elbo_of_draws
    assert "charged" in shown(clinic)


@pytest.mark.parametrize(
    ("control", "value", "wanted"),
    [
        ("pixels", 0, "a whole number of at least 1, got 0"),
        ("latents", -3, "a whole number of at least 1, got -3"),
        ("batch", 0, "a whole number of at least 1, got 0"),
        ("error_weight", 0.0, "a finite number above 0, got 0"),
        ("error_weight", np.inf, "a finite number above 0, got inf"),
        ("kl_weight", -1.0, "a finite number of at least 0, got -1"),
        ("kl_weight", np.nan, "a finite number of at least 0, got nan"),
    ],
)
def test_what_no_loss_has_is_refused_in_place_of_the_verdict(clinic, control, value, wanted):
    clinic.controls[control].value = value
    assert clinic.message == f"{clinic.controls[control].description} must be {wanted}"
    assert clinic.message in shown(clinic)
    assert 'role="alert"' in shown(clinic)
    assert "<table" not in shown(clinic)
    with pytest.raises(ValueError, match=control):
        _ = clinic.written
    clinic.controls[control].value = getattr(EXAMPLES["PyTorch, vae"], control)
    assert not clinic.message
    assert clinic.example.value == "PyTorch, vae"


def test_a_refusal_is_of_the_control_whose_check_it_is_whatever_its_words(clinic, monkeypatch):
    def refuse(value, name):
        if value == 77:
            raise ValueError("no batch is that large")

    monkeypatch.setitem(NUMBER_CHECKS, "batch", refuse)
    clinic.controls["batch"].value = 77
    assert clinic.message == "images in a batch must be a whole number of at least 1, got 77"


def test_with_ipywidgets_7_the_page_is_told_where_a_control_stands_after_an_answer_to_an_earlier_choice(
    clinic, monkeypatch
):
    sent = []
    for control in (clinic.example, *clinic.controls.values()):
        monkeypatch.setattr(control, "_send", lambda message, control=control, **_: sent.append((control, message)))
    choice, field = clinic.controls["over_latents"], clinic.controls["pixels"]
    for echoes in (True, False):
        monkeypatch.setattr(ipywidgets.widgets.widget, "JUPYTER_WIDGETS_ECHO", echoes)
        clinic.example.set_state(
            {"index": 3}
        )  # of 64 pixels, with means; the page has not seen its answer when it says
        choice.set_state({"index": 0})
        field.set_state({"value": 100})
        known = [(control, message["state"]) for control, message in sent if message["method"] == "update"]
        assert ((choice, {"index": 0}) in known) == ((field, {"value": 100}) in known) == (not echoes)
        clinic.example.value = "PyTorch, vae"
        sent.clear()


def test_every_field_of_a_loss_but_its_address_has_a_control(clinic):
    assert {*CHOICES, *NUMBERS, "source"} == {name for name in WrittenLoss.__dataclass_fields__ if name != "_"}
    assert set(clinic.controls) == {*CHOICES, *NUMBERS}
    assert all(control.description for control in (clinic.example, *clinic.controls.values()))


def test_a_loss_of_your_own_opens_it():
    mine = WrittenLoss(
        "squared error", over_pixels="sum", over_latents="sum", pixels=4, latents=2, kl_reads="log sigma"
    )
    clinic = vaelib.loss_clinic(mine)
    assert clinic.written == complete(mine)
    assert clinic.example.value == ""
    assert "own" in repr(clinic)


def test_without_a_kernel_its_program_and_verdict_are_a_table(clinic):
    bundle, _ = clinic._repr_mimebundle_()
    assert "application/vnd.jupyter.widget-view+json" in bundle
    assert "PyTorch, vae" in bundle["text/html"]
    assert all(text in bundle["text/html"] for text in verdict(clinic.written).values())
    assert "Bernoulli" in bundle["text/plain"]


def test_it_speaks_korean():
    try:
        language("ko")
        clinic = vaelib.loss_clinic()
        texts = [clinic.example.description, *(control.description for control in clinic.controls.values())]
        texts += [name for name in verdict(clinic.written) if name != "β"] + [clinic.written.prediction]
    finally:
        language("en")
    assert all(any("가" <= letter <= "힣" for letter in text) for text in texts), texts


@pytest.mark.parametrize("control", NUMBERS)
def test_it_refuses_in_korean(control):
    try:
        language("ko")
        clinic = vaelib.loss_clinic()
        clinic.controls[control].value = -1
        message, label = clinic.message, labels()[control]
    finally:
        language("en")
    assert label in message
    assert not re.search("[A-Za-z]{2}", message.replace(label, "")), message


def test_only_a_loss_opens_it():
    with pytest.raises(TypeError, match="WrittenLoss"):
        vaelib.loss_clinic(3)
    with pytest.raises(ValueError, match="PyTorch, vae"):
        vaelib.loss_clinic("no such program")
