"""The loss clinic under controls: state how a program writes its loss, and read below what that trains."""

import html
from dataclasses import replace

import ipywidgets

from vaelib import checks
from vaelib.clinic import ERRORS, EXAMPLES, NUMBER_CHECKS, REDUCTIONS, SPREADS, WrittenLoss
from vaelib.languages import tr
from vaelib.widgets.browser import WithStill, tells_what_it_took

IN_COLUMNS = {"style": {"description_width": "17em"}, "layout": {"width": "min(32em, 100%)"}}
CHOICES = {
    "error": ERRORS,
    "over_pixels": REDUCTIONS,
    "over_latents": REDUCTIONS,
    "over_batch": REDUCTIONS,
    "kl_over_batch": REDUCTIONS,
    "drawn_with": SPREADS,
    "kl_reads": SPREADS,
}
NUMBERS = {
    "pixels": ipywidgets.IntText,
    "latents": ipywidgets.IntText,
    "batch": ipywidgets.IntText,
    "error_weight": ipywidgets.FloatText,
    "kl_weight": ipywidgets.FloatText,
}
OWN = ""  # what the choice of an example stands at for a loss that is none of them


def labels() -> dict[str, str]:
    """What stands beside each control, in the order on screen."""
    return {
        "error": tr("error of a pixel"),
        "over_pixels": tr("over the pixels"),
        "pixels": tr("pixels"),
        "error_weight": tr("factor of the error"),
        "over_latents": tr("KL, over the latent dimensions"),
        "latents": tr("latent dimensions"),
        "kl_weight": tr("factor of the KL"),
        "over_batch": tr("error, over the batch"),
        "kl_over_batch": tr("KL, over the batch"),
        "batch": tr("images in a batch"),
        "drawn_with": tr("second output when z is drawn"),
        "kl_reads": tr("second output in the KL"),
    }


def wanted(name: str) -> str:
    """What number a loss has under this name."""
    return {
        "error_weight": tr("a finite number above 0"),
        "kl_weight": tr("a finite number of at least 0"),
    }.get(name, tr("a whole number of at least 1"))


def words_of(value: str) -> str:
    """A choice in the reader's language, with the likelihood that an error belongs to."""
    return {
        "cross-entropy": tr("cross-entropy (Bernoulli)"),
        "squared error": tr("squared error (Gaussian)"),
        "sum": tr("sum"),
        "mean": tr("mean"),
    }.get(value, value)


def verdict(written: WrittenLoss) -> dict[str, str]:
    """What the loss trains, in the letters of the series, line by line under its heading."""
    factors = {"r": f"{written.error_factor:.3g}", "k": f"{written.kl_factor:.3g}"}
    lines = {
        tr("loss of an image"): tr("{r} · error, summed over pixels + {k} · KL, summed over dimensions", **factors),
        "β": tr("k / r = {k} / {r} = {beta}", beta=f"{written.beta:.3g}", **factors),
    }
    if written.sigma is not None:
        lines["σ"] = tr("√(β / 2) = {sigma}, of the Gaussian decoder whose ELBO this is", sigma=f"{written.sigma:.3g}")
    return lines | {tr("maximised"): written.objective, tr("prediction"): written.prediction}


class LossClinic(WithStill, ipywidgets.VBox):
    """Controls that say how a loss is written, and what it trains; made by `loss_clinic`."""

    def __init__(self, written: WrittenLoss):
        """Put the controls where the loss says."""
        words = {name: {"description": text} | IN_COLUMNS for name, text in labels().items()}
        self.example = ipywidgets.Dropdown(
            options=[(tr("a loss of your own"), OWN), *((name, name) for name in EXAMPLES)],
            description=tr("program"),
            **IN_COLUMNS,
        )
        self.controls = {name: _control(name, words[name]) for name in words}
        self._result = ipywidgets.HTML()
        super().__init__([self.example, *self.controls.values(), self._result])
        self._moving = False
        self._put(written)
        self.example.observe(self._on_example, names="value")
        for control in self.controls.values():
            control.observe(self._on_control, names="value")

    @property
    def written(self) -> WrittenLoss:
        """The loss that the controls state.

        Raises:
            TypeError, ValueError: for a number that no such loss has; the message in the widget says it by its label.
        """
        return WrittenLoss(**{name: control.value for name, control in self.controls.items()})

    @property
    def message(self) -> str:
        """Why the controls state no loss, in the words that stand beside them; empty while they do."""
        for name, check in NUMBER_CHECKS.items():
            value = self.controls[name].value
            try:
                check(value, name)
            except (TypeError, ValueError):
                words = {"label": labels()[name], "wanted": wanted(name), "value": f"{value:g}"}
                return tr("{label} must be {wanted}, got {value}", **words)
        return ""

    def _put(self, written: WrittenLoss) -> None:
        """Move every control, and say what the loss trains."""
        stated = complete(written)
        self._moving = True
        try:
            for name, control in self.controls.items():
                control.value = getattr(stated, name)
        finally:
            self._moving = False
        self._show()

    def _on_example(self, change) -> None:
        if change["new"] != OWN:
            self._put(EXAMPLES[change["new"]])
        self._confirm(self.example)

    def _on_control(self, change) -> None:
        if not self._moving:
            self._show()
            self._confirm(change["owner"])

    def _confirm(self, control: ipywidgets.Widget) -> None:
        """Say to the page where a control stands: an answer to an earlier choice may have moved it there meanwhile."""
        if not tells_what_it_took():
            control.send_state("index" if control.has_trait("index") else "value")

    def _show(self) -> None:
        """The verdict, or what is wrong; and the example that the controls stand at, if it is one."""
        self._result.value = self._as_html()
        known = None if self.message else self.written
        same = (name for name, written in EXAMPLES.items() if known == replace(complete(written), source=""))
        self.example.value = next(same, OWN)

    def _as_html(self) -> str:
        if self.message:
            return f'<div role="alert">{html.escape(self.message)}</div>'
        rows = "".join(
            f"<tr><th scope='row' style='text-align: left; padding-right: 1em'>{html.escape(name)}</th>"
            f"<td style='text-align: left'>{html.escape(text)}</td></tr>"
            for name, text in verdict(self.written).items()
        )
        return f'<table aria-live="polite">{rows}</table>'

    def _repr_mimebundle_(self, **kwargs) -> tuple[dict, dict]:
        """The widget, and for those who read without a kernel its program and verdict as a table."""
        bundle, metadata = super()._repr_mimebundle_(**kwargs)
        title = f"<p>{html.escape(tr('program'))}: {html.escape(self.example.label)}</p>"
        return bundle | {"text/html": title + self._as_html()}, metadata

    def __repr__(self) -> str:
        """The program, and what its loss trains."""
        return f"LossClinic({self.example.value or 'own'}: {self.message or self.written.objective})"


def complete(written: WrittenLoss) -> WrittenLoss:
    """The same loss, with what it leaves to be as elsewhere said outright."""
    over_batch, reads = written.kl_over_batch or written.over_batch, written.kl_reads or written.drawn_with
    return replace(written, kl_over_batch=over_batch, kl_reads=reads)


def loss_clinic(written: WrittenLoss | str = "Flax NNX, 05_vae") -> LossClinic:
    """What a program's loss really trains, under controls: β or σ, the objective, and a prediction.

    It is used so::

        clinic = vaelib.loss_clinic()
        clinic.written.beta  # in a later cell: of the loss that the controls state by then

    Args:
        written: the loss that it opens with, a `vaelib.clinic.WrittenLoss` or the name of one of `EXAMPLES` there.

    Returns:
        A widget with `written`, the loss as the controls state it, `controls` (by the names of the arguments of
        `WrittenLoss`), `example` and `message` (what is wrong, shown in place of the verdict).

    Raises:
        TypeError: for what is neither.
        ValueError: for an unknown example.
    """
    if isinstance(written, str):
        written = EXAMPLES[checks.one_of(written, tuple(EXAMPLES), "written")]
    if not isinstance(written, WrittenLoss):
        names = ", ".join(map(repr, EXAMPLES))
        raise TypeError(f"written must be a WrittenLoss or the name of one ({names}), got {type(written).__name__}")
    return LossClinic(written)


def _control(name: str, words: dict) -> ipywidgets.Widget:
    if name in CHOICES:
        return ipywidgets.Dropdown(options=[(words_of(value), value) for value in CHOICES[name]], **words)
    return NUMBERS[name](**words)
