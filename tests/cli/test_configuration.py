"""Settings that are wrong: which, where it came from and what was meant; nothing that was misspelt
is passed over in silence.
"""

import json
from pathlib import Path

import pytest
from pydantic import SecretStr

from rtdash import setting_sources
from rtdash.cli.main import run
from rtdash.setting_sources import FILE_SETTINGS
from rtdash.settings import Limits, Settings


def _durations() -> list[str]:
    return [name.upper() for name in Limits.model_fields if name.endswith("_s")]


def _numbers() -> list[str]:
    fields = Limits.model_fields.items()
    return [name.upper() for name, field in fields if field.annotation is int]


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A working directory without rtdash.toml."""
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("prot = 1", ("no setting 'prot'", "did you mean port?")),
        ("RTDASH_PORT = 1", ("no setting 'RTDASH_PORT'", "did you mean port?")),
        ("[limits]\nmax_connections = 9", ("no setting 'limits'", "under no table")),
        ("colour = 1", ("no setting 'colour'", "rtdash help operations")),
        ('port = "x"', ("the setting port", "rtdash.toml")),
        ("port = ,", ("can't be read", "line 1")),
    ],
)
def test_a_wrong_file_is_refused(
    text: str, words: tuple[str, str], capfd: pytest.CaptureFixture[str]
) -> None:
    """Usage: what is wrong, and what was meant."""
    Path("rtdash.toml").write_text(text)
    assert run(["config"]) == 2
    out, err = capfd.readouterr()
    assert out == ""
    assert all(word in err for word in words), err


def test_a_line_of_windows_is_no_other_value(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """An .env file with CRLF leaves a carriage return behind each value."""
    monkeypatch.setenv("RTDASH_LOG", "json\r")
    monkeypatch.setenv("RTDASH_DATABASE", "postgresql://h/db\r")
    monkeypatch.setenv("RTDASH_ADMIN_PORT", "\r")
    assert run(["config", "--json"]) == 0
    settings = json.loads(capfd.readouterr().out)["settings"]
    assert settings["log"]["value"] == "json"
    assert settings["database"]["value"] == "postgresql://h/db"
    assert settings["admin_port"]["source"] == "default"


def test_a_misspelt_variable_is_told(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """With what was meant; variables that resemble no setting may belong to another program."""
    monkeypatch.setenv("RTDASH_MAX_CONNECTONS", "9")
    monkeypatch.setenv("RTDASH_PORT_8000_TCP_PROTO", "tcp")
    assert run(["config"]) == 0
    err = capfd.readouterr().err
    assert "RTDASH_MAX_CONNECTONS is no setting" in err
    assert "did you mean RTDASH_MAX_CONNECTIONS?" in err
    assert "PROTO" not in err


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PORT", "http://10.0.0.1:8000"),
        ("TRUSTED_PROXIES", "10.0.0.1/8"),
        ("WORKERS", "0"),
        ("ROOT_PATH", "rtdash"),
    ],
)
def test_a_wrong_variable_is_named(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """By the name that it has in the environment."""
    monkeypatch.setenv(f"RTDASH_{name}", value)
    assert run(["config"]) == 2
    assert f"it comes from RTDASH_{name}" in capfd.readouterr().err


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *((name, value) for name in _durations() for value in ("inf", "nan", "1e300", "-1")),
        *((name, value) for name in _numbers() for value in ("9" * 400, "1e3", "-1")),
        ("FRAME_ANCESTORS", "https://portal.example\nX-Field: 1"),
        ("FRAME_ANCESTORS", "https://portal.example; script-src *"),
        ("FRAME_ANCESTORS", "https://a.example, https://b.example"),
        ("FRAME_ANCESTORS", "https://bücher.example"),
    ],
)
def test_a_value_that_no_server_could_keep_is_refused(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], name: str, value: str
) -> None:
    """At the start: not at the first request, in a background task, or in the last drain."""
    monkeypatch.setenv(f"RTDASH_{name}", value)
    assert run(["config"]) == 2
    assert f"the setting {name.lower()} can't be used" in capfd.readouterr().err


def test_an_empty_variable_is_none(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """As container files leave them: the default holds."""
    monkeypatch.setenv("RTDASH_VENUES", "")
    assert run(["config"]) == 0
    assert ["venues", "-", "(default)"] in [
        line.split() for line in capfd.readouterr().out.splitlines()
    ]


def test_urls_are_shown_without_their_password(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Which database and which broker is what the operator wants to see."""
    monkeypatch.setenv("RTDASH_DATABASE", "postgresql://anna:sesame@db.example/rtdash")
    assert run(["config"]) == 0
    out = capfd.readouterr().out
    assert "postgresql://anna:***@db.example/rtdash" in out
    assert "sesame" not in out


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://anna:sesame@db.example/rtdash",
        "postgresql://anna:ses/sesame@db.example/rtdash",
        "postgresql://anna:p@sesame@db.example/rtdash",
        "postgresql://db.example/rtdash?sslmode=require&sslpassword=sesame",
        "postgresql://db.example/rtdash?password=sesame",
        "postgresql://db.example/rtdash?apikey=sesame&x=1",
    ],
)
def test_no_secret_of_a_url_is_shown(
    url: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Wherever drivers and services let one stand, and however badly it is quoted."""
    monkeypatch.setenv("RTDASH_DATABASE", url)
    monkeypatch.setenv("RTDASH_BROKER", url.replace("postgresql", "redis"))
    assert run(["config"]) == 0
    out = capfd.readouterr().out
    assert "db.example/rtdash" in out
    assert "sesame" not in out


@pytest.mark.parametrize("name", ["PORT", "ADMIN_PORT"])
def test_a_service_link_of_kubernetes_is_ignored(
    name: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """With one warning: a Service named rtdash puts such a variable into every pod."""
    monkeypatch.setenv(f"RTDASH_{name}", "tcp://10.96.0.12:8000")
    assert run(["config"]) == 0
    out, err = capfd.readouterr()
    assert err.count(f"RTDASH_{name}") == 1
    assert "Kubernetes" in err
    assert [name.lower(), {"PORT": "8000"}.get(name, "-"), "(default)"] in [
        line.split() for line in out.splitlines()
    ]


def test_a_link_to_another_service_is_no_misspelt_setting(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """A Service named rtdash-database puts it into every pod: nothing was meant by it."""
    monkeypatch.setenv("RTDASH_DATABASE_PORT", "tcp://10.96.0.13:5432")
    assert run(["config"]) == 0
    assert "RTDASH_DATABASE_PORT" not in capfd.readouterr().err


@pytest.mark.parametrize("name", sorted(FILE_SETTINGS - {"token"}))
def test_a_value_is_read_from_a_file(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """As container platforms mount secrets; the file's last line end is not part of it."""
    file = tmp_path / "mounted"
    file.write_text("\ufeffmemory://elsewhere\n")
    monkeypatch.setenv(f"RTDASH_{name.upper()}_FILE", str(file))
    assert run(["config"]) == 0
    out = capfd.readouterr().out
    assert f"(environment RTDASH_{name.upper()}_FILE)" in out
    assert Settings().model_dump()[name] in {
        "memory://elsewhere",
        SecretStr("memory://elsewhere"),
    }


@pytest.mark.parametrize(
    ("content", "also", "words"),
    [
        (None, "", "which can't be read: No such file"),
        ("\n", "", "which is empty"),
        ("x" * 40, "y" * 40, "has both RTDASH_SECRET and RTDASH_SECRET_FILE"),
    ],
)
def test_a_wrong_file_of_a_value_is_refused(
    content: str | None,
    also: str,
    words: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """Rather than passed over: the server would make a secret of its own."""
    if content is not None:
        (tmp_path / "mounted").write_text(content)
    monkeypatch.setenv("RTDASH_SECRET_FILE", str(tmp_path / "mounted"))
    monkeypatch.setenv("RTDASH_SECRET", also)
    assert run(["config"]) == 2
    assert words in capfd.readouterr().err


def test_the_configuration_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """--config goes over RTDASH_CONFIG, that over the working directory, that over the system's;
    limits come from the same file; it is named.
    """
    system = tmp_path / "etc.toml"
    monkeypatch.setattr(setting_sources, "SYSTEM_CONFIG_FILE", system)
    system.write_text("port = 1\n")
    assert _port(capfd) == f"1  ({system})"
    Path("rtdash.toml").write_text("\ufeffport = 2\n")
    assert _port(capfd) == "2  (rtdash.toml)"
    (tmp_path / "named.toml").write_text("port = 3\nmax_connections = 7\n")
    monkeypatch.setenv("RTDASH_CONFIG", str(tmp_path / "named.toml"))
    assert _port(capfd) == f"3  ({tmp_path / 'named.toml'})"
    (tmp_path / "flag.toml").write_text("port = 4\nmax_connections = 8\n")
    assert _port(capfd, "--config", str(tmp_path / "flag.toml")).startswith("4 ")
    assert Settings(config=tmp_path / "flag.toml").limits.max_connections == 8
    assert run(["config", "--config", "nowhere.toml"]) == 2
    assert "nowhere.toml can't be read" in capfd.readouterr().err


def _port(capfd: pytest.CaptureFixture[str], *options: str) -> str:
    assert run(["config", *options]) == 0
    out = capfd.readouterr().out
    return next(line.split(maxsplit=1)[1] for line in out.splitlines() if line.startswith("port "))
