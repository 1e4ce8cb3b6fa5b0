"""Catalogue of the metrics: name → meaning, by kind and unit, in the order of the reports."""

from collections.abc import Mapping

Meanings = Mapping[str, str]

DURATIONS: Meanings = {
    "delivery_latency": "from the scheduled instant of an operation to the receipt of its event by"
    " the probe client",
    "bystander_latency": "the same, from the first fault on, by clients that no fault was aimed at",
    "user_latency": "the same, by all the generator's clients: its own jitter is in it",
    "publish_latency": "from the scheduled instant of an operation to its acknowledgement",
    "http_latency": "of the REST users' requests",
    "rest_read_time": "of the reads of lists, reservations and figures that are checked",
    "figures_latency": "from the scheduled instant of a booking for today to the stats that count"
    " it, at the probe client",
    "connect_time": "from the first byte of a connection to its upgrade",
    "subscribe_time": "from a subscribe to its answer",
    "resume_time": "from a resume to its last answer",
    "pong_time": "from a ping of the probe client, of the protocol or of WebSocket, to its answer; one"
    " without an answer counts each second",
    "t_detect": "from a fault until the client noticed",
    "t_reconnect": "from noticing until a connection stood again",
    "t_subscribed": "from noticing until its subscriptions were confirmed again",
    "t_consistent": "from noticing until all that was missed had come",
    "t_paint": "from the scheduled instant of an operation to the frame of the page that shows it",
    "generator_lag": "by how much the generator's and the probe client's timers were late",
    "fsync_latency": "of an fsync of one page beside the server, each second",
}
SPREADS: Meanings = {
    "client_spread": "by how much the latency of the worst client without a fault exceeds the best"
    " one's",
}
TRENDS: Mapping[str, tuple[str, str]] = {
    "latency_trend": ("ms/s", "change of the delivery latency (its tenth percentile) each second"),
    "connect_trend": ("ms/s", "change of the time to connect each second"),
    "memory_trend": ("MiB/s", "change of the server's resident memory each second"),
    "cpu_trend": ("%/s", "change of the server's CPU a message each second, of its median"),
}
"""Unit and meaning."""
COUNTS_BY_CHANNEL: Meanings = {
    "lost": "events of a client's range that it never received, or that a connection skipped",
    "duplicated": "events that a client received again",
    "reordered": "events that came after a later one",
    "recovered": "events that were missed and came after the reconnection",
    "resets": "resets: notices to clients that history is gone",
    "delivered_and_lost": "events of the run that clients received and that the log has nowhere",
    "messages": "messages received, where the run brings some about",
    "state_changes": "state messages with other figures than the one before, at the probe client",
}
COUNTS: Meanings = {
    "invalid": "messages with a wrong field, or other content than logged",
    "unexpected": "events that aren't in the log, or messages of streams not followed",
    "acknowledged_lost": "acknowledged operations that the log doesn't have at their seq",
    "log_went_back": "logs that lost their end without the run's doing",
    "model_violations": "events and answers that contradict the operations that were sent",
    "rest_disagrees": "lists, reservations and figures by REST that contradict what was sent or"
    " pushed",
    "not_converged": "clients with another last state than the server's at the end",
    "not_recovered": "clients that were not connected and caught up at the end",
    "sessions_forgotten": "resumes of a session that the server didn't know",
    "unprovoked_drops": "connections that ended although the run had done nothing to them",
    "connections_leaked": "connections that the server still counts after all have closed",
    "files_leaked": "open files of the server beyond those before the phase, after all have closed",
    "sessions_leaked": "sessions that the server keeps beyond those that clients asked for, or beyond"
    " their time",
    "half_open_kept": "connections kept far beyond the heartbeat although no ping was answered",
    "connect_failures": "connection attempts that failed while the server was up",
    "http_failures": "REST requests answered with 4xx or 5xx, or not at all",
    "publish_failures": "operations that were refused, or never acknowledged",
    "errors": "error messages on sockets",
    "drops": "connections lost, for whatever reason",
    "faults": "faults brought about",
    "new_reservations": "messages of type new_reservation received",
    "reservation_updates": "messages of type reservation_update received",
    "upcoming_reservations": "messages of type upcoming_reservation received",
    "notifications": "messages of type notification received",
    "rights_violated": "requests beyond a token's rights that were not refused, and messages that the"
    " token doesn't allow",
    "rights_refused": "requests beyond a token's rights that were refused, as they must be",
    "slow_consumers": "closes with 4001 of clients beside the load that had stopped reading",
    "repeats": "operations that were sent again and answered as repeated",
    "batches": "batch messages received by the clients that ask for them",
    "compressed": "connections on which compression was agreed",
    "rest_reads": "reads of lists, reservations and figures that were checked",
}
SERIES: Mapping[str, tuple[str, str]] = {
    "attempts": ("", "connection attempts a recovery"),
    "publish_rate": ("/s", "operations acknowledged"),
    "delivery_rate": ("/s", "messages received and verified"),
    "connections": ("", "clients connected"),
    "server_cpu": ("cores", "of a server of the run, else as the server publishes it"),
    "server_memory": ("MiB", "resident, likewise"),
    "server_files": ("", "open files, likewise"),
    "server_waiting": ("s/s", "time for which a server of the run waited for a processor"),
    "server_lag": ("ms", "greatest lateness of the server's event loop, as it publishes it"),
    "others_cpu": ("cores", "used by other processes of the machine"),
    "generator_cpu": ("cores", "of the busiest process of the generator"),
    "cpu_pressure": ("s/s", "time in which some process waited for a processor (the kernel's PSI)"),
    "memory_pressure": ("s/s", "time in which some process waited for memory, likewise"),
    "disk_pressure": ("s/s", "time in which some process waited for a disk, likewise"),
}
VALUES: Mapping[str, tuple[str, str]] = {
    "longest_silence": ("ms", "longest time in the traffic in which the probe client got no event"),
    "server_memory_growth": (
        "MiB",
        "by how much it grew from the middle of the phase to its end, a tenth of it each",
    ),
    "bytes_per_message": ("B", "bytes received a message, inflated"),
    "server_cpu_per_client": ("ms/s", "CPU time of the server a client and second"),
    "server_cpu_per_message": ("µs", "CPU time of the server a message received"),
    "verified_per_cpu_second": ("/s", "messages verified a CPU second of the generator"),
    "knee": ("/s", "the greatest offered rate of a ramp that the server kept up with"),
}
