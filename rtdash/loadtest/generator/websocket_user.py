"""WebSocket user on a plain socket: under gevent a greenlet, in a test a thread. Does what its
follower decides, and misbehaves on request.
"""

import time
from collections.abc import Iterable

from rtdash.client import connection_events as events
from rtdash.client.api_errors import NotAllowed
from rtdash.client.timing import Timing
from rtdash.client.websocket_connection import ConnectionDropped
from rtdash.loadtest.generator.client_stats import ClientStats
from rtdash.loadtest.generator.dial import dial
from rtdash.loadtest.generator.follower import Follower
from rtdash.loadtest.generator.socket_connection import SocketConnection
from rtdash.protocol.codes import CloseCode

FLAPS = 5
_ABNORMAL = 1006
_CLOSE_WITHIN_S = 1.0


class WebSocketUser:
    """WebSocket user: the I/O of one follower. `run` ends when there will be no further attempt, or
    by an exit.

    `proxy_port`: of the fault proxy on this machine, if it stands between.
    """

    def __init__(
        self,
        follower: Follower,
        url: str,
        token: str,
        stats: ClientStats,
        *,
        timing: Timing,
        proxy_port: int | None = None,
        compress: bool = False,
    ) -> None:
        self.follower = follower
        self._url = url
        self._token = token
        self._stats = stats
        self._timing = timing
        self._proxy_port = proxy_port
        self._compress = compress
        self._connection: SocketConnection | None = None
        self._is_leaving = False
        self._pause_s = 0.0
        self._flaps = 0

    @property
    def is_open(self) -> bool:
        """Return whether the client is subscribed, so that a fault would mean something."""
        follower = self.follower
        return self._connection is not None and follower.is_subscribed and not follower.ends_itself

    @property
    def is_proxied(self) -> bool:
        """Return whether the fault proxy stands between, so that faults may hit this client."""
        return self._proxy_port is not None

    @property
    def has_unread(self) -> bool:
        """Return whether the kernel holds unread bytes for this client."""
        return self._connection is not None and self._connection.has_unread

    def run(self) -> None:
        """Follow and reconnect for as long as the follower does."""
        try:
            self._handle(events.Start())
            while not self.follower.is_turned_away:
                if self._connection is None:
                    self._await_due()
                else:
                    self._read(self._connection)
        finally:
            self._handle(events.Stop())
            self._disconnect()

    def close_cleanly(self) -> None:
        """Close with code 1000, then reconnect."""
        if self._connection is not None:
            self.follower.note_own_end("clean", time.monotonic())
            self._connection.send_close(CloseCode.NORMAL)

    def flap(self) -> None:
        """Drop the connection without a Close frame, FLAPS times in a row, each as soon as it is
        subscribed.
        """
        self._flaps = FLAPS

    def stop_reading(self, seconds: float) -> None:
        """Stop reading for so many seconds."""
        self._pause_s = seconds
        self.follower.note_pause(time.monotonic())

    def _handle(self, event: events.Event) -> None:
        """Let the follower decide, and do it."""
        for action in self.follower.handle(time.monotonic(), event):
            if type(action) is not events.Deliver:  # entered by the follower
                self._act(action, event)

    def _act(self, action: events.Action, event: events.Event) -> None:
        match action:
            case events.AskToken(request):
                self._handle(events.TokenCame(request, self._token))
            case events.Open(attempt, token):
                self._open(attempt, token)
            case events.Send(text) if self._connection is not None:
                self._connection.send(text)
            case events.SendPing() if self._connection is not None:
                self._connection.ping()
            case events.Drop():
                self._drop(event)

    def _open(self, attempt: int, token: str) -> None:
        began = time.monotonic()
        try:
            connection = dial(
                self._url,
                token,
                attempt,
                within_s=self._timing.open_within_s,
                proxy_port=self._proxy_port,
                compress=self._compress,
            )
        except (ConnectionDropped, NotAllowed, OSError) as failure:
            self._handle(_failed(attempt, failure))
            return
        duration_s = time.monotonic() - began
        self._stats.opened(
            began,
            duration_s,
            client=self.follower.name,
            is_compressed=connection.is_compressed,
        )
        self._connection, self.follower.port = connection, connection.port
        self._handle(events.Opened(attempt))
        self._take(connection, connection.received())  # it may have come along with the upgrade

    def _await_due(self) -> None:
        due_at = self.follower.due_at
        assert due_at is not None, "without a connection the next attempt is waited for"
        time.sleep(max(0.0, due_at - time.monotonic()))
        self._handle(events.Due())

    def _read(self, connection: SocketConnection) -> None:
        """Take what comes next, or what is due."""
        if self._pause_s:
            self._pause()
        due_at = self.follower.due_at
        assert due_at is not None, "an open connection waits for a sign of life"
        wait_s = due_at - time.monotonic()
        if wait_s <= 0:
            self._handle(events.Due())
            return
        try:
            came = connection.read(wait_s)
        except TimeoutError:
            self._handle(events.Due())
        except EOFError:
            self._lose("end of stream")
        except OSError:
            self._lose("reset")
        else:
            self._take(connection, came)

    def _take(self, connection: SocketConnection, came: Iterable[events.Event]) -> None:
        """Hand over what has come, also behind what made the follower leave: it is evidence for the
        ledger.
        """
        for event in came:
            self._handle(event)
        if self._is_leaving:
            connection.send_close(CloseCode.NORMAL)
            for event in connection.read_to_close(_CLOSE_WITHIN_S):
                self._handle(event)
            self._disconnect()
        elif self._flaps and self.is_open:
            self._flap()

    def _drop(self, event: events.Event) -> None:
        """End the connection. A server that has just spoken is left in order; from a silent one no
        answer to a Close is waited for.
        """
        if type(event) is events.Heard:
            self._is_leaving = True
            return
        if type(event) is events.Stop and self._connection is not None:
            self._connection.send_close(CloseCode.NORMAL)
        self._disconnect()

    def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        self._is_leaving = False
        if connection is not None:
            connection.abort()

    def _lose(self, detail: str) -> None:
        """Let the follower know that the connection is gone, without a Close."""
        assert self._connection is not None, "only an open connection is lost"
        self._handle(events.Closed(self._connection.attempt, _ABNORMAL, detail=detail))

    def _pause(self) -> None:
        """Read nothing for a while: what silence means meanwhile is the client's own doing."""
        pause_s, self._pause_s = self._pause_s, 0.0
        self._handle(events.Wake("paused"))
        time.sleep(pause_s)
        self._handle(events.Wake("reading"))

    def _flap(self) -> None:
        """End the connection without a Close, and ask for the next one at once."""
        self._flaps -= 1
        self.follower.note_own_end("flapping", time.monotonic())
        self._lose("flapping")
        self._handle(events.Wake("asked"))


def _failed(attempt: int, failure: Exception) -> events.Closed:
    """Return what the end of an attempt means. An HTTP 401 or 403 is for good, as the close code of
    the same meaning.
    """
    match failure:
        case NotAllowed():
            return events.Closed(attempt, CloseCode.FORBIDDEN, detail=str(failure))
        case ConnectionDropped(code=code, reason=reason, detail=detail, retry_after_s=wait_s):
            return events.Closed(attempt, code, reason, detail, wait_s)
        case TimeoutError():
            return events.Closed(attempt, _ABNORMAL, detail="no connection in time")
        case _:
            detail = str(failure) or type(failure).__name__
            return events.Closed(attempt, _ABNORMAL, detail=detail)
