"""The dashboard page as a test sees it."""

import shutil
from typing import Any

from rtdash.server.auth.sign_in import mint_code
from tests.client.processes import Served

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
PATIENCE_MS = 60_000
"""A page that polls asks every 15 s."""
HOTEL, GRILL = "harbour-hotel", "harbour-grill"


class Dashboard:
    """A page in a browser context, and what went wrong in it."""

    def __init__(self, context: Any, server: Served, url: str) -> None:
        self.context = context
        self.server = server
        self.url = url
        self.page = context.new_page()
        self.page.set_default_timeout(PATIENCE_MS)
        self.faults: list[str] = []
        self.requests: list[str] = []
        self.page.on("pageerror", lambda error: self.faults.append(str(error)))
        self.page.on("console", self._note)
        self.page.on("request", lambda request: self.requests.append(request.url))

    def code(self, **claims: Any) -> str:
        """A sign-in code of the server's own secret."""
        secret = (self.server.data / "secret").read_text().strip()
        return mint_code(secret, **{"user": "desk", **claims})

    def sign_in(self, path: str = "/", *, code: str | None = None, **claims: Any) -> "Dashboard":
        """Go to the page with a code, and wait until it is live."""
        self.page.goto(f"{self.url}{path}#code={code or self.code(**claims)}")
        return self.until("live")

    def until(self, state: str) -> "Dashboard":
        """Wait for a state of the connection."""
        self.page.wait_for_selector(f'body[data-state="{state}"]')
        return self

    def row(self, name: str) -> Any:
        """The rows of live reservations of guests with that name."""
        return self.page.locator(".live .rows > li", has_text=name)

    def run(self, script: str, argument: Any = None) -> Any:
        """Run a function in the page, past its Content-Security-Policy."""
        return self.page.evaluate(script, argument)

    def _note(self, message: Any) -> None:
        # what a refused or broken connection writes is the test's doing
        is_network = "net::" in message.text or "Failed to load resource" in message.text
        is_socket = "WebSocket connection" in message.text
        if message.type == "error" and not is_network and not is_socket:
            self.faults.append(message.text)


def find_program() -> str | None:
    """Return the path of the system's Chromium; None where there is none."""
    return shutil.which("chromium") or shutil.which("chromium-browser")
