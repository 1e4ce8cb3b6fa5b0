"""The ledger: what each client received of each stream, held against what was acknowledged and what
the log says. Pure.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from rtdash.protocol.channels import Channel, Stream

EXAMPLES = 20
"""Findings that are named one by one; beyond, they are only counted."""


@dataclass(slots=True)
class Account:
    """One client's events of one stream. `start`: the position that the server gave first;
    `next_seq`: the one that must come next.
    """

    start: int
    next_seq: int
    missing: set[int] = field(default_factory=set)
    """Skipped over, and not come since."""
    duplicated: int = 0
    reordered: int = 0
    recovered: int = 0
    """Came after a reconnection, from before it."""
    resets: int = 0
    given_up: int = 0
    """Events that an explicit reset told the client to do without."""

    @classmethod
    def opened(cls, start: int) -> Self:
        """The account of a client whose first event is the one after `start`."""
        return cls(start, start + 1)

    def receive(self, seq: int) -> None:
        """An event came."""
        if seq == self.next_seq:
            self.next_seq = seq + 1
        elif seq > self.next_seq:
            self.missing.update(range(self.next_seq, seq))
            self.next_seq = seq + 1
        elif seq in self.missing:
            self.missing.discard(seq)
            self.reordered += 1
        else:
            self.duplicated += 1

    def reset(self, seq: int) -> None:
        """The server said that the history before `seq` is gone, and that events follow from
        there.
        """
        self.resets += 1
        self.given_up += max(0, seq + 1 - self.next_seq)
        self.next_seq = seq + 1

    def lost(self, head: int) -> Iterator[int]:
        """What never came, up to the log's head."""
        yield from sorted(self.missing)
        yield from range(self.next_seq, head + 1)

    def to_json(self) -> list[Any]:
        """Everything, for another process."""
        counts = [self.duplicated, self.reordered, self.recovered, self.resets, self.given_up]
        return [self.start, self.next_seq, sorted(self.missing), *counts]

    @classmethod
    def from_json(cls, told: list[Any]) -> Self:
        """The same again."""
        start, next_seq, missing, *counts = told
        return cls(start, next_seq, set(missing), *counts)


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """An operation that the server said was applied, and the seq that it said its event has."""

    operation_id: str
    stream: Stream
    seq: int


@dataclass(frozen=True, slots=True)
class Log:
    """The server's log of one stream from `start` (excluded) to `head`, read at the end: seq →
    (operation id, digest).
    """

    start: int
    head: int
    entries: Mapping[int, tuple[str | None, str]]


@dataclass(slots=True)
class Findings:
    """What is wrong, counted by kind and channel and by kind and client, and the first of each in
    words.
    """

    by_channel: Counter[tuple[str, Channel]] = field(default_factory=Counter)
    by_client: Counter[tuple[str, str]] = field(default_factory=Counter)
    total: Counter[str] = field(default_factory=Counter)
    examples: list[str] = field(default_factory=list)

    def add(
        self,
        kind: str,
        count: int,
        *,
        stream: Stream | None = None,
        client: str | None = None,
        text: str | None = None,
    ) -> None:
        """Count findings of a kind; nothing when there are none."""
        if not count:
            return
        self.total[kind] += count
        if stream is not None:
            self.by_channel[kind, stream.channel] += count
        if client is not None:
            self.by_client[kind, client] += count
        if text is not None and len(self.examples) < EXAMPLES:
            self.examples.append(text)


def judge_clients(
    accounts: Iterable[tuple[str, Mapping[Stream, Account]]], logs: Mapping[Stream, Log]
) -> Findings:
    """Every client's accounts against the log: lost, duplicated, reordered, recovered, resets."""
    findings = Findings()
    for client, streams in accounts:
        for stream, account in streams.items():
            _judge(
                findings,
                client,
                stream,
                account,
                logs[stream].head if stream in logs else account.next_seq - 1,
            )
    return findings


def judge_contents(
    findings: Findings, contents: Mapping[Stream, Mapping[int, str]], logs: Mapping[Stream, Log]
) -> None:
    """What was received against what the log says: unexpected (not in it) and invalid (something
    else is).
    """
    for stream, received in contents.items():
        log = logs.get(stream)
        for seq, digest in received.items():
            if log is None or seq <= log.start:
                continue
            entry = log.entries.get(seq)
            if entry is None:
                findings.add(
                    "unexpected",
                    1,
                    stream=stream,
                    text=f"{stream.channel} seq {seq} was received and is not in the log",
                )
            elif entry[1] != digest:
                findings.add(
                    "invalid",
                    1,
                    stream=stream,
                    text=(
                        f"{stream.channel} seq {seq} was received with another content than logged"
                    ),
                )


def judge_acknowledged(
    findings: Findings, acknowledged: Iterable[Acknowledged], logs: Mapping[Stream, Log]
) -> None:
    """What was acknowledged must be in the log, with its operation, at the seq that was told; where
    there is no log, nothing can be said.
    """
    for told in acknowledged:
        log = logs.get(told.stream)
        if log is None:
            continue
        entry = log.entries.get(told.seq)
        if entry is None or entry[0] != told.operation_id:
            text = (
                f"operation {told.operation_id} was acknowledged as {told.stream.channel} seq"
                f" {told.seq}, and the log doesn't have it there"
            )
            findings.add("acknowledged_lost", 1, stream=told.stream, text=text)


def _judge(findings: Findings, client: str, stream: Stream, account: Account, head: int) -> None:
    lost = list(account.lost(head))
    where = f"{client}, {stream.channel} of {stream.venue}"
    text = f"lost: {where}: seq {_ranges(lost)} of {account.start + 1} to {head}" if lost else None
    findings.add("lost", len(lost), stream=stream, client=client, text=text)
    for kind in ("duplicated", "reordered", "resets"):
        count = getattr(account, kind)
        findings.add(
            kind, count, stream=stream, client=client, text=f"{kind}: {where}: {count} times"
        )
    findings.add("recovered", account.recovered, stream=stream, client=client)


def _ranges(seqs: list[int]) -> str:
    """1, 2, 3, 7 → "1-3, 7"; the first three ranges."""
    ranges: list[list[int]] = []
    for seq in seqs:
        if ranges and seq == ranges[-1][1] + 1:
            ranges[-1][1] = seq
        else:
            ranges.append([seq, seq])
    shown = ", ".join(
        str(first) if first == last else f"{first}-{last}" for first, last in ranges[:3]
    )
    return shown + (" …" if len(ranges) > 3 else "")
