"""What the conductor tells the generator's processes, by a file, and the names by which both call
things.
"""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rtdash.loadtest.scenario import Phase
from rtdash.protocol.channels import Channel, Stream

ORDERS_VARIABLE = "RTDASH_LOADTEST_ORDERS"
"""The environment variable with the path of the file; it holds tokens, which a command line must
not."""

ORDERS_FILE = "orders.json"
TRAFFIC_FILE = "traffic"
"""There since the traffic began: what was measured of the generator before doesn't count."""
OVER_FILE = "over"
"""There when the traffic is to end: writers send nothing more."""
HEADS_FILE = "heads.json"
"""Written when the traffic has ended: where each stream's log ends, for clients to catch up to."""


@dataclass(frozen=True, slots=True)
class VenueTold:
    """A venue as a publisher needs it."""

    id: str
    kind: str
    room_types: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Orders:
    """All that a process of the generator needs to know. `proxy_port`: of the fault proxy on this
    machine, when there are faults.
    """

    run_id: str
    folder: str
    url: str
    socket_url: str
    proxy_port: int | None
    tokens: tuple[str, ...]
    venues: tuple[VenueTold, ...]
    phase: Phase
    seed: int
    frozen_after_s: float = 5.0
    first_delay_s: float = 0.25
    longest_delay_s: float = 5.0

    def save(self) -> Path:
        """Write them into the folder, for the owner's eyes only."""
        path = Path(self.folder) / ORDERS_FILE
        told = {
            **{name: getattr(self, name) for name in self.__slots__},
            "venues": [asdict(venue) for venue in self.venues],
        }
        told["phase"] = self.phase.model_dump(mode="json")
        path.touch(mode=0o600)
        path.write_text(json.dumps(told), encoding="utf-8")
        return path

    @classmethod
    def load(cls, path: Path) -> "Orders":
        """Read them back."""
        told: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        venues = tuple(
            VenueTold(one["id"], one["kind"], tuple(one["room_types"])) for one in told["venues"]
        )
        return cls(
            **{
                **told,
                "tokens": tuple(told["tokens"]),
                "venues": venues,
                "phase": Phase.model_validate(told["phase"]),
            }
        )


def stream_name(stream: Stream) -> str:
    """A stream as the key of a JSON object."""
    return f"{stream.venue} {stream.channel}"


def stream_of(name: str) -> Stream:
    """The stream of that name."""
    venue, _, channel = name.rpartition(" ")
    return Stream(venue, Channel(channel))


def save_heads(folder: str, heads: dict[Stream, int]) -> None:
    """Tell the generator where the logs end; whole or not at all."""
    path = Path(folder) / HEADS_FILE
    written = path.with_suffix(".part")
    written.write_text(
        json.dumps({stream_name(stream): seq for stream, seq in heads.items()}), encoding="utf-8"
    )
    written.replace(path)


def load_heads(folder: str) -> dict[Stream, int] | None:
    """Where the logs end, once that has been told."""
    try:
        told = json.loads((Path(folder) / HEADS_FILE).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    return {stream_of(name): seq for name, seq in told.items()}
