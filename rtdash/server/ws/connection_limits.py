"""How many may be here: connections in all and by user, handshakes by address."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from ipaddress import ip_address

from rtdash.protocol.rates import TokenBucket
from rtdash.settings import Limits
from rtdash.store.sessions import Lease

MAX_ADDRESSES = 10_000
"""Addresses remembered at once; beyond it those are forgotten whose bucket is full again, and then
the oldest."""

_IPV6_NETWORK_BITS = 64


class ConnectionLimits:
    """Counts of this process, and the limits on them. With `limits_dry_run` an excess is told to
    `on_refused` and let pass.
    """

    def __init__(self, limits: Limits, on_refused: Callable[[str], None]) -> None:
        self.by_user: Counter[str] = Counter()
        self._limits = limits
        self._on_refused = on_refused
        self._total = 0
        self._addresses: dict[str, TokenBucket] = {}

    def handshake_wait_s(self, address: str, now: float) -> float:
        """Count a handshake of the address: 0.0 when it may go on, else the seconds after which the
        next one may.
        """
        per_minute = self._limits.handshakes_per_minute
        if not per_minute:
            return 0.0
        key = _network(address)
        bucket = self._addresses.get(key)
        if bucket is None:
            self._make_room(now)
            bucket = self._addresses[key] = TokenBucket(
                per_minute / 60, self._limits.handshakes_burst, now
            )
        wait_s = bucket.take(now)
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
        """Take a place."""
        self.by_user[sub] += 1
        self._total += 1

    def leave(self, sub: str) -> None:
        """Give it back."""
        self._total -= 1
        self.by_user[sub] -= 1
        if not self.by_user[sub]:
            del self.by_user[sub]

    def refuses(self, limit: str) -> bool:
        """Tell of an excess; whether it is to be refused."""
        self._on_refused(limit)
        return not self._limits.limits_dry_run

    def _make_room(self, now: float) -> None:
        if len(self._addresses) < MAX_ADDRESSES:
            return
        self._addresses = {
            key: bucket for key, bucket in self._addresses.items() if not bucket.is_full(now)
        }
        while len(self._addresses) >= MAX_ADDRESSES:
            del self._addresses[next(iter(self._addresses))]


def surplus(
    leases: Sequence[Lease], process: str, limit: int, twice: Callable[[str], int]
) -> dict[str, int]:
    """How many connections of which users `process` has to close, so that each keeps `limit` over
    all processes.

    The newest go: they are where the number rose last. Every process sees the same leases, so
    exactly one of them acts.
    `twice` tells how many of a user's the leases count twice, since their sessions have just come
    to this process.
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


def _network(address: str) -> str:
    """IPv6 hands out whole networks: a /64 is one household."""
    if ":" not in address:
        return address
    try:
        return str(int(ip_address(address.partition("%")[0])) >> (128 - _IPV6_NETWORK_BITS))
    except ValueError:
        return address
