"""`rtdash simulate --as pms`: another system beside the server, which sends webhooks of its states."""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

from rtdash.cli.failures import CommandFailed, Exit
from rtdash.cli.simulate_run import choose_venues, run, say
from rtdash.text_files import read_text_file

if TYPE_CHECKING:
    from rtdash.client.api import Api
    from rtdash.simulate.tally import Tally
    from rtdash.simulate.traffic_plan import Traffic

DEFAULT_SOURCE = "/api/hooks/pms"


def run_as_pms(
    url: str, traffic: "Traffic", venue: str | None, *, hook: str | None, secret: Path | None,
    thin: bool, port: int,
) -> None:  # fmt: skip
    """Send the events of live traffic to `hook`, and serve the states, until the end or Ctrl-C."""
    key = _read_secret(secret)
    target = hook or url.rstrip("/") + DEFAULT_SOURCE

    async def work(_: "Api", tally: "Tally", stop: asyncio.Event) -> None:
        await _send(target, key, traffic, venue, tally, stop, thin=thin, port=port)

    run(url, "", work)


async def _send(
    target: str, key: bytes, traffic: "Traffic", venue: str | None, tally: "Tally",
    stop: asyncio.Event, *, thin: bool, port: int,
) -> None:  # fmt: skip
    from rtdash.client.api_errors import NotAllowed, Problem
    from rtdash.domain.instants import utc_now
    from rtdash.simulate.pms import ReservationStates
    from rtdash.simulate.pms_server import serve_states
    from rtdash.simulate.venue_reader import packaged_venues
    from rtdash.simulate.webhook_sender import WebhookSender

    venues = choose_venues(packaged_venues(), venue, traffic)
    states, start = ReservationStates(), traffic.start or utc_now()
    try:
        with serve_states(states, port) as base_url:
            say([f"states: {base_url}/reservations, events: {target}"])
            sender = WebhookSender(
                target, key, states=states, base_url=base_url, thin=thin, tally=tally, stop=stop
            )
            operations = traffic.live(venues, start, {})
            await sender.send_events(operations, origin=start, duration_s=traffic.duration_s)
    except NotAllowed as refused:
        raise CommandFailed(
            f"the receiver doesn't take these webhooks: {refused.detail or refused.title}",
            hint="--hook-secret must be the secret in hooks/pms.toml of the server's data directory",
            code=Exit.NOT_ALLOWED,
        ) from None
    except Problem as refused:
        raise CommandFailed(
            f"the receiver refuses: {refused}",
            hint="it needs hooks/pms.toml in the server's data directory: rtdash help import",
        ) from None
    except OSError as error:
        raise CommandFailed(
            f"the states can't be served on port {port}: {error.strerror or error}",
            hint="choose another: --states-port 0 takes a free one",
        ) from None


def _read_secret(file: Path | None) -> bytes:
    from rtdash.protocol.webhook_signatures import parse_secret

    try:
        return parse_secret(read_text_file(file).strip() if file else "")
    except (OSError, ValueError) as error:
        raise CommandFailed(
            f"--as pms needs the secret of its webhooks: {error}",
            hint="rtdash hooks secret > FILE, then --hook-secret FILE; the same in hooks/pms.toml",
            code=Exit.USAGE,
        ) from None
