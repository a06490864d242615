"""A slow connection, and how soon and after how many bytes the first slider of a page moves over it."""

import time

RATE = 1_600_000 / 8  # bytes a second
LATENCY = 150  # ms
READY = "addEventListener('frame', ({ detail }) => (window.frame = detail), { capture: true })"
MOVED = "([slider, before]) => slider.getAttribute('aria-valuetext') !== before"


def slow_down(page) -> list[int]:
    """Let the page receive 1.6 Mbit/s, with nothing cached; a list that grows by the bytes of each answer."""
    session, received = page.context.new_cdp_session(page), []
    session.send("Network.enable")
    session.send("Network.setCacheDisabled", {"cacheDisabled": True})
    speed = {"downloadThroughput": RATE, "uploadThroughput": RATE}
    session.send("Network.emulateNetworkConditions", {"offline": False, "latency": LATENCY, **speed})
    session.on("Network.dataReceived", lambda data: received.append(data["dataLength"]))
    return received


def move_the_first_slider(page, address: str) -> tuple[float, int]:
    """Open a page with a lab over a slow connection; seconds and bytes until its first slider has moved.

    The lab has shown its codes by then, so that the slider is one of something that works.
    """
    received = slow_down(page)
    page.add_init_script(READY)
    start = time.perf_counter()
    page.goto(address, wait_until="commit")
    page.wait_for_function("() => window.frame?.heldOut")
    slider = page.get_by_role("slider").first
    before = slider.get_attribute("aria-valuetext")
    slider.press("End")
    page.wait_for_function(MOVED, arg=[slider.element_handle(), before])
    return time.perf_counter() - start, sum(received)
