"""Text files that people write, with the editors and shells of Windows as well."""

import codecs
from pathlib import Path

import jwt
import pytest

from rtdash.cli.main import run
from rtdash.loadtest.plan.slo import NotUsable, read_toml
from rtdash.loadtest.verdict.baseline import read_baseline
from rtdash.settings import Settings, load_secret
from rtdash.text_files import NotText, read_text_file


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b"a\n", "a\n"),
        (codecs.BOM_UTF8 + "ä".encode(), "ä"),
        (b"", ""),
        (codecs.BOM_UTF8, ""),
    ],
)
def test_a_byte_order_mark_is_no_part_of_the_text(
    content: bytes, text: str, tmp_path: Path
) -> None:
    """With or without it."""
    (tmp_path / "file").write_bytes(content)
    assert read_text_file(tmp_path / "file") == text


@pytest.mark.parametrize(
    ("content", "words"),
    [("a".encode("utf-16"), "UTF-16"), (b"a\nb\xff", "line 2"), ("ä".encode("latin-1"), "line 1")],
)
def test_what_is_not_utf_8_is_refused(content: bytes, words: str, tmp_path: Path) -> None:
    """With the encoding to save it in."""
    (tmp_path / "file").write_bytes(content)
    with pytest.raises(NotText, match=words) as refused:
        read_text_file(tmp_path / "file")
    assert "save it as UTF-8" in str(refused.value)


def test_server_and_commands_read_one_secret(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A token that a command signs is one that the server takes."""
    monkeypatch.delenv("RTDASH_SECRET", raising=False)
    (tmp_path / "secret").write_text("s" * 40 + "\r\n", encoding="utf-8-sig")
    (tmp_path / "secret").chmod(0o600)
    assert load_secret(Settings(data=tmp_path)) == "s" * 40
    assert run(["token", "--data", str(tmp_path)]) == 0
    bearer = capfd.readouterr().out.strip()
    assert jwt.decode(bearer, "s" * 40, algorithms=["HS256"])["sub"]


@pytest.mark.parametrize("content", [b"\xff" * 40, ("s" * 40).encode("utf-16")])
def test_a_secret_that_is_no_text(
    content: bytes, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """The command ends in words."""
    (tmp_path / "secret").write_bytes(content)
    assert run(["token", "--data", str(tmp_path)]) != 0
    err = capfd.readouterr().err
    assert "save it as UTF-8" in err
    assert "Traceback" not in err


def test_files_of_a_load_test(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """SLOs, a baseline and tokens by an editor that writes a mark; a file in UTF-16 is refused."""
    slos = tmp_path / "slo.toml"
    slos.write_text("a = 1\n", encoding="utf-8-sig")
    assert read_toml(slos) == {"a": 1}
    baseline = tmp_path / "summary.json"
    baseline.write_text('{"schema": "rtdash.loadtest/1"}', encoding="utf-8-sig")
    with pytest.raises(NotUsable, match="no whole summary"):  # it was read, at least
        read_baseline(baseline)
    for file, read in ((slos, read_toml), (baseline, read_baseline)):
        file.write_text("{}", encoding="utf-16")
        with pytest.raises(NotUsable):
            read(file)
    (tmp_path / "tokens").write_text("token", encoding="utf-16")
    arguments = ["--url", "http://127.0.0.1:9", "--tokens", str(tmp_path / "tokens")]
    assert run(["loadtest", "fanout", *arguments]) == 2
    assert "UTF-16" in capfd.readouterr().err


def test_settings_in_utf_16(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """PowerShell's `>` writes it."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "rtdash.toml").write_text("port = 1\n", encoding="utf-16")
    assert run(["config"]) == 2
    assert "UTF-16" in capfd.readouterr().err
