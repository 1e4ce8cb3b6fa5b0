"""TypeScript and npm for the tests of the browser client, in directories of their own.

`python -m tests.web.npm` writes the declarations in rtdash/web/lib/types anew.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
WEB = ROOT / "rtdash" / "web"
PAGES = [ROOT / "README.md", *sorted((ROOT / "rtdash" / "guide").glob("*.md"))]
"""Every page with snippets."""
TYPESCRIPT = "typescript@5.9.3"
"""Pinned: the next one may find more."""
_OPTIONS = {
    "strict": True,
    "allowJs": True,
    "checkJs": True,
    "noUncheckedIndexedAccess": True,
    "target": "es2023",
    "module": "esnext",
    "moduleResolution": "bundler",
    "lib": ["es2023", "esnext.disposable", "dom", "dom.iterable"],
    "types": [],
}

QUIET = {"REDOCLY_TELEMETRY": "off", "REDOCLY_SUPPRESS_UPDATE_NOTICE": "true"}
"""Tools that would call home don't."""

READER = """
declare const token: string;
declare function myToken(): Promise<string>;
declare function showTiles(stats: {reservationsToday: number, pendingPayments: number}): void;
declare function showReservation(reservation: {id: string, customerName: string}): void;
declare function showState(state: string, detail: string | null): void;
declare function load(name: string): Promise<any>;
declare function saveTogether(message: object, positions: object): Promise<void>;
declare function useSyncExternalStore<T>(
  subscribe: (changed: () => void) => () => void, snapshot: () => T): T;
"""
"""Declarations of what the snippets of the guide leave to their reader."""


def needs(program: str) -> str:
    """Return the path of a program, or skip by its name."""
    path = shutil.which(program)
    if path is None:
        pytest.skip(f"{program} is not installed")
    return path


def run(*command: str, cwd: Path, timeout: float = 110) -> subprocess.CompletedProcess[str]:
    """Run a program; its output is in the result whatever its exit code."""
    return subprocess.run(
        command,
        cwd=cwd,
        env=os.environ | QUIET,
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )


def install(directory: Path, *packages: str) -> Path:
    """Install packages of npm without their scripts; returns node_modules. Skips where no registry
    can be reached.
    """
    options = ("--no-save", "--no-audit", "--no-fund", "--ignore-scripts")
    done = run(needs("npm"), "install", *options, *packages, cwd=directory, timeout=300)
    if done.returncode:
        pytest.skip(f"npm could not install {packages}: {done.stderr[-300:]}")
    return directory / "node_modules"


def install_typescript(directory: Path) -> Path:
    """Install the pinned compiler; returns its program."""
    return install(directory, TYPESCRIPT) / "typescript" / "bin" / "tsc"


def check_types(tsc: Path, directory: Path) -> str:
    """Return what the compiler says about client and page."""
    options = {"noEmit": True}
    include = [str(WEB / "lib" / "*"), str(WEB / "page" / "*.js")]
    return _compile(tsc, directory, options, include)


def write_declarations(tsc: Path, directory: Path) -> dict[str, str]:
    """Return the declarations of the client's modules by file name."""
    out = directory / "types"
    options = {"declaration": True, "emitDeclarationOnly": True, "outDir": str(out)}
    said = _compile(tsc, directory, options, [str(WEB / "lib" / "rtdash.js")])
    assert not said, said
    return {
        path.name: path.read_text().replace('"./messages.js"', '"../messages.js"')
        for path in sorted(out.glob("*.d.ts"))
    }


def check_snippets(tsc: Path, directory: Path, api: str) -> str:
    """Return what the compiler says about the JavaScript and TypeScript of README and guide. `api`
    are the types that openapi-typescript made of the server's description; what a reader supplies
    (a token, a function that shows something) is declared.
    """
    folder = directory / "snippets"
    folder.mkdir()
    (folder / "reader.d.ts").write_text(READER)
    (folder / "api.d.ts").write_text(api)
    for name, text in _snippets().items():
        (folder / f"{name}.ts").write_text(f"{text}\nexport {{}};\n")
    options: dict[str, object] = {
        "noEmit": True,
        "paths": {
            "/rtdash.js": [str(WEB / "lib" / "rtdash.js")],
            "/page/page.js": [str(WEB / "page" / "page.js")],
        },
    }
    return _compile(tsc, directory, options, [str(folder / "*.ts")])


def _snippets() -> dict[str, str]:
    found = {}
    for page in PAGES:
        texts = re.findall(r"^```[jt]s\n(.*?)^```$", page.read_text(), re.MULTILINE | re.DOTALL)
        for number, text in enumerate(texts):
            head = "" if "import " in text else 'import {connect} from "/rtdash.js";\n'
            found[f"{page.stem}-{number}"] = head + text
    assert len(found) >= 6, "README and guide have lost their snippets"
    return found


def _compile(tsc: Path, directory: Path, options: dict[str, object], include: list[str]) -> str:
    config = directory / "tsconfig.json"
    config.write_text(json.dumps({"compilerOptions": {**_OPTIONS, **options}, "include": include}))
    return run(needs("node"), str(tsc), "-p", str(config), cwd=directory).stdout


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as scratch:
        compiler = install_typescript(Path(scratch))
        target = WEB / "lib" / "types"
        target.mkdir(exist_ok=True)
        for name, text in write_declarations(compiler, Path(scratch)).items():
            (target / name).write_text(text)
            sys.stdout.write(f"{target / name}\n")
