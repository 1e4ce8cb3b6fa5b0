"""Advice on a broken SLO: where the author of a server looks first, by metric. Pure."""

from collections.abc import Mapping

_LOG = "read the log with `rtdash events CHANNEL --since SEQ` and compare it with what is named"
_TIME = "look at the curves and at the server's CPU in the report, then at what it waits for"
_LEAK = "look at what is registered when a client comes, and not removed when it goes"
_CONTENT = "compare the event in the log with the operation of that id"

ADVICE: Mapping[str, str] = {
    "lost": f"{_LOG}: not in the log, it was never stored; there, it was dropped on the way",
    "acknowledged_lost": "answer an operation only after its event is stored, in one transaction",
    "delivered_and_lost": "send an event only after it is stored durably",
    "log_went_back": "find out what took the log's end away: a restore, a failover, a lost write",
    "duplicated": "look at where a replay ends and live events begin for that client",
    "reordered": "one stream needs one order: look at concurrent sends, batches, and replays",
    "invalid": "compare the message with the protocol: `rtdash help protocol`",
    "unexpected": "look at how subscriptions end, and at the clients that a message is sent to",
    "model_violations": _CONTENT,
    "rest_disagrees": "look at what REST reads: a cache, a replica, another query than the socket's",
    "rights_violated": "check the token's scopes and venues at every subscribe and every request",
    "rights_refused": "what a token doesn't allow must be refused with `forbidden`, or 403",
    "not_converged": "the last state of all must be sent, also when nothing comes behind it",
    "not_recovered": "look at the named client's reconnections: refused, not answered, or too slow",
    "sessions_forgotten": "sessions must outlive their connections by the session's time",
    "resets": "a reset is for history that is really gone: look at retention, and at the epoch",
    "connections_leaked": _LEAK,
    "files_leaked": _LEAK,
    "sessions_leaked": _LEAK,
    "half_open_kept": "ping each client, and close those that don't answer in time",
    "unprovoked_drops": "look for that client in the server's log: these connections were let alone",
    "slow_consumers": "bound what waits for a client, and close it with 4001 beyond",
    "errors": "the text of the error is the server's own: look for it in its code",
    "connect_failures": "look at its limits (`rtdash config`), its backlog and its log",
    "publish_failures": "look for the reason that is named in the server's log",
    "http_failures": "look for the path that is named in the server's log",
    "client_spread": "all clients of a stream must be served in turn: look at what the late ones"
    " have in common (batches, compression, rights, the process that serves them)",
    "figures_latency": "look at how often figures are worked out, and at what holds them back",
    "longest_silence": "look for a pause of the whole process: a lock, a collection, a slow disk",
    "memory_trend": _LEAK,
    "server_memory_growth": _LEAK,
    "bytes_per_message": "look at one message as it is sent: fields that no client needs",
    "server_cpu_per_message": "profile the server under this load",
    "cpu_trend": "profile the server late in the run: some work grows with what it has done",
    "latency_trend": "some work grows with what the server has done: look at its queues and queries",
    "connect_trend": "look at the work of a connection that grows with their number",
}
_COVERAGE = "what must come at least once never came: is the feature there, and switched on?"
_COVERED = frozenset(
    {
        *("messages", "state_changes", "new_reservations", "reservation_updates"),
        *("upcoming_reservations", "notifications", "repeats", "batches", "compressed"),
        "rest_reads",
    }
)


def advice_on(metric: str) -> str:
    """Return where to look when an SLO about that metric is broken."""
    if metric in _COVERED:
        return _COVERAGE
    return ADVICE.get(metric, _TIME)
