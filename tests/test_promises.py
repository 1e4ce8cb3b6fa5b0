"""The frozen promises (CONTRACT sections 3 and 7): each code and each limit has a test that brings
it about over a real socket.

A code or a limit that is added without a test fails here, and so does a test that goes away or that
leaves out a lane.
"""

import ast
from pathlib import Path

import pytest

from rtdash.protocol.codes import CloseCode, ErrorCode
from rtdash.settings import Limits

TESTS = Path(__file__).parent

PROMISES: dict[str, tuple[str, ...]] = {
    "close 1000": ("server/test_ws_endings.py::test_the_clients_own_close_is_answered",),
    "close 1001": ("faults/test_own_faults.py::test_who_goes_away_is_answered_in_kind",),
    "close 1007": ("server/test_ws_limits.py::test_text_that_is_not_utf8_closes",),
    "close 1009": (
        "faults/test_limits.py::test_what_is_too_big_is_counted_and_told",
        "server/test_ws_fast_lane.py::test_a_bomb_is_not_inflated",
    ),
    "close 1011": ("faults/test_own_faults.py::test_a_connection_that_fails_is_closed_with_1011",),
    "close 1012": ("server/test_ws_endings.py::test_a_drain_sends_everybody_home",),
    "close 4001": ("server/test_ws_slow_readers.py::test_a_slow_consumer_is_dropped_and_resumes",),
    "close 4002": ("server/test_ws_endings.py::test_a_silent_peer_is_given_up",),
    "close 4003": ("server/test_ws_endings.py::test_who_follows_nothing_is_sent_away",),
    "close 4004": ("server/test_ws_limits.py::test_too_many_messages_close_as_rate_limited",),
    "close 4005": (
        "server/test_ws_endings.py::test_a_token_ends",
        "server/test_ws_tokens.py::test_who_isnt_let_in_hears_why",
    ),
    "close 4006": (
        "server/test_ws_limits.py::test_a_key_set_that_doesnt_answer_is_overload",
        "server/test_ws_recovery.py::test_a_replay_that_fails_is_overload",
    ),
    "close 4007": ("server/test_ws_limits.py::test_a_user_has_so_many_places",),
    "close 4500": ("server/test_ws_tokens.py::test_who_isnt_let_in_hears_why",),
    "close 4501": (
        "server/test_ws_tokens.py::test_a_token_that_allows_nothing_ends_the_connection",
    ),
    "close 4502": ("server/test_ws_limits.py::test_eleven_errors_close_as_a_violation",),
    "close 4504": ("server/test_ws_endings.py::test_a_revoked_user_is_sent_away",),
    "close 4505": ("server/test_ws_sessions.py::test_resuming_closes_the_older_connection",),
    "error bad_json": (
        "server/test_ws_basics.py::test_what_is_wrong_is_refused_and_the_connection_stays",
    ),
    "error bad_request": (
        "server/test_ws_basics.py::test_what_is_wrong_is_refused_and_the_connection_stays",
    ),
    "error unknown_action": (
        "server/test_ws_basics.py::test_what_is_wrong_is_refused_and_the_connection_stays",
    ),
    "error unknown_channel": (
        "server/test_ws_basics.py::test_what_is_wrong_is_refused_and_the_connection_stays",
    ),
    "error forbidden": (
        "server/test_ws_tokens.py::test_one_forbidden_channel_refuses_all",
        "server/test_ws_sessions.py::test_rights_are_checked_again",
    ),
    "error unauthenticated": (
        "server/test_ws_tokens.py::test_a_new_token_of_the_same_user_goes_on",
    ),
    "error session_unknown": ("server/test_ws_sessions.py::test_a_session_is_its_users",),
    "error rate_limited": (
        "server/test_ws_limits.py::test_too_many_messages_close_as_rate_limited",
    ),
    "error too_many_channels": ("server/test_ws_limits.py::test_channels_are_counted",),
    "error unavailable": ("server/test_ws_limits.py::test_what_cant_be_stored_is_unavailable",),
    "error internal": (
        "faults/test_own_faults.py::test_an_action_that_fails_is_an_internal_error",
    ),
    "limit limits_dry_run": (
        "server/test_ws_limits.py::test_a_dry_run_only_counts",
        "faults/test_limits.py::test_a_dry_run_drops_no_slow_reader",
    ),
    "limit max_connections": ("server/test_ws_limits.py::test_a_full_server_answers_503",),
    "limit connections_per_user": (
        "server/test_ws_limits.py::test_a_user_has_so_many_places",
        "server/test_ws_limits.py::test_places_are_counted_over_all_processes",
    ),
    "limit handshakes_per_minute": (
        "server/test_ws_limits.py::test_handshakes_are_paced_by_address",
        "faults/test_limits.py::test_handshakes_refill_at_the_rate_that_was_set",
    ),
    "limit handshakes_burst": ("server/test_ws_limits.py::test_handshakes_are_paced_by_address",),
    "limit channels_per_connection": ("server/test_ws_limits.py::test_channels_are_counted",),
    "limit messages_per_second": (
        "faults/test_limits.py::test_messages_refill_at_the_rate_that_was_set",
        "faults/test_limits.py::test_a_flood_gets_what_the_rate_gives",
    ),
    "limit messages_burst": (
        "server/test_ws_limits.py::test_too_many_messages_close_as_rate_limited",
    ),
    "limit message_limit_bytes": ("server/test_ws_limits.py::test_a_message_too_big_closes",),
    "limit requests_per_second": (
        "faults/test_limits.py::test_requests_refill_at_the_rate_that_was_set",
    ),
    "limit requests_burst": (
        "faults/test_limits.py::test_requests_refill_at_the_rate_that_was_set",
    ),
    "limit buffer_limit_bytes": (
        "server/test_ws_slow_readers.py::test_a_slow_consumer_is_dropped_and_resumes",
    ),
    "limit ping_interval_s": ("server/test_ws_endings.py::test_a_silent_peer_is_given_up",),
    "limit pong_timeout_s": (
        "server/test_ws_endings.py::test_a_silent_peer_is_given_up",
        "faults/test_endings.py::test_the_plain_lane_frees_silent_peers",
    ),
    "limit idle_timeout_s": ("server/test_ws_endings.py::test_who_follows_nothing_is_sent_away",),
    "limit handshake_timeout_s": (
        "server/test_ws_limits.py::test_a_head_that_never_ends_holds_no_socket",
    ),
    "limit session_ttl_s": ("server/test_ws_sessions.py::test_a_session_ends_after_its_time",),
    "limit keep_alive_s": (
        "server/test_http_requests.py::test_a_connection_is_kept_for_longer_than_a_balancer_keeps_it",
    ),
    "limit jwt_leeway_s": ("server/test_tokens.py::test_a_socket_has_the_leeway_too",),
    "limit login_ttl_s": ("server/test_sign_in.py::test_renewal_ends",),
    "limit retention_s": ("faults/test_limits.py::test_what_is_older_than_the_retention_is_gone",),
    "limit guest_retention_days": (
        "server/test_guest_retention.py::test_clients_get_old_reservations_without_their_guests",
    ),
    "limit drain_delay_s": ("cli/test_service.py::test_the_drain_delay",),
    "limit drain_window_s": ("server/test_ws_endings.py::test_a_drain_sends_everybody_home",),
    "limit restart_allowance_s": ("server/test_ws_endings.py::test_a_drain_sends_everybody_home",),
    "limit shutdown_timeout_s": (
        "faults/test_endings.py::test_nobody_holds_up_a_shutdown",
        "faults/test_endings.py::test_a_store_that_hangs_holds_up_no_shutdown",
    ),
    "limit compress_min_bytes": ("faults/test_limits.py::test_only_what_is_long_is_compressed",),
}

NOT_ON_BOTH_LANES = {
    "close 4002": (
        "ASGI has no pings: the plain lane's own server sends them, and closes with 1011"
        " (test_the_plain_lane_frees_silent_peers)"
    ),
    "limit ping_interval_s": "see close 4002",
    "limit keep_alive_s": "HTTP, which has no lanes",
    "limit drain_delay_s": "the whole server, whatever its lane",
    "limit login_ttl_s": "REST, which has no lanes",
    "limit requests_per_second": "REST, which has no lanes",
    "limit requests_burst": "REST, which has no lanes",
    "limit pong_timeout_s": "see close 4002",
    "limit compress_min_bytes": "only the fast lane compresses",
}


def test_every_code_and_limit_has_its_test() -> None:
    """What the protocol and the settings know is what the table knows."""
    closes = {f"close {code.value}" for code in CloseCode}
    errors = {f"error {code.value}" for code in ErrorCode}
    limits = {f"limit {name}" for name in Limits.model_fields}
    assert set(PROMISES) == closes | errors | limits
    assert set(PROMISES) >= NOT_ON_BOTH_LANES.keys()


@pytest.mark.parametrize("promise", PROMISES)
def test_the_test_of_a_promise_exists_and_is_about_it(promise: str) -> None:
    """Each test is there, one of them on both lanes where there are two, and one names the code or
    the setting.
    """
    sources = [_read_test(*node.split("::")) for node in PROMISES[promise]]
    if promise not in NOT_ON_BOTH_LANES:
        assert any(arguments & {"lane", "edge"} for arguments, _ in sources), (
            "no test of it runs on both lanes"
        )
    name = promise.partition(" ")[2]
    assert any(name in text for _, text in sources), f"no test of it names {name}"


def _read_test(path: str, name: str) -> tuple[set[str], str]:
    """The arguments of a test function, and its text with its decorators."""
    text = (TESTS / path).read_text(encoding="utf-8")
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name == name:
            first = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
            return {argument.arg for argument in node.args.args}, "\n".join(
                text.splitlines()[first - 1 : node.end_lineno]
            )
    raise AssertionError(f"{path} has no {name}")
