"""`rtdash serve` as it is typed, where it is expected not to start."""

import os
import subprocess
import sys
from pathlib import Path

PATIENCE_S = 40


def serve(data: Path, settings: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    """What it told, and its exit code. `settings` are RTDASH_* settings without their prefix."""
    environment = os.environ | {f"RTDASH_{name.upper()}": value for name, value in settings.items()} | {"RTDASH_DATA": str(data / "data")}
    command = [sys.executable, "-m", "rtdash", "serve", "--port", "0", *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=PATIENCE_S, check=False)
