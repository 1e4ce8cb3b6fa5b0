"""`rtdash deploy`: recipes to run rtdash with the usual tools."""

from pathlib import Path
from typing import Annotated

import typer

from rtdash.cli.failures import CommandFailed, Exit
from rtdash.cli.options import option
from rtdash.cli.suggestions import refuse_unknown
from rtdash.resources import data_path

RECIPES: dict[str, tuple[str, ...]] = {
    "docker": ("docker/Dockerfile", "docker/Dockerfile.dockerignore"),
    "compose": ("compose/compose.yaml", "haproxy/haproxy.cfg"),
    "kubernetes": ("kubernetes/rtdash.yaml",),
    "systemd": ("systemd/rtdash.service", "systemd/rtdash.socket"),
    "nginx": ("nginx/rtdash.conf",),
    "haproxy": ("haproxy/haproxy.cfg",),
    "caddy": ("caddy/Caddyfile",),
    "prometheus": ("prometheus/prometheus.yml", "prometheus/rtdash-alerts.yml"),
    "grafana": ("grafana/rtdash-dashboard.json",),
}
"""Files of each recipe, below fixtures/deploy."""


def deploy(
    name: Annotated[
        str,
        typer.Argument(autocompletion=lambda: list(RECIPES), help=f"One of {', '.join(RECIPES)}."),
    ],
    out: Annotated[
        Path | None,
        option(metavar="DIR", help="Write the files there."),
    ] = None,
) -> None:
    """Print a deployment recipe, or write its files with --out DIR.

    Each file says at its top how it is used. Files that exist are never overwritten.

    Examples: rtdash deploy nginx · rtdash deploy compose --out deploy
    """
    refuse_unknown(name, RECIPES, what="recipe")
    files = [data_path("fixtures", "deploy", *file.split("/")) for file in RECIPES[name]]
    if out is None:
        typer.echo("\n".join(file.read_text(encoding="utf-8") for file in files), nl=False)
        return
    _write(files, out)


def _write(files: list[Path], out: Path) -> None:
    """Copy the files, all or none. Raises CommandFailed."""
    try:
        out.mkdir(parents=True, exist_ok=True)
        if existing := [file.name for file in files if (out / file.name).exists()]:
            raise CommandFailed(
                f"{out / existing[0]} exists already",
                hint="choose another directory, or take the file away",
                code=Exit.USAGE,
            )
        for file in files:
            (out / file.name).write_bytes(file.read_bytes())
            typer.echo(out / file.name)
    except OSError as error:
        raise CommandFailed(
            f"{error.filename or out} can't be written: {error.strerror}",
            hint="name a directory that you may write: --out DIR",
            code=Exit.USAGE,
        ) from None
