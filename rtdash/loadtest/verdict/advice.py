"""Advice on a broken SLO: the first step of the author of a server, by metric. Pure."""

from collections.abc import Mapping

_LOG = "read the log with `rtdash events CHANNEL --since SEQ` and compare it with what is named"
_TIME = "look at the curves and at the server's CPU in the report, then at what it waits for"
_HEAP = (
    "compare what the process holds early and late in the run, with tracemalloc or memray: queues,"
    " caches and sets that only grow"
)
_LEAK = "look at what is registered when a client comes, and not removed when it goes"
_CONTENT = "compare the event in the log with the operation of that id"

ADVICE: Mapping[str, str] = {
    "lost": f"{_LOG}: not in the log, it was never stored; there, it was dropped on the way",
    "acknowledged_lost": "answer an operation only after its event is stored, in one transaction",
    "delivered_and_lost": "send an event only after it is stored durably",
    "log_went_back": "find out what took the log's end away: a restore, a failover, a lost write",
    "duplicated": "look at where a replay ends and live events begin for that client, and at what a"
    " second subscribe adds",
    "reordered": "look at concurrent sends, batches and replays: a stream has one order",
    "invalid": "compare the message with the protocol: `rtdash help protocol`",
    "unexpected": "look at how subscriptions end, and at the clients that a message is sent to",
    "model_violations": _CONTENT,
    "rest_disagrees": "look at what REST reads: a cache, a replica, another query than the socket's",
    "rights_violated": "check the token's scopes and venues at every subscribe and every request",
    "rights_refused": "refuse with `forbidden`, or 403, what a token doesn't allow",
    "not_converged": "send the last state of all, also when nothing comes behind it",
    "not_recovered": "look at the reconnections of the client: refused, not answered, or too slow",
    "sessions_forgotten": "keep a session for its time after its connection, over restarts and processes",
    "resets": "look at retention, and at the epoch: a reset is for history that is really gone",
    "connections_leaked": _LEAK,
    "files_leaked": "list them (`ls -l /proc/PID/fd`), and close what is opened for a client when it goes",
    "sessions_leaked": _LEAK,
    "half_open_kept": "ping each client, and close those that don't answer in time",
    "unprovoked_drops": "look for that client in the server's log: the run had let its connection alone",
    "slow_consumers": "bound what waits for a client, and close it with 4001 beyond",
    "errors": "look for the text of the error in the server's code",
    "connect_failures": "look at its limits (`rtdash config`), its backlog and its log",
    "publish_failures": "look for the reason that is named in the server's log",
    "http_failures": "look for the path that is named in the server's log",
    "client_spread": "look at what the late clients have in common: batches, compression, rights, the"
    " process that serves them",
    "figures_latency": "look at how often figures are worked out, and at what holds them back",
    "longest_silence": "look for a pause of the whole process: a lock, a collection, a slow disk",
    "memory_trend": _HEAP,
    "server_memory_growth": _HEAP,
    "publish_latency": "look at what an operation waits for: the commit, a lock, the sending to clients",
    "connect_time": "look at what an upgrade waits for: the token's check, the backlog, the event loop",
    "subscribe_time": "look at what a subscribe waits for: the store, a lock, one behind the other",
    "resume_time": "look at what a resume waits for: reading the session, and what was missed",
    "pong_time": "answer pings beside the queues: a late pong is a busy event loop, or waits behind events",
    "rest_read_time": "look at the queries behind lists and figures, and at what they wait for",
    "bytes_per_message": "look at one message as it is sent: fields that no client needs",
    "server_cpu_per_message": "profile the server under this load",
    "cpu_trend": "profile the server late in the run: some work grows with what it has done",
    "latency_trend": "look at the server's queues and queries: some work grows with what it has done",
    "connect_trend": "look at the work of a connection that grows with their number",
}
_COVERAGE = "see whether the feature is there and switched on: it must come at least once"
_COVERED = frozenset(
    {
        *("messages", "state_changes", "new_reservations", "reservation_updates"),
        *("upcoming_reservations", "notifications", "repeats", "batches", "compressed"),
        "rest_reads",
    }
)


def advice_on(metric: str) -> str:
    """Return what to do when an SLO about that metric is broken."""
    if metric in _COVERED:
        return _COVERAGE
    return ADVICE.get(metric, _TIME)
