"""A Kafka cluster's URL as arguments of the driver: nodes, TLS and SASL as managed services hand
them out.
"""

import ssl
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

MECHANISMS = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")
PROTOCOLS = ("PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL")


def parse_cluster(url: str) -> dict[str, Any]:
    """Return the driver's arguments for `kafka[s]://[USER:PASSWORD@]HOST:PORT[,HOST:PORT…]`.

    `kafkas://` is TLS; a user and a password are SASL. Options: `security_protocol` (says both in
    one word, as providers print it), `sasl_mechanism` (PLAIN where none is named), `cafile`,
    `certfile`, `keyfile`. Raises ValueError for what contradicts itself, OSError for a file that
    can't be read.
    """
    parts = urlsplit(url)
    login, _, servers = parts.netloc.rpartition("@")
    options = dict(parse_qsl(parts.query))
    protocol = _protocol(parts.scheme, options, has_login=bool(login))
    cluster: dict[str, Any] = {"bootstrap_servers": servers, "security_protocol": protocol}
    if protocol.endswith("SSL"):
        cluster["ssl_context"] = _context(options)
    elif unused := {"cafile", "certfile", "keyfile"} & options.keys():
        raise ValueError(f"{min(unused)} is for TLS: write kafkas://")
    return cluster | _login(protocol, login, options)


def _protocol(scheme: str, options: dict[str, str], *, has_login: bool) -> str:
    transport = "SSL" if scheme == "kafkas" else "PLAINTEXT"
    protocol = options.get("security_protocol", f"{'SASL_' * has_login}{transport}").upper()
    if protocol not in PROTOCOLS:
        raise ValueError(f"security_protocol is one of {', '.join(PROTOCOLS)}")
    if scheme == "kafkas" and not protocol.endswith("SSL"):
        raise ValueError(f"kafkas:// is TLS, and security_protocol={protocol} is not")
    if protocol.startswith("SASL") != has_login:
        raise ValueError(
            "SASL needs USER:PASSWORD@ before the host"
            if not has_login
            else f"security_protocol={protocol} takes no user and no password"
        )
    return protocol


def _login(protocol: str, login: str, options: dict[str, str]) -> dict[str, str]:
    if not protocol.startswith("SASL"):
        if "sasl_mechanism" in options:
            raise ValueError("sasl_mechanism needs USER:PASSWORD@ before the host")
        return {}
    mechanism = options.get("sasl_mechanism", MECHANISMS[0]).upper()
    if mechanism not in MECHANISMS:
        raise ValueError(f"sasl_mechanism is one of {', '.join(MECHANISMS)}")
    user, _, password = login.partition(":")
    return {
        "sasl_mechanism": mechanism,
        "sasl_plain_username": unquote(user),
        "sasl_plain_password": unquote(password),
    }


def _context(options: dict[str, str]) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=options.get("cafile"))
    if "certfile" in options:
        context.load_cert_chain(options["certfile"], options.get("keyfile"))
    return context
