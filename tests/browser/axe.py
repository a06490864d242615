"""What axe, the accessibility checker, finds in a page and in each of its frames."""

from axe_playwright_python.sync_playwright import Axe

OPTIONS = {"resultTypes": ["violations"], "iframes": False}  # each frame is looked at by itself


def violations(page) -> list[str]:
    """Each rule that the page or one of its frames breaks, with the first element that does; [] where it passes all."""
    for frame in page.locator("iframe:visible").all():
        frame.scroll_into_view_if_needed()  # some are loaded only then
        frame.content_frame.locator("main :is(canvas, svg, img)").first.wait_for()
    return [
        f"{violation['id']} ({violation['impact']}, {len(violation['nodes'])} times): {violation['nodes'][0]['html']}"
        for frame in page.frames
        for violation in Axe().run(frame, options=OPTIONS).response["violations"]
    ]
