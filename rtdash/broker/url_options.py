"""Schemes and options of broker URLs. An option that would be ignored is refused: a misspelt
`cafile` must not end as a connection without it.
"""

from collections.abc import Mapping
from difflib import get_close_matches
from typing import NamedTuple

from rtdash.broker.base import BrokerUnusable


class Scheme(NamedTuple):
    """Adapter of a scheme, its driver's extra, and the options that it understands.

    `name_for_driver` is the scheme as the driver knows it. With `options` None the driver itself
    refuses what it doesn't know.
    """

    module: str
    adapter: str
    extra: str
    name_for_driver: str
    options: frozenset[str] | None
    is_host_optional: bool = False


_REDIS = frozenset(
    [
        "db",
        "client_name",
        "health_check_interval",
        "password",
        "protocol",
        "socket_connect_timeout",
        "socket_keepalive",
        "socket_timeout",
        "username",
    ]
)
_REDIS_TLS = _REDIS | frozenset(
    [
        "ssl_ca_certs",
        "ssl_ca_path",
        "ssl_cert_reqs",
        "ssl_certfile",
        "ssl_check_hostname",
        "ssl_keyfile",
        "ssl_min_version",
    ]
)
_AMQP = frozenset({"auth", "name", "timeout"})
_AMQP_TLS = _AMQP | {"cafile", "capath", "certfile", "keyfile", "no_verify_ssl"}
_KAFKA = frozenset(("cafile", "certfile", "keyfile", "sasl_mechanism", "security_protocol"))


def _redis(driver: str, options: frozenset[str]) -> Scheme:
    return Scheme("rtdash.broker.redis", "RedisBroker", "redis", driver, options)


def _rabbit(driver: str, options: frozenset[str]) -> Scheme:
    return Scheme("rtdash.broker.rabbitmq", "RabbitBroker", "rabbitmq", driver, options)


_POSTGRES = Scheme("rtdash.broker.postgres", "PostgresBroker", "postgres", "postgresql", None, True)

SCHEMES: Mapping[str, Scheme] = {
    "redis": _redis("redis", _REDIS),
    "rediss": _redis("rediss", _REDIS_TLS),
    "valkey": _redis("redis", _REDIS),
    "valkeys": _redis("rediss", _REDIS_TLS),
    "amqp": _rabbit("amqp", _AMQP),
    "amqps": _rabbit("amqps", _AMQP_TLS),
    "kafka": Scheme("rtdash.broker.kafka", "KafkaBroker", "kafka", "kafka", _KAFKA),
    "kafkas": Scheme("rtdash.broker.kafka", "KafkaBroker", "kafka", "kafkas", _KAFKA),
    "postgresql": _POSTGRES,
    "postgres": _POSTGRES,
}


def refuse_unknown(scheme: str, options: Mapping[str, str]) -> None:
    """Refuse an option that the scheme doesn't have: raise BrokerUnusable with the one that may
    have been meant.
    """
    known = SCHEMES[scheme].options
    for name in options:
        if known is None or name in known:
            continue
        alike = get_close_matches(name, known, 1)
        raise BrokerUnusable(
            f"{scheme}:// has no option {name!r}",
            hint=(
                f"did you mean {alike[0]}?"
                if alike
                else f"take it away; there are: {', '.join(sorted({*known, 'topics'}))}"
            ),
        )
