"""Receivers of webhooks: checked when one is added, and connected to where a sender needs it.

Few servers send webhooks, and all should start soon: the libraries for it come with this module,
which is imported where the first one is added or sent.
"""

import asyncio
import ssl

import httpcore2

from rtdash.domain.instants import Clock
from rtdash.protocol.webhook_addresses import AllowedAddresses
from rtdash.store.webhooks import Webhook
from rtdash.webhooks.network import AddressRefused, CheckedBackend, NameUnknown
from rtdash.webhooks.receiver import Receiver
from rtdash.webhooks.receiver_url import parse_receiver_url

CHECK_TIMEOUT_S = 5.0


async def check_url(url: str, allowed: AllowedAddresses) -> str:
    """Return the URL of a receiver as it is kept. A name without an address for now is taken.
    Raises ValueError with what to mend.
    """
    parsed = parse_receiver_url(url, allowed)
    is_tls = parsed.scheme == "https"
    host, port = parsed.raw_host.decode("ascii"), parsed.port or (443 if is_tls else 80)
    try:
        async with asyncio.timeout(CHECK_TIMEOUT_S):
            await CheckedBackend(allowed, is_tls=is_tls).permitted(host, port)
    except AddressRefused as error:
        raise ValueError(str(error)) from None
    except (NameUnknown, TimeoutError):
        pass
    return str(parsed)


def new_tls() -> ssl.SSLContext:
    """Make the context with which receivers are checked. Raises OSError."""
    return httpcore2.default_ssl_context()


def new_receiver(
    webhook: Webhook, allowed: AllowedAddresses, tls: ssl.SSLContext | None, clock: Clock
) -> Receiver:
    """Make the receiver of a webhook; `tls` is used where its URL says so."""
    is_tls = webhook.url.startswith("https:")
    return Receiver(
        webhook.url,
        webhook.secret,
        backend=CheckedBackend(allowed, is_tls=is_tls),
        tls=tls if is_tls else None,
        clock=clock,
    )
