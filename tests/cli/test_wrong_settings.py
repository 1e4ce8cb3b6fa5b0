"""Wrong settings of store and broker: a sentence, a hint and an exit code instead of a
traceback.
"""

import signal
import sys
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from sqlalchemy import create_engine, make_url, text

from rtdash.store.errors import BadStoreUrl
from rtdash.store.store_url import open_engines
from tests.cli.starting import serve
from tests.faults.process import server_process
from tests.programs import free_port
from tests.servers import TestServer, own
from tests.stores import new_database


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"broker": "smoke://hill"}, ("smoke:// is not a broker", "redis://")),
        (
            {"broker": "redis://:sesame@127.0.0.1:{free}"},
            ("the broker can't be used", "check that it runs"),
        ),
        ({"broker": "kafka://127.0.0.1:{free}/?topics=-1"}, ("topics=-1", "from 1 to 256")),
        ({"database": "oracle://127.0.0.1/x"}, ("a store can't be", "postgresql://")),
        (
            {"database": "postgresql://someone:sesame@127.0.0.1:{free}/x"},
            ("database server", "user and password"),
        ),
    ],
)
def test_a_url_that_leads_nowhere(
    settings: dict[str, str], words: tuple[str, str], tmp_path: Path
) -> None:
    """What is wrong and what to do, without the password."""
    told = serve(
        tmp_path, {name: value.format(free=free_port()) for name, value in settings.items()}
    )
    assert told.returncode == 1
    assert all(word in told.stderr for word in words), told.stderr
    assert "Traceback" not in told.stderr
    assert "sesame" not in told.stderr


@pytest.mark.parametrize("name", ["redis", "rabbitmq"])
def test_a_broker_that_refuses_the_password(
    name: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    """The broker's refusal is shown, and where the password was given."""
    parts = urlsplit(request.getfixturevalue(f"{name}_server").url)
    told = serve(
        tmp_path,
        {"broker": parts._replace(netloc=f"guest:sesame@{parts.hostname}:{parts.port}").geturl()},
    )
    assert told.returncode == 1
    assert "user and password of --broker" in told.stderr
    assert "sesame" not in told.stderr
    assert "Traceback" not in told.stderr


@pytest.mark.parametrize(
    ("part", "wrong", "words"),
    [
        ("password", "sesame", "password authentication failed"),
        ("database", "nowhere", '"nowhere" does not exist'),
    ],
)
def test_a_database_that_refuses_the_login(
    part: str, wrong: str, words: str, postgres_server: TestServer, tmp_path: Path
) -> None:
    """The database's refusal is shown, and where user, password and database were given."""
    told = serve(
        tmp_path,
        {
            "database": (
                make_url(postgres_server.url)
                .set(**{part: wrong})
                .render_as_string(hide_password=False)
            )
        },
    )
    assert told.returncode == 1
    assert words in told.stderr
    assert "user and password" in told.stderr
    assert "sesame" not in told.stderr
    assert "Traceback" not in told.stderr


def test_a_database_that_says_nothing(postgres_server: TestServer, tmp_path: Path) -> None:
    """Frozen at the start: the server gives up, and says so."""
    server = own(postgres_server)
    server.send(signal.SIGSTOP)
    try:
        told = serve(tmp_path, {"database": server.url})
    finally:
        server.send(signal.SIGCONT)
    assert told.returncode == 1
    assert "doesn't answer" in told.stderr
    assert "Traceback" not in told.stderr


def test_a_database_whose_driver_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    """The hint can be pasted."""
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(BadStoreUrl) as refused:
        open_engines("postgresql://ann@127.0.0.1/x", busy_timeout_s=1)
    assert refused.value.hint == "pip install 'rtdash[postgres]'"


def test_a_database_of_another_version_or_program(
    postgres_server: TestServer, tmp_path: Path
) -> None:
    """A newer rtdash's is not touched, nor another program's."""
    newer = (
        "CREATE TABLE alembic_version (version_num text); CREATE TABLE meta (key text PRIMARY KEY,"
        " value text);INSERT INTO alembic_version VALUES ('9999')"
    )
    foreign = "CREATE TABLE somebody_elses (id int)"
    for change, words in (
        (newer, "pip install --upgrade rtdash"),
        (foreign, "a database of its own"),
    ):
        with new_database(postgres_server.url) as url:
            engine = create_engine(make_url(url).set(drivername="postgresql+psycopg"))
            with engine.begin() as conn:
                conn.execute(text(change))
            engine.dispose()
            told = serve(tmp_path, {"database": url})
        assert told.returncode == 1
        assert words in told.stderr
        assert "Traceback" not in told.stderr


def test_a_second_process_needs_a_broker(postgres_server: TestServer, tmp_path: Path) -> None:
    """With memory:// the two would not hear of each other: the second one says so and doesn't
    start.
    """
    with (
        new_database(postgres_server.url) as url,
        server_process(tmp_path / "first", database=url, broker="memory://"),
    ):
        told = serve(tmp_path, {"database": url})
    assert told.returncode == 1
    assert "memory:// reaches no other process" in told.stderr
    assert "--broker postgresql" in told.stderr
