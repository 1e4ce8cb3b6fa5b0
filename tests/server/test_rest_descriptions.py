"""The descriptions of both interfaces: what tools want of them, and that tools take them.

The tools themselves read them: the AsyncAPI parser, Redocly's lint, a generator of TypeScript and
its compiler, from npm, in a directory of the test's own.
"""

import json
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

from rtdash.resources import data_path
from rtdash.server.app import create_app
from rtdash.server.rest.descriptions import asyncapi_bytes, openapi_bytes
from rtdash.settings import Settings
from tests.web.npm import TYPESCRIPT, check_snippets, install, needs, run

APP = create_app(Settings(data=Path("never-opened")))
OPENAPI: dict[str, Any] = json.loads(openapi_bytes(APP, ""))
ASYNCAPI: dict[str, Any] = json.loads(asyncapi_bytes())
OPERATIONS = {
    operation["operationId"]: operation
    for methods in OPENAPI["paths"].values()
    for operation in methods.values()
}
TOOLS = ("@asyncapi/parser@3.6.6", "@redocly/cli@2.77.0", "openapi-typescript@7.13.0", TYPESCRIPT)
PARSE = """
import {Parser} from "@asyncapi/parser";
import {readFileSync} from "node:fs";
const {document, diagnostics} = await new Parser().parse(readFileSync(process.argv[2], "utf8"));
const wrong = diagnostics.filter((one) => one.severity < 2).map((one) => one.message);
console.log(document ? "accepted" : "refused", wrong.join("; "));
"""


def test_operations_have_short_ids_summaries_and_their_security() -> None:
    """What a generated client calls them by, and what a menu shows; the open ones say so."""
    assert {"getStats", "bookHotel", "changeRestaurantReservation", "applyOperations"} <= set(
        OPERATIONS
    )
    for name, operation in OPERATIONS.items():
        assert name.isalpha(), name
        assert len(name) < 32, name
        assert operation["summary"], name
        assert not operation["summary"].endswith("."), name
        assert operation["security"] in ([], [{"HTTPBearer": []}]), name
    assert OPERATIONS["getHealth"]["security"] == OPERATIONS["signIn"]["security"] == []
    assert OPERATIONS["getStats"]["security"] == [{"HTTPBearer": []}]
    used = {tag for operation in OPERATIONS.values() for tag in operation["tags"]}
    assert used <= {tag["name"] for tag in OPENAPI["tags"]}


def test_the_server_is_said_with_its_prefix() -> None:
    """Behind a proxy with a path the tools must send their requests there."""
    assert OPENAPI["servers"][0]["url"] == "/"
    prefixed = json.loads(openapi_bytes(APP, "/dashboards"))
    assert prefixed["servers"][0]["url"] == "/dashboards"


def test_each_json_body_has_an_example_that_its_schema_allows() -> None:
    """In requests and in answers."""
    seen = 0
    for name, operation in OPERATIONS.items():
        bodies = [operation.get("requestBody", {}), *operation["responses"].values()]
        for body in bodies:
            content = body.get("content", {}).get("application/json")
            if content is None or "schema" not in content:
                continue
            schema = content["schema"] | {"components": OPENAPI["components"]}
            jsonschema_rs.validate(schema, content["example"])
            seen += 1
            assert "example" in content, name
    assert seen > 30


def test_a_reservation_is_one_of_two_kinds() -> None:
    """A hotel's endpoints give stays, a restaurant's tables, lists of both either."""
    schemas = OPENAPI["components"]["schemas"]
    assert schemas["Reservation"]["discriminator"]["propertyName"] == "kind"
    answer = OPERATIONS["getHotelReservation"]["responses"]["200"]["content"]["application/json"]
    assert answer["schema"] == {"$ref": "#/components/schemas/HotelReservation"}
    events = schemas["ChannelEvents"]["properties"]["events"]["items"]
    assert events["discriminator"]["propertyName"] == "type"


def test_a_change_needs_no_id_beside_that_of_the_path() -> None:
    """The schema asks for what the server asks for."""
    content = OPERATIONS["changeHotelReservation"]["requestBody"]["content"]["application/json"]
    for schema in content["schema"]["anyOf"]:
        assert "reservationId" not in schema["required"]
        assert "op" in schema["required"]


def test_the_golden_messages_are_the_examples_of_asyncapi() -> None:
    """Each message type of the server shows one, unchanged."""
    golden = {
        path.stem: json.loads(path.read_bytes())
        for path in data_path("fixtures", "messages").glob("*.json")
    }
    shown = {
        message["name"]: message["examples"][0]["payload"]
        for message in ASYNCAPI["components"]["messages"].values()
        if "examples" in message
    }
    assert shown == golden


def test_schemas_of_messages_are_clean() -> None:
    """No title on fields (each would be a type of its own), nothing optional that is null too."""
    for name, schema in ASYNCAPI["components"]["schemas"].items():
        assert "title" not in schema, name
        for field, told in schema.get("properties", {}).items():
            assert "title" not in told, (name, field)
            assert told.get("default", ...) is not None, (name, field)


@pytest.fixture(scope="module")
def tools(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory in which the tools are installed, with both documents."""
    directory = tmp_path_factory.mktemp("tools")
    install(directory, *TOOLS)
    (directory / "openapi.json").write_bytes(openapi_bytes(APP, ""))
    (directory / "asyncapi.json").write_bytes(asyncapi_bytes())
    (directory / "parse.mjs").write_text(PARSE)
    return directory


def test_the_asyncapi_parser_accepts_the_document(tools: Path) -> None:
    """Without an error or a warning."""
    done = run(needs("node"), "parse.mjs", "asyncapi.json", cwd=tools)
    assert done.stdout.strip() == "accepted", done.stdout + done.stderr


def test_redocly_finds_no_error(tools: Path) -> None:
    """All of redocly's recommended rules hold."""
    done = run(needs("npx"), "redocly", "lint", "openapi.json", cwd=tools)
    assert done.returncode == 0, done.stdout + done.stderr


def test_snippets_compile_against_generated_types(tools: Path) -> None:
    """The types of the whole document, and every snippet of README and guide."""
    done = run(needs("npx"), "openapi-typescript", "openapi.json", "-o", "api.d.ts", cwd=tools)
    assert done.returncode == 0, done.stderr
    compiler = tools / "node_modules" / "typescript" / "bin" / "tsc"
    assert check_snippets(compiler, tools, (tools / "api.d.ts").read_text()) == ""
