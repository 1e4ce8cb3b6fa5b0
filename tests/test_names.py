"""One name, one thing: a search for a module or a class ends at one, or at the same thing in the form
of another layer.
"""

import ast
from collections import defaultdict
from pathlib import Path

PACKAGE = Path(__file__).parent.parent / "rtdash"
LAYERS = {"cli", "domain", "protocol", "server/rest/routers", "store"}
"""Each of them has a module for its side of one thing: its command, its rules, its form on the
wire, its paths, its rows.
"""
SCHEMAS = {
    "protocol/dialogue.py",
    "protocol/models.py",
    "server/rest/report_schemas.py",
    "server/rest/schemas.py",
    "server/rest/venue_schemas.py",
}
"""Classes in them are the documented form of a thing, under the name that clients see."""
KEPT = {"Problem"}
"""The word of RFC 9457: an error of the server, an error of the client, and the document between
them.
"""


def test_a_module_name_stands_twice_only_in_layers():
    """`reservations` are rules, rows and paths; any other name is of one module."""
    rooms = defaultdict(set)
    for path in PACKAGE.rglob("*.py"):
        if path.stem != "__init__":
            rooms[path.stem].add(path.parent.relative_to(PACKAGE).as_posix())
    twice = {name: where for name, where in rooms.items() if len(where) > 1}
    assert {name: where for name, where in twice.items() if not where <= LAYERS} == {}
    assert "reservations" in twice


def test_a_class_name_stands_twice_only_for_a_schema():
    """A value inside may have the name of its schema; any other name is of one class."""
    modules = defaultdict(set)
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ClassDef):
                modules[node.name].add(path.relative_to(PACKAGE).as_posix())
    twice = {name: where for name, where in modules.items() if len(where) > 1}
    inside = {name: where - SCHEMAS for name, where in twice.items()}
    assert {name for name, where in inside.items() if len(where) > 1} == KEPT
    assert "Reservation" in twice
