"""The words in a picture in the reader's language, where a font for its letters is found, and in English elsewhere.

A negative number has a true minus in all of them.
"""

import functools

from matplotlib import font_manager
from matplotlib.artist import Artist
from matplotlib.axis import Axis
from matplotlib.cbook import is_math_text
from matplotlib.text import Text
from matplotlib.ticker import FixedFormatter, Formatter, FuncFormatter

from vaelib.languages import drawn, language, with_minus

# Families with the letters of a language that are often there: Linux, Windows, macOS.
FONTS = {
    "ko": (
        "Noto Sans CJK KR",
        "Noto Sans CJK JP",  # as matplotlib names the collection of all of them
        "Noto Sans KR",
        "NanumGothic",
        "NanumBarunGothic",
        "Malgun Gothic",
        "Apple SD Gothic Neo",
        "AppleGothic",
        "UnDotum",
    )
}


def letter(artist: Artist) -> None:
    """Put every text of a figure, or of a part of one, that has a translation into the reader's language."""
    font = font_for(language())
    for axis in artist.findobj(Axis):
        if isinstance(formatter := axis.get_major_formatter(), FixedFormatter | FuncFormatter):
            axis.get_majorticklabels()  # those that will be drawn are there from now on, and get their font below
            axis.set_major_formatter(_Named(formatter))
    for text in artist.findobj(Text):
        english = text.get_text()
        words = drawn(english) if english and font else english
        text.set_text(with_minus(words))
        if font and words != english:
            others = [family for family in text.get_fontfamily() if family != font]
            # The letters that the first family lacks are the second's, but for a text with a formula, which has one.
            text.set_fontfamily([font, *others] if is_math_text(words) else [*others, font])


class _Named(Formatter):
    """The names of an axis's ticks in the reader's language: each drawing sets the labels anew, by the formatter."""

    def __init__(self, english: Formatter):
        self.english = english

    def __call__(self, x: float, pos: int | None = None) -> str:
        """The name of the tick at x."""
        english = str(self.english(x, pos))
        return with_minus(drawn(english) if font_for(language()) else english)


def font_for(name: str) -> str | None:
    """The family for a language's letters, None where it needs none of its own or none is found."""
    return next((font for font in FONTS.get(name, ()) if font in _families()), None)


@functools.cache
def _families() -> frozenset[str]:
    return frozenset(font.name for font in font_manager.fontManager.ttflist)
