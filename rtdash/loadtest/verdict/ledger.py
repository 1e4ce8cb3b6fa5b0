"""The ledger: what each client received of each stream, compared with what was acknowledged and
with the log. Pure.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import islice
from operator import itemgetter

from rtdash.loadtest.generator.account import Acknowledged, StreamAccount
from rtdash.loadtest.generator.message_reader import Content, is_of_run
from rtdash.protocol.channels import Channel, Stream

_LOOKED_AT = 10_000
"""Lost events that ranges in words are made of: a head far off is a number, no list."""
EXAMPLES_OF_KIND = 8
"""Findings of one kind that are named one by one; beyond, they are only counted."""


@dataclass(frozen=True, slots=True)
class StreamLog:
    """Log of one stream, read at the end, from `start` (excluded) to `head`: seq → (operation id,
    digest).
    """

    start: int
    head: int
    entries: Mapping[int, tuple[str | None, str]]
    went_back: str | None = None
    """In words, where the log lost events that it had: nothing can be compared by seq then."""


@dataclass(slots=True)
class Findings:
    """Findings, counted by kind and channel and by kind and client, with the first of each in
    words.
    """

    by_channel: Counter[tuple[str, Channel]] = field(default_factory=Counter)
    by_client: Counter[tuple[str, str]] = field(default_factory=Counter)
    total: Counter[str] = field(default_factory=Counter)
    examples: list[str] = field(default_factory=list)
    _shown: Counter[str] = field(default_factory=Counter)

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
        shown = self._shown
        if text is not None and shown[kind] < EXAMPLES_OF_KIND:
            shown[kind] += 1
            self.examples.append(text)


def judge_clients(
    accounts: Iterable[tuple[str, Mapping[Stream, StreamAccount]]], logs: Mapping[Stream, StreamLog]
) -> Findings:
    """Compare every client's accounts with the log: lost, duplicated, reordered, recovered,
    resets.
    """
    findings = Findings()
    for client, streams in accounts:
        for stream, account in streams.items():
            log = logs.get(stream)
            is_known = log is not None and log.went_back is None
            head = log.head if log is not None and is_known else account.next_seq - 1
            _judge(findings, client, stream, account, head)
    return findings


def judge_contents(
    findings: Findings,
    contents: Iterable[Mapping[Stream, Mapping[int, Content]]],
    logs: Mapping[Stream, StreamLog],
    run_id: str,
) -> None:
    """Compare what was received with the log: unexpected (not in it), invalid (another content),
    and delivered_and_lost (an operation of this run that clients saw and that the log has nowhere).
    """
    received: dict[Stream, set[tuple[int, Content]]] = {}
    for one in contents:
        for stream, events in one.items():
            received.setdefault(stream, set()).update(events.items())
    for stream, log in logs.items():
        logged = {operation for operation, _ in log.entries.values()}
        went_back = log.went_back
        for seq, content in sorted(received.get(stream, ()), key=itemgetter(0)):
            kind = _judge_content(seq, content, log, logged, run_id)
            if kind is None:
                continue
            where = f"{stream.channel} of {stream.venue} seq {seq}"
            text = f"{kind}: {where} {_CONTENT_TEXTS[kind]}"
            if content.operation_id is not None:
                text += f" (operation {content.operation_id})"
            if kind == "delivered_and_lost" and seq > log.head and went_back is None:
                went_back = f"clients received seq {seq}, and it ends at {log.head}"
            findings.add(kind, 1, stream=stream, text=text)
        if went_back is not None:
            where = f"log_went_back: the log of {stream.channel} of {stream.venue}"
            findings.add("log_went_back", 1, stream=stream, text=f"{where}: {went_back}")


_CONTENT_TEXTS = {
    "delivered_and_lost": "was received, and the log doesn't have it any more",
    "unexpected": "was received and is not in the log",
    "invalid": "was received with another content than logged",
}


def _judge_content(
    seq: int, content: Content, log: StreamLog, logged: set[str | None], run_id: str
) -> str | None:
    if log.went_back is None and seq <= log.start:
        return None
    entry = log.entries.get(seq)
    if log.went_back is None and entry is not None and entry[1] == content.digest:
        return None
    if is_of_run(content.operation_id, run_id) and content.operation_id not in logged:
        return "delivered_and_lost"
    if log.went_back is not None:
        return None
    return "unexpected" if entry is None else "invalid"


def judge_acknowledged(
    findings: Findings, acknowledged: Iterable[Acknowledged], logs: Mapping[Stream, StreamLog]
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
                f"acknowledged_lost: operation {one.operation_id} was acknowledged as"
                f" {one.stream.channel} seq {one.seq}, and the log doesn't have it there"
            )
            findings.add("acknowledged_lost", 1, stream=one.stream, text=text)


def _judge(
    findings: Findings, client: str, stream: Stream, account: StreamAccount, head: int
) -> None:
    lost = account.count_lost(head)
    where = f"{client}, {stream.channel} of {stream.venue}"
    text = (
        f"lost: {where}: seq {_ranges(account.lost(head))} of {account.start + 1} to {head}"
        if lost
        else None
    )
    findings.add("lost", lost, stream=stream, client=client, text=text)
    for kind in ("duplicated", "reordered", "resets"):
        count = getattr(account, kind)
        findings.add(
            kind, count, stream=stream, client=client, text=f"{kind}: {where}: {count} times"
        )
    findings.add("recovered", account.recovered, stream=stream, client=client)


def _ranges(seqs: Iterable[int]) -> str:
    """Return the first three ranges in words: 1, 2, 3, 7 becomes "1-3, 7"."""
    ranges: list[list[int]] = []
    for seq in islice(seqs, _LOOKED_AT):
        if ranges and seq == ranges[-1][1] + 1:
            ranges[-1][1] = seq
        else:
            ranges.append([seq, seq])
    shown = ", ".join(
        str(first) if first == last else f"{first}-{last}" for first, last in ranges[:3]
    )
    return shown + (" …" if len(ranges) > 3 else "")
