"""What the digits weigh in a page of the lab, which is limited in what it has beside them."""

import re

DIGITS = re.compile(r'(?:"(?:train|heldOut|labels)":|PAGE\.learn\()"([^"]*)"')


def digits_weight(page: str) -> int:
    """The bytes of a page's images and labels, in the page itself or handed to it later."""
    return sum(map(len, DIGITS.findall(page)))
