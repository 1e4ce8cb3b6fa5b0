"""TLS of a server process: one context, of which the certificate can be replaced while sockets live
on.
"""

import logging
import ssl
from hashlib import blake2b
from pathlib import Path

FORM = "give both as PEM files, the key without a passphrase, the server's own certificate first"
"""Form of a certificate chain and its key, for people."""

_log = logging.getLogger(__name__)


class Certificate:
    """Certificate chain and key of the listening sockets, read again on request.

    `context` is given to the event loop once. Each handshake is switched to the newest context
    (ssl.SSLContext.sni_callback is called for every handshake, with a server name or without), so
    that a chain and its key are replaced in one step, and never half.
    """

    def __init__(self, chain: Path, key: Path) -> None:
        """Raises OSError (ssl.SSLError is one) and ValueError when the files can't be used."""
        self._files = chain, key
        self._digest = self._read_digest()
        self.context = self._current = load_context(chain, key)
        self.expires_at = _read_expiry(chain)
        self.context.sni_callback = self._switch

    def refresh(self) -> bool:
        """Read the files again if their content has changed; return whether new ones are in use.
        Files that can't be used are logged once and change nothing.
        """
        try:
            digest = self._read_digest()
            if digest == self._digest:
                return False
            self._digest = digest
            self._current, self.expires_at = (
                load_context(*self._files),
                _read_expiry(self._files[0]),
            )
        except (OSError, ValueError) as error:
            self._log_refusal(error)
            return False
        _log.info("the certificate %s has been read again", self._files[0])
        return True

    def _log_refusal(self, error: OSError | ValueError) -> None:
        if isinstance(error, ssl.SSLError | ValueError):
            reason = ": ".join(part for part in (getattr(error, "reason", None), FORM) if part)
        else:
            reason = error.strerror or str(error)
        _log.warning(
            "the certificate %s and its key can't be used (%s); the ones before stay in use",
            self._files[0],
            reason,
        )

    def _read_digest(self) -> bytes:
        return blake2b(b"".join(file.read_bytes() for file in self._files)).digest()

    def _switch(self, handshake: ssl.SSLObject, _name: str | None, _: ssl.SSLContext) -> None:
        handshake.context = self._current


def load_context(chain: Path, key: Path) -> ssl.SSLContext:
    """Return a server's context with a certificate chain and its key, both PEM files. Raises
    OSError (ssl.SSLError is one) and ValueError.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_alpn_protocols(["http/1.1"])
    # with an empty passphrase: without one, OpenSSL would ask the terminal
    context.load_cert_chain(chain, key, password=str)
    return context


def _read_expiry(chain: Path) -> float:
    """Return the end of the server's own certificate, the first of the chain, in Unix seconds."""
    from cryptography import x509  # noqa: PLC0415 - few servers end TLS by themselves

    return x509.load_pem_x509_certificate(chain.read_bytes()).not_valid_after_utc.timestamp()
