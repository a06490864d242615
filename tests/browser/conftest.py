"""A real browser and a real JupyterLab, on loopback only."""

import os

import pytest
from lab import ARGS, Lab, chromium_path, watched


@pytest.fixture(scope="session")
def browser():
    """Chromium; without it these tests fail in CI and are skipped elsewhere."""
    from playwright.sync_api import sync_playwright

    path = chromium_path()
    if path is None:
        message = "no Chromium found: install it (Debian: apt-get install chromium) or set CHROMIUM to its path"
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=path, args=ARGS)
        yield chromium
        chromium.close()


@pytest.fixture
def page(browser):
    """A page that must end without console errors and without requests to other machines."""
    context = browser.new_context(viewport={"width": 1400, "height": 900})
    page = watched(context.new_page())
    yield page
    context.close()
    assert page.faults == []


@pytest.fixture(scope="session")
def lab(tmp_path_factory):
    """One JupyterLab for all tests."""
    server = Lab(tmp_path_factory.mktemp("lab"))
    yield server
    server.close()
