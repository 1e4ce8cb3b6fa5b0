"""HTTP side of the simulated system: its states, for the receivers of its events."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.parse import unquote, urlsplit

from rtdash.simulate.pms import ReservationStates

_LIST = "/reservations"


@contextmanager
def serve_states(states: ReservationStates, port: int) -> Iterator[str]:
    """Serve `/reservations` (the newest) and `/reservations/ID` on loopback; yield the base URL.

    Port 0 takes a free one. Raises OSError where the port is taken.
    """

    class Handler(BaseHTTPRequestHandler):
        timeout = 10

        def do_GET(self) -> None:
            path = unquote(urlsplit(self.path).path)
            found = states.newest() if path == _LIST else states.find(path.rpartition("/")[2])
            body = json.dumps(found if found is not None else {"error": "not found"}).encode()
            self.send_response(200 if found is not None else 404)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Stay silent: stderr shows the run's progress."""

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    server.daemon_threads = True
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
