"""Configuration of the generator's processes, by a file, and the names of the files between them
and the run.
"""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rtdash.client.timing import NEVER, Timing
from rtdash.loadtest.plan.scenario import Phase
from rtdash.protocol.channels import Channel, Stream

CONFIG_VARIABLE = "RTDASH_LOADTEST_CONFIG"
"""The environment variable with the path of the file; it holds tokens, which a command line must
not."""

CONFIG_FILE = "config.json"
TRAFFIC_FILE = "traffic"
"""There since the traffic began: what was measured of the generator before doesn't count."""
OVER_FILE = "over"
"""There when the traffic is to end: writers send nothing more."""
HEADS_FILE = "heads.json"
"""Written when the traffic has ended: where each stream's log ends, for clients to catch up to."""
_FLAP_EVERY_S = 0.1
"""Between the attempts of a client that drops its connections and asks for the next at once."""


@dataclass(frozen=True, slots=True)
class TargetVenue:
    """Venue that a publisher writes to."""

    id: str
    kind: str
    room_types: tuple[str, ...] = ()
    free_tonight: tuple[str, ...] = ()
    """Room types with rooms to spare tonight."""
    timezone: str = "UTC"
    closeout_hour: int = 3
    has_cents: bool = False
    """Whether its currency is known, and has two digits behind the point."""

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> "TargetVenue":
        """Return the venue that `asdict` described."""
        lists = {name: tuple(data[name]) for name in ("room_types", "free_tonight")}
        return cls(**{**data, **lists})


@dataclass(frozen=True, slots=True)
class RunConfig:
    """Configuration of a process of the generator. `proxy_port`: of the fault proxy on this
    machine, when there are faults.
    """

    run_id: str
    folder: str
    url: str
    socket_url: str
    proxy_port: int | None
    tokens: tuple[str, ...]
    limited_tokens: tuple[str, ...]
    """Of fewer rights; a fifth of the clients uses them, on the channels that they allow."""
    venues: tuple[TargetVenue, ...]
    phase: Phase
    seed: int
    frozen_after_s: float = 5.0
    first_delay_s: float = 0.25
    longest_delay_s: float = 5.0

    @property
    def timing(self) -> Timing:
        """Return the times of the WebSocket clients. They don't poll: a scenario has pollers of its
        own.
        """
        return Timing(
            frozen_after_s=self.frozen_after_s,
            first_delay_s=self.first_delay_s,
            longest_delay_s=self.longest_delay_s,
            polling_after=NEVER,
            wake_every_s=_FLAP_EVERY_S,
        )

    def save(self) -> Path:
        """Write the configuration into the folder, readable by the owner only, since it holds
        tokens.
        """
        path = Path(self.folder) / CONFIG_FILE
        data = {
            **{name: getattr(self, name) for name in self.__slots__},
            "venues": [asdict(venue) for venue in self.venues],
        }
        data["phase"] = self.phase.model_dump(mode="json")
        path.touch(mode=0o600)
        path.write_text(json.dumps(data), encoding="utf-8")
        return path

    @classmethod
    def load(cls, path: Path) -> "RunConfig":
        """Read the configuration from a file."""
        data: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        venues = tuple(map(TargetVenue.from_json, data["venues"]))
        return cls(
            **{
                **data,
                "tokens": tuple(data["tokens"]),
                "limited_tokens": tuple(data["limited_tokens"]),
                "venues": venues,
                "phase": Phase.model_validate(data["phase"]),
            }
        )


def stream_name(stream: Stream) -> str:
    """Return a stream as the key of a JSON object."""
    return f"{stream.venue} {stream.channel}"


def stream_of(name: str) -> Stream:
    """Return the stream of that name."""
    venue, _, channel = name.rpartition(" ")
    return Stream(venue, Channel(channel))


def save_heads(folder: str, heads: dict[Stream, int]) -> None:
    """Write the heads of the logs for the generator, in one atomic step."""
    path = Path(folder) / HEADS_FILE
    written = path.with_suffix(".part")
    written.write_text(
        json.dumps({stream_name(stream): seq for stream, seq in heads.items()}), encoding="utf-8"
    )
    written.replace(path)


def load_heads(folder: str) -> dict[Stream, int] | None:
    """Return the heads of the logs, or None before they are written."""
    try:
        data = json.loads((Path(folder) / HEADS_FILE).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    return {stream_of(name): seq for name, seq in data.items()}
