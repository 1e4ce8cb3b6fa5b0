"""permessage-deflate as we agree to it (RFC 7692): what is sent is deflated once for all, what
comes in is inflated under a cap.
"""

from collections.abc import Sequence

from websockets.exceptions import NegotiationError
from websockets.extensions import Extension
from websockets.extensions.permessage_deflate import PerMessageDeflate
from websockets.typing import ExtensionName, ExtensionParameter

from rtdash.protocol.frames import WINDOW_BITS

_LARGEST_WINDOW_BITS = 15
_SIZES = {str(bits): bits for bits in range(8, _LARGEST_WINDOW_BITS + 1)}


class SharedDeflate:
    """Deflate of shared frames: accepts the offers of peers that can read them.

    Frames of one flush refer back to each other, so an offer with `server_no_context_takeover` is
    declined, and so is a window below WINDOW_BITS. The client is asked to start each message
    afresh: no inflater lives on between messages.
    """

    name = ExtensionName("permessage-deflate")

    def process_request_params(
        self, params: Sequence[ExtensionParameter], accepted_extensions: Sequence[Extension]
    ) -> tuple[list[ExtensionParameter], PerMessageDeflate]:
        """The parameters to answer, and the inflater. Raises NegotiationError, which declines this
        offer.
        """
        if accepted_extensions:
            raise NegotiationError("one is enough")
        _check(dict(params), len(params))
        answer: list[ExtensionParameter] = [
            ("server_max_window_bits", str(WINDOW_BITS)),
            ("client_no_context_takeover", None),
        ]
        # Without takeover on our side the extension makes no deflater: 144 KiB a connection that
        # nothing would use.
        return answer, PerMessageDeflate(
            remote_no_context_takeover=True,
            local_no_context_takeover=True,
            remote_max_window_bits=_LARGEST_WINDOW_BITS,
            local_max_window_bits=WINDOW_BITS,
        )


def _check(offer: dict[str, str | None], count: int) -> None:
    known = {"server_max_window_bits", "client_max_window_bits", "client_no_context_takeover"}
    if len(offer) != count or not offer.keys() <= known:
        raise NegotiationError(
            "parameters that are not understood, twice, or server_no_context_takeover"
        )
    if (
        _SIZES.get(offer.get("server_max_window_bits") or str(_LARGEST_WINDOW_BITS), 0)
        < WINDOW_BITS
    ):
        raise NegotiationError("the client's window is too small for shared frames")
    if "server_max_window_bits" in offer and offer["server_max_window_bits"] is None:
        raise NegotiationError("server_max_window_bits needs its value")
    if (
        offer.get("client_max_window_bits") is not None
        and offer["client_max_window_bits"] not in _SIZES
    ):
        raise NegotiationError("client_max_window_bits is out of range")
    if offer.get("client_no_context_takeover") is not None:
        raise NegotiationError("client_no_context_takeover takes no value")
