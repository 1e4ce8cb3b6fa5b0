"""Configuration of the tests' Kafka node: a listener without a password, one for a proxy in front,
and one with TLS and SASL.
"""

from pathlib import Path

PASSWORD = "only-for-tests"


def kafka_properties(
    directory: Path, port: int, controller: int, inner: int, proxy: int, secure: int
) -> str:
    """The server.properties of a node whose key and certificate are in `directory`."""
    return "\n".join(
        (
            "process.roles=broker,controller",
            "node.id=1",
            f"controller.quorum.voters=1@127.0.0.1:{controller}",
            (
                f"listeners=PLAINTEXT://127.0.0.1:{port},PROXIED://127.0.0.1:{inner}"
                f",SECURE://127.0.0.1:{secure},CONTROLLER://127.0.0.1:{controller}"
            ),
            (
                f"advertised.listeners=PLAINTEXT://127.0.0.1:{port},PROXIED://127.0.0.1:{proxy}"
                f",SECURE://127.0.0.1:{secure}"
            ),
            (
                "listener.security.protocol.map=PLAINTEXT:PLAINTEXT,PROXIED:PLAINTEXT"
                ",SECURE:SASL_SSL,CONTROLLER:PLAINTEXT"
            ),
            "listener.name.secure.ssl.keystore.type=PEM",
            f"listener.name.secure.ssl.keystore.location={directory / 'server.pem'}",
            "listener.name.secure.sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-512",
            f'{_jaas("plain")}.plain.PlainLoginModule required user_plain="{PASSWORD}";',
            f"{_jaas('scram-sha-512')}.scram.ScramLoginModule required;",
            "controller.listener.names=CONTROLLER",
            f"log.dirs={directory / 'data'}",
            "offsets.topic.replication.factor=1",
            "transaction.state.log.replication.factor=1",
            "transaction.state.log.min.isr=1",
            "num.network.threads=1",
            "num.io.threads=2",
            "log.cleaner.enable=false",
            "broker.session.timeout.ms=2000",  # a node that was killed may come back so soon
            "broker.heartbeat.interval.ms=500",
        )
    )


def _jaas(mechanism: str) -> str:
    """The beginning of the line that says which class checks a mechanism's users."""
    return f"listener.name.secure.{mechanism}.sasl.jaas.config=org.apache.kafka.common.security"
