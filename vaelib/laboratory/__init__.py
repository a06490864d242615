"""A VAE that trains in the page, under the reader's hand.

`lab` is a widget: its controls are the switches of the objective, and its views show what they do while it trains, in
WebAssembly, in a worker of the browser. `save_page` writes it to a page that needs no kernel.
"""

from vaelib.laboratory.page import save_page
from vaelib.laboratory.widget import Lab, lab

__all__ = ["Lab", "lab", "save_page"]
