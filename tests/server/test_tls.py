"""The certificate of a server is replaced while it runs."""

import logging
import socket
import ssl
import threading
import time
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)

from rtdash.server.tls import Certificate
from tests.certificates import write_certificate

PATIENCE_S = 30


def presented(certificate: Certificate) -> bytes:
    """What a client that connects now is shown."""
    ours, theirs = socket.socketpair()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    for end in (ours, theirs):
        end.settimeout(PATIENCE_S)

    def serve() -> None:
        with certificate.context.wrap_socket(ours, server_side=True) as server:
            server.recv(1)

    thread = threading.Thread(target=serve)
    thread.start()
    with context.wrap_socket(theirs) as client:
        shown = client.getpeercert(binary_form=True)
        client.sendall(b"x")
    thread.join(PATIENCE_S)
    assert shown is not None
    return shown


def test_new_files_are_used_by_the_next_handshake(tmp_path: Path) -> None:
    """Files that have not changed are not read again."""
    certificate = Certificate(*write_certificate(tmp_path))
    first = presented(certificate)
    assert not certificate.refresh()
    assert presented(certificate) == first
    write_certificate(tmp_path, days=30)
    assert certificate.refresh()
    assert presented(certificate) != first
    assert 29 < (certificate.expires_at - time.time()) / 86_400 < 31


@pytest.mark.parametrize("broken", ["cert.pem", "key.pem", None])
def test_broken_files_leave_the_old_ones_in_use(
    broken: str | None, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Broken files are warned of once, not once a minute; whole ones are taken afterwards."""
    chain, key = write_certificate(tmp_path)
    certificate = Certificate(chain, key)
    first = presented(certificate)
    if broken is None:  # a chain without its own key, as between two steps of a renewal
        (tmp_path / "other").mkdir()
        key.write_bytes(write_certificate(tmp_path / "other")[1].read_bytes())
    else:
        (tmp_path / broken).write_text("-----BEGIN NONSENSE-----")
    with caplog.at_level(logging.WARNING):
        assert not certificate.refresh()
        assert not certificate.refresh()
    assert caplog.text.count("stay in use") == 1
    assert presented(certificate) == first
    write_certificate(tmp_path)
    assert certificate.refresh()
    assert presented(certificate) != first


def test_a_key_with_a_passphrase_is_refused_in_words(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """OpenSSL's own error says "PEM lib" and no more; the terminal is not asked either."""
    certificate = Certificate(*write_certificate(tmp_path))
    first = presented(certificate)
    key = load_pem_private_key((tmp_path / "key.pem").read_bytes(), None)
    locked = BestAvailableEncryption(b"sesame")
    (tmp_path / "key.pem").write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, locked))
    with caplog.at_level(logging.WARNING):
        assert not certificate.refresh()
    assert "the key without a passphrase" in caplog.text
    assert "_ssl.c" not in caplog.text
    assert presented(certificate) == first


def test_a_file_that_is_gone_for_a_moment(tmp_path: Path) -> None:
    """As while it is replaced: the old certificate is served on."""
    chain, key = write_certificate(tmp_path)
    certificate = Certificate(chain, key)
    content = chain.read_bytes()
    chain.unlink()
    assert not certificate.refresh()
    assert presented(certificate)
    chain.write_bytes(content)
    assert not certificate.refresh()
