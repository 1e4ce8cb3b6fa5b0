"""Chromium of the system for tests of the page, with a server for each module."""

import os
import re
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.browser.pages import FLAGS, Dashboard, find_program
from tests.client.processes import Served

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    """The browser; skipped by name where the system has none.

    It ends with its module: Playwright's event loop runs in this thread, where the tests of other
    modules could start none of their own beside it.
    """
    program = find_program()
    if program is None:
        pytest.skip("chromium is not installed")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=FLAGS)
        yield browser
        browser.close()


def serve(folder: Path) -> Served:
    """Start a server that lets one user do much, and that ends and comes back quickly."""
    return Served(
        folder / "data",
        connections_per_user="0",
        requests_per_second="0",
        handshakes_per_minute="0",
        drain_window_s="0.2",
        restart_allowance_s="0.3",
    )


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """One server for the tests of a module."""
    server = serve(tmp_path_factory.mktemp("served"))
    yield server
    server.end()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server that the tests of a module break, and leave running."""
    server = serve(tmp_path_factory.mktemp("broken"))
    yield server
    server.send(signal.SIGCONT)
    server.end(signal.SIGKILL)


@pytest.fixture
def dashboard(
    chromium: Any, served: Served, request: pytest.FixtureRequest, tmp_path: Path
) -> Iterator[Callable[..., Dashboard]]:
    """Open the page in a context of its own. Every error that the page shows fails the test, and
    a failed test leaves a picture.
    """
    opened: list[Dashboard] = []

    def open_page(*, server: Served = served, url: str | None = None, **context: Any) -> Dashboard:
        pictured = {"viewport": {"width": 1280, "height": 900}, "locale": "en-GB", **context}
        one = Dashboard(chromium.new_context(**pictured), server, url or server.url)
        opened.append(one)
        return one

    yield open_page
    failed = getattr(request.node, "failed", False)
    name = re.sub(r"\W+", "-", request.node.name)
    folder = Path(os.environ.get("RTDASH_TEST_SCREENSHOTS", tmp_path))
    for number, one in enumerate(opened):
        if failed:
            one.page.screenshot(path=folder / f"{name}-{number}.png", full_page=True)
        one.context.close()
    for one in opened:
        assert failed or one.faults == [], one.faults


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: Any) -> Any:
    """Note for the fixtures whether the test has failed."""
    report = yield
    item.failed = getattr(item, "failed", False) or report.failed  # type: ignore[attr-defined]
    return report
