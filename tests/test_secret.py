"""The secret that signs tokens: made once, read by its owner only, never too short."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from rtdash.settings import SecretUnusable, Settings, load_secret


def test_the_first_start_makes_a_secret_and_later_ones_read_it(tmp_path: Path) -> None:
    """In the data directory, which is made too, for its owner only."""
    settings = Settings(data=tmp_path / "deep" / "data")
    secret = load_secret(settings)
    assert len(secret) >= 32
    assert (settings.data / "secret").stat().st_mode & 0o777 == 0o600
    assert settings.data.stat().st_mode & 0o777 == 0o700  # what guests have given stands beside it
    assert load_secret(settings) == secret
    assert [file.name for file in settings.data.iterdir()] == ["secret"]


def test_processes_that_start_at_once_agree(tmp_path: Path) -> None:
    """One of them makes it, all read the same."""
    with ThreadPoolExecutor(16) as pool:
        secrets = set(pool.map(lambda _: load_secret(Settings(data=tmp_path)), range(64)))
    assert len(secrets) == 1


def test_the_setting_comes_before_the_file(tmp_path: Path) -> None:
    """With the setting no file is made."""
    assert load_secret(Settings(data=tmp_path, secret="x" * 32)) == "x" * 32
    assert list(tmp_path.iterdir()) == []


def test_a_short_secret_is_refused_and_not_shown(tmp_path: Path) -> None:
    """In the setting as in the file; the text says where it is and not what it is."""
    with pytest.raises(SecretUnusable, match="RTDASH_SECRET") as refused:
        load_secret(Settings(data=tmp_path, secret="sesame"))
    assert "sesame" not in str(refused.value)
    (tmp_path / "secret").write_text("open\n", encoding="utf-8")
    with pytest.raises(SecretUnusable, match="32 bytes"):
        load_secret(Settings(data=tmp_path))
