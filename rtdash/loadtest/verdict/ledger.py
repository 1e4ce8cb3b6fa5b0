"""The ledger: what each client received of each stream, compared with what was acknowledged and
with the log. Pure.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from rtdash.loadtest.generator.account import EXAMPLES, Acknowledged, StreamAccount
from rtdash.protocol.channels import Channel, Stream


@dataclass(frozen=True, slots=True)
class Log:
    """Log of one stream, read at the end, from `start` (excluded) to `head`: seq → (operation id,
    digest).
    """

    start: int
    head: int
    entries: Mapping[int, tuple[str | None, str]]


@dataclass(slots=True)
class Findings:
    """Findings, counted by kind and channel and by kind and client, with the first of each in
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
    accounts: Iterable[tuple[str, Mapping[Stream, StreamAccount]]], logs: Mapping[Stream, Log]
) -> Findings:
    """Compare every client's accounts with the log: lost, duplicated, reordered, recovered,
    resets.
    """
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
    """Compare what was received with the log: unexpected (not in it) and invalid (another
    content).
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
    """Find acknowledged operations that the log doesn't have at the seq of the acknowledgement;
    streams without a log are left out.
    """
    for one in acknowledged:
        log = logs.get(one.stream)
        if log is None:
            continue
        entry = log.entries.get(one.seq)
        if entry is None or entry[0] != one.operation_id:
            text = (
                f"operation {one.operation_id} was acknowledged as {one.stream.channel} seq"
                f" {one.seq}, and the log doesn't have it there"
            )
            findings.add("acknowledged_lost", 1, stream=one.stream, text=text)


def _judge(
    findings: Findings, client: str, stream: Stream, account: StreamAccount, head: int
) -> None:
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
    """Return the first three ranges in words: 1, 2, 3, 7 becomes "1-3, 7"."""
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
