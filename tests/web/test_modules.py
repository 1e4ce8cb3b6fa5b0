"""The browser client: its own tests in Node, its types, its package."""

import json
import re
from importlib.metadata import version
from pathlib import Path

import pytest

from rtdash.protocol.typescript import declarations
from tests.web.npm import (
    WEB,
    check_types,
    install_typescript,
    needs,
    run,
    write_declarations,
)

HERE = Path(__file__).parent
ROOT = HERE.parents[1]


@pytest.fixture(scope="module")
def compiler(tmp_path_factory):
    """The TypeScript compiler, installed outside the project."""
    return install_typescript(tmp_path_factory.mktemp("tsc"))


@pytest.mark.parametrize("path", sorted(HERE.glob("*.test.mjs")), ids=lambda path: path.name)
def test_in_node(path):
    """Every test of the file passes in Node's own runner."""
    done = run(needs("node"), "--test", str(path), cwd=ROOT)
    assert done.returncode == 0, done.stdout[-6000:]


def test_messages_are_declared_as_they_are():
    """The declarations of the messages are those of the models."""
    assert (WEB / "lib" / "messages.d.ts").read_text() == declarations()


def test_types_are_strict(compiler, tmp_path):
    """`tsc --strict` finds nothing in client and page."""
    assert check_types(compiler, tmp_path) == ""


def test_declarations_are_those_of_the_modules(compiler, tmp_path):
    """What the package declares is what its modules say; `python -m tests.web.npm` renews it."""
    kept = {path.name: path.read_text() for path in sorted((WEB / "lib" / "types").glob("*"))}
    assert kept == write_declarations(compiler, tmp_path)


def test_the_package_is_of_this_version():
    """Both packages are released together, under one license, and depend on nothing."""
    package = json.loads((WEB / "package.json").read_text())
    assert package["version"] == version("rtdash")
    assert (WEB / "LICENSE").read_text() == (ROOT / "LICENSE").read_text()
    assert not [name for name in package if name.endswith("ependencies")]


def test_modules_stay_small():
    """No module of the client is beyond what can be read in one go."""
    for path in [*(WEB / "lib").glob("*.js"), *(WEB / "page").glob("*.js")]:
        assert all(len(line) <= 110 for line in path.read_text().splitlines()), path


def test_the_package_installs_and_imports(tmp_path, compiler):
    """Packed, installed into an empty folder, and imported by its names, with its types."""
    npm, node = needs("npm"), needs("node")
    packed = run(npm, "pack", "--json", "--pack-destination", str(tmp_path), cwd=WEB)
    assert packed.returncode == 0, packed.stderr
    [about] = json.loads(packed.stdout)
    names = {file["path"] for file in about["files"]}
    assert names >= {"lib/rtdash.js", "lib/types/rtdash.d.ts", "README.md", "LICENSE"}
    assert all(re.match(r"lib/|README\.md|LICENSE|package\.json", name) for name in names)
    (tmp_path / "package.json").write_text('{"type": "module"}')
    done = run(npm, "install", "--offline", "--no-audit", about["filename"], cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    program = (
        'import {connect, TIMING, CHANNELS} from "rtdash";'
        'import {ClientSession} from "rtdash/session";'
        "console.log(typeof connect, TIMING.silentFor, CHANNELS.length, typeof ClientSession)"
    )
    done = run(node, "--input-type=module", "-e", program, cwd=tmp_path)
    assert done.stdout.split() == ["function", "15000", "6", "function"], done.stderr
    (tmp_path / "use.ts").write_text(
        'import {connect} from "rtdash";\n'
        'const live = connect("/", ["hotel_stats"], {token: "t"});\n'
        'const state: "connecting" | "replaying" | "live" | "polling" | "closed" = live.state;\n'
        "console.log(state satisfies string);\n"
    )
    options = ("--noEmit", "--strict", "--module", "esnext", "--moduleResolution", "bundler")
    lib = ("--lib", "es2023,esnext.disposable,dom", "--target", "es2023")
    said = run(node, str(compiler), "use.ts", *options, *lib, cwd=tmp_path)
    assert said.returncode == 0, said.stdout
