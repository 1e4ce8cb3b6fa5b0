"""Proxies and certificates that the environment of a machine names for an HTTP client.

A laptop's or a company's variables are for the outside world; one that can't be used must not end a
command that talks to a server beside it (encode/httpx issue 3221: `NO_PROXY=[::1]`).
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

import httpx2

from rtdash.client.addresses import is_this_machine
from rtdash.client.api_errors import Unreachable
from rtdash.client.bounded_answers import bound_answer, bound_answer_async

if TYPE_CHECKING:
    import ssl

_PROXIES = "HTTP_PROXY, HTTPS_PROXY, ALL_PROXY, NO_PROXY"
Client = TypeVar("Client", httpx2.Client, httpx2.AsyncClient)


def open_client(kind: Callable[..., Client], url: str, **options: object) -> Client:
    """Make an HTTP client (`httpx2.Client` or `AsyncClient`) for one server.

    A server on this machine is never reached through a proxy. Certificates are loaded only for
    https. Answers are bounded, in bytes and in time. Raises Unreachable where the environment names
    a proxy or certificates that can't be used.
    """
    is_near = is_this_machine(url)
    hook = bound_answer_async if kind is httpx2.AsyncClient else bound_answer
    try:
        return kind(
            trust_env=not is_near,
            verify=_verification(url, is_near=is_near),
            event_hooks={"response": [hook]},
            **options,
        )
    except (ImportError, ValueError, httpx2.InvalidURL) as error:
        raise Unreachable(
            url, f"a proxy of the environment can't be used ({error}): mend or unset {_PROXIES}"
        ) from None
    except OSError as error:
        raise Unreachable(
            url,
            f"the certificates of the environment can't be read ({error.strerror or error}):"
            " mend or unset SSL_CERT_FILE, SSL_CERT_DIR",
        ) from None


def _verification(url: str, *, is_near: bool) -> "ssl.SSLContext | bool":
    """Return the TLS settings. The trust store of the environment counts also where its proxies
    don't; without TLS on this machine there is nothing to verify, and nothing is loaded.
    """
    if is_near and url.startswith("http:"):
        return False
    return httpx2.create_ssl_context(trust_env=True)
