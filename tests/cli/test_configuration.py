"""Settings that are wrong: which, where it came from and what was meant; nothing that was misspelt
is passed over in silence.
"""

from pathlib import Path

import pytest

from rtdash.cli.main import run


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


def test_a_misspelt_variable_is_told(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """With what was meant; variables that are like none may be somebody else's."""
    monkeypatch.setenv("RTDASH_MAX_CONNECTONS", "9")
    monkeypatch.setenv("RTDASH_PORT_8000_TCP_PROTO", "tcp")
    assert run(["config"]) == 0
    err = capfd.readouterr().err
    assert "RTDASH_MAX_CONNECTONS is no setting" in err
    assert "did you mean RTDASH_MAX_CONNECTIONS?" in err
    assert "PROTO" not in err


@pytest.mark.parametrize(
    ("name", "value"),
    [("PORT", "tcp://10.0.0.1:8000"), ("TRUSTED_PROXIES", "10.0.0.1/8"), ("WORKERS", "0")],
)
def test_a_wrong_variable_is_named(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """By the name that it has in the environment."""
    monkeypatch.setenv(f"RTDASH_{name}", value)
    assert run(["config"]) == 2
    assert f"it comes from RTDASH_{name}" in capfd.readouterr().err


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
    assert "memory://" in out
    assert "sesame" not in out
