"""Each recipe is read by the tool that it is for, and names only what is there."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import httpx2
import pytest
import yaml

from rtdash.cli.deploy import RECIPES
from rtdash.cli.main import run
from tests.client.processes import Served
from tests.programs import installed

ROOT = Path(__file__).parent.parent.parent
DEPLOY = ROOT / "fixtures" / "deploy"
GUIDE = (ROOT / "rtdash" / "guide" / "operations.md").read_text()
METRIC = re.compile(r"\b(?:rtdash|process)_[a-z_]+\b")
TOOLS = Path(sys.executable).parent


def check(*command: str | Path, **environment: str) -> None:
    """The tool finds nothing wrong."""
    done = subprocess.run(
        command,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_file_is_of_a_recipe() -> None:
    """And every recipe's file is there."""
    listed = {file for files in RECIPES.values() for file in files}
    found = {str(path.relative_to(DEPLOY)) for path in DEPLOY.rglob("*") if path.is_file()}
    assert found == listed


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_is_printed_and_written(
    name: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Byte for byte; nothing is overwritten."""
    assert run(["deploy", name]) == 0
    printed = capfd.readouterr().out
    assert run(["deploy", name, "--out", str(tmp_path / "out")]) == 0
    for file in RECIPES[name]:
        assert (tmp_path / "out" / Path(file).name).read_bytes() == (DEPLOY / file).read_bytes()
        assert (DEPLOY / file).read_text() in printed
    assert run(["deploy", name, "--out", str(tmp_path / "out")]) == 2
    assert "exists already" in capfd.readouterr().err


def test_an_unknown_recipe(capfd: pytest.CaptureFixture[str]) -> None:
    """What was meant is named."""
    assert run(["deploy", "nginxx"]) == 2
    assert "did you mean nginx?" in capfd.readouterr().err


def test_nginx_reads_its_file(tmp_path: Path) -> None:
    """By `nginx -t`."""
    frame = tmp_path / "nginx.conf"
    frame.write_text(
        f"pid {tmp_path}/pid; error_log {tmp_path}/error.log; events {{}}\n"
        f"http {{ include {DEPLOY}/nginx/rtdash.conf; }}\n"
    )
    check(installed("/usr/sbin/nginx", "nginx"), "-t", "-q", "-c", frame, "-p", tmp_path)


def test_haproxy_reads_its_file() -> None:
    """By `haproxy -c`."""
    places = {"BIND": "127.0.0.1:1", "RTDASH_A": "127.0.0.1:2", "RTDASH_B": "127.0.0.1:3"}
    program = installed("/usr/sbin/haproxy", "haproxy")
    check(program, "-c", "-q", "-f", DEPLOY / "haproxy" / "haproxy.cfg", **places)


def test_caddy_reads_its_file(tmp_path: Path) -> None:
    """By `caddy validate`."""
    file = DEPLOY / "caddy" / "Caddyfile"
    check(
        installed("caddy"),
        "validate",
        "--adapter",
        "caddyfile",
        "--config",
        file,
        HOME=str(tmp_path),
    )


def test_systemd_reads_its_units(tmp_path: Path) -> None:
    """By `systemd-analyze verify`; the program's path is this environment's."""
    for file in RECIPES["systemd"]:
        text = (DEPLOY / file).read_text().replace("/opt/rtdash/bin", str(TOOLS))
        (tmp_path / Path(file).name).write_text(text)
    check(installed("systemd-analyze"), "verify", *sorted(tmp_path.iterdir()))


def test_kubernetes_reads_its_file() -> None:
    """By its schemas."""
    check(TOOLS / "kubernetes-validate", "--strict", DEPLOY / "kubernetes" / "rtdash.yaml")


def test_compose_reads_its_file() -> None:
    """By the schema of the Compose Specification."""
    schema = ["--builtin-schema", "vendor.compose-spec"]
    check(TOOLS / "check-jsonschema", *schema, DEPLOY / "compose" / "compose.yaml")


def test_prometheus_reads_its_files(tmp_path: Path) -> None:
    """By `promtool`; each alert that has a test fires in it."""
    promtool = installed("promtool")
    for file in RECIPES["prometheus"]:
        shutil.copy(DEPLOY / file, tmp_path)
    check(promtool, "check", "config", tmp_path / "prometheus.yml")
    shutil.copy(Path(__file__).with_name("alerts-test.yml"), tmp_path)
    check(promtool, "test", "rules", tmp_path / "alerts-test.yml")


def test_every_alert_has_its_section_and_its_test() -> None:
    """In the operations page, under the anchor that it names."""
    tests = Path(__file__).with_name("alerts-test.yml").read_text()
    anchors = {line[4:].strip() for line in GUIDE.splitlines() if line.startswith("### ")}
    for rule in _alerts():
        assert rule["alert"] in anchors
        assert rule["annotations"]["runbook"] == f"operations.md#{rule['alert'].lower()}"
        assert f"alertname: {rule['alert']}\n" in tests


def test_times_of_an_end_fit() -> None:
    """What kills waits longer than the drain: Kubernetes, Compose and systemd."""
    pod = next(yaml.safe_load_all((DEPLOY / "kubernetes" / "rtdash.yaml").read_text()))["spec"][
        "template"
    ]["spec"]
    delay_s = int(pod["containers"][0]["lifecycle"]["preStop"]["exec"]["command"][1])
    assert pod["terminationGracePeriodSeconds"] >= delay_s + 15 + 5
    compose = yaml.safe_load((DEPLOY / "compose" / "compose.yaml").read_text())
    server = compose["services"]["rtdash-a"]
    delay_s = int(server["environment"]["RTDASH_DRAIN_DELAY_S"])
    assert int(server["stop_grace_period"].removesuffix("s")) >= delay_s + 15 + 5
    unit = (DEPLOY / "systemd" / "rtdash.service").read_text()
    assert int(re.search(r"^TimeoutStopSec=(\d+)$", unit, re.MULTILINE)[1]) >= 15 + 5


def test_metrics_that_recipes_name_exist(served: Served) -> None:
    """Board and alerts ask for nothing that a server does not have."""
    shown = httpx2.get(f"{served.url}/metrics", trust_env=False).text
    kinds = re.findall(r"^# TYPE (\w+) (\w+)$", shown, re.MULTILINE)
    there = {f"{name}_bucket" if kind == "histogram" else name for name, kind in kinds}
    there.add("rtdash_certificate_end_timestamp_seconds")  # with TLS only
    board = json.loads((DEPLOY / "grafana" / "rtdash-dashboard.json").read_text())
    asked = [target["expr"] for panel in board["panels"] for target in panel["targets"]]
    asked += [rule["expr"] for rule in _alerts()]
    named = {metric for one in asked for metric in METRIC.findall(one)}
    assert len(named) > 20
    # a log without events has no oldest one yet
    assert named - there <= {"rtdash_oldest_event_timestamp_seconds"}


def _alerts() -> list[dict[str, object]]:
    file = DEPLOY / "prometheus" / "rtdash-alerts.yml"
    return yaml.safe_load(file.read_text())["groups"][0]["rules"]
