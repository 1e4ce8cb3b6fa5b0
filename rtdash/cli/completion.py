"""Values that the shell completes: channels, venues, scenarios, profiles, scopes, guide pages.

Completion must not fail: what can't be found out completes to nothing.
"""

from collections.abc import Iterable, Mapping
from contextlib import suppress

import typer

COMPLETION_TIMEOUT_S = 1.0
"""A shell that waits longer feels broken."""


def complete_channel(incomplete: str) -> list[str]:
    """Return the channels that begin so."""
    from rtdash.protocol.channels import Channel

    return _beginning(incomplete, [channel.value for channel in Channel])


def complete_scope(incomplete: str) -> list[str]:
    """Return the scopes that begin so."""
    from rtdash.cli.credentials import SCOPES

    return _beginning(incomplete, SCOPES)


def complete_topic(incomplete: str) -> list[tuple[str, str]]:
    """Return the pages of the guide that begin so, each with its title."""
    from rtdash.resources import guide_pages

    return [
        (name, page.title) for name, page in guide_pages().items() if name.startswith(incomplete)
    ]


def complete_scenario(incomplete: str) -> list[tuple[str, str]]:
    """Return the scenarios of `rtdash simulate` that begin so, each with its summary."""
    from rtdash.simulate.scenarios import SCENARIOS

    return [
        (name, scenario.summary)
        for name, scenario in SCENARIOS.items()
        if name.startswith(incomplete)
    ]


def complete_profile(incomplete: str) -> list[str]:
    """Return the profiles of `rtdash simulate` that begin so."""
    from rtdash.simulate.calibration import TrafficProfile

    return _beginning(incomplete, [profile.value for profile in TrafficProfile])


def complete_venue(context: typer.Context, incomplete: str) -> list[tuple[str, str]]:
    """Return the venues of the server, that of this machine or of `--url`, that begin so, each
    with its name.
    """
    from rtdash.cli.credentials import find_token, find_url
    from rtdash.cli.failures import CommandFailed
    from rtdash.cli.http_client import request_json
    from rtdash.client.shapes import VENUES

    data = context.params.get("data")
    with suppress(CommandFailed):
        profile: Mapping[str, list[Mapping[str, str]]] = request_json(
            "GET",
            find_url(data, context.params.get("url")),
            "/api/user/profile",
            find_token(data, context.params.get("token")),
            shape=VENUES,
            timeout_s=COMPLETION_TIMEOUT_S,
        )
        return [
            (venue["id"], venue["name"])
            for venue in profile["venues"]
            if venue["id"].startswith(incomplete)
        ]
    return []


def _beginning(incomplete: str, names: Iterable[str]) -> list[str]:
    return [name for name in names if name.startswith(incomplete)]
