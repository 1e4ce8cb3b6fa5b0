"""How many may be here: connections in all and by user, handshakes by address."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence

from rtdash.protocol.rates import TokenBuckets
from rtdash.server.http.peer_address import household
from rtdash.settings import Limits
from rtdash.store.leases import Lease


class ConnectionLimits:
    """Counts of this process, and the limits on them. With `limits_dry_run` an excess is reported
    to `on_refused` and let pass.
    """

    def __init__(self, limits: Limits, on_refused: Callable[[str], None]) -> None:
        self.by_user: Counter[str] = Counter()
        self._limits = limits
        self._on_refused = on_refused
        self._total = 0
        self._handshakes = TokenBuckets(limits.handshakes_per_minute / 60, limits.handshakes_burst)

    def handshake_wait_s(self, address: str, now: float) -> float:
        """Count a handshake of the address: 0.0 when it may go on, else the seconds after which the
        next one may.
        """
        wait_s = self._handshakes.take(household(address), now)
        return wait_s if wait_s and self.refuses("handshakes_per_minute") else 0.0

    def is_full(self) -> bool:
        """Whether there is no place for another connection."""
        limit = self._limits.max_connections
        return bool(limit) and self._total >= limit and self.refuses("max_connections")

    def has_all(self, sub: str, elsewhere: Mapping[str, int], *, leaving: int) -> bool:
        """Whether the user has all its places taken, in all processes; `leaving` of them are about
        to be given up.
        """
        limit = self._limits.connections_per_user
        return bool(limit) and self.by_user.get(sub, 0) + elsewhere.get(sub, 0) - leaving >= limit

    def enter(self, sub: str) -> None:
        """Take a place in the user's count and a socket's in all."""
        self.by_user[sub] += 1
        self._total += 1

    def leave(self, sub: str) -> None:
        """Give the user's place back: the server has given the connection up, though its socket may
        not have ended yet.
        """
        self.by_user[sub] -= 1
        if not self.by_user[sub]:
            del self.by_user[sub]

    def end(self) -> None:
        """Give the socket's place back."""
        self._total -= 1

    def refuses(self, limit: str) -> bool:
        """Report an excess; return whether it is to be refused."""
        self._on_refused(limit)
        return not self._limits.limits_dry_run


def surplus(
    leases: Sequence[Lease], process: str, limit: int, twice: Callable[[str], int]
) -> dict[str, int]:
    """Return how many connections of which users `process` has to close, so that each keeps `limit`
    over all processes.

    The newest go: they are where the number rose last. Every process sees the same leases, so
    exactly one of them acts. `twice` gives how many of a user's the leases count twice, since their
    sessions have just come to this process.
    """
    by_user: dict[str, list[Lease]] = {}
    for lease in leases:
        by_user.setdefault(lease.sub, []).append(lease)
    found = {}
    for sub, of_user in by_user.items():
        newest = max(of_user, key=lambda lease: (lease.raised_at, lease.process))
        too_many = sum(lease.connections for lease in of_user) - limit
        if too_many > 0 and newest.process == process and too_many > (counted_twice := twice(sub)):
            found[sub] = min(too_many - counted_twice, newest.connections)
    return found
