"""The OpenAPI document is true: whatever it allows and whatever it forbids is answered as it
says.
"""

from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.generation.feedback import FeedbackSources
from schemathesis.pytest._test_builder import build_operation_test
from schemathesis.schemas import BaseSchema
from schemathesis.specs.openapi.checks import negative_data_rejection, positive_data_acceptance

from rtdash.server.app import create_app
from rtdash.server.rest.openapi import describe
from rtdash.settings import Settings
from tests.conftest import FULL
from tests.server.running import RunningServer

BEYOND_A_SCHEMA = [positive_data_acceptance]
"""Cursors of ours, the digits of a currency, stays that begin before they end: 422 is described,
but no schema can say when.
"""

REFUSED_ALONE = [negative_data_rejection]
"""A list of operations is taken although one of them is wrong: its outcome says so."""

EXAMPLES = 1_000 if FULL else 20

DOCUMENT = describe(create_app(Settings(data=Path("never-opened"))))
OPERATIONS = [
    (method.upper(), path) for path, methods in DOCUMENT["paths"].items() for method in methods
]


@schemathesis.serializer("application/x-ndjson")
def serialize_ndjson(_context: schemathesis.SerializationContext, value: Any) -> str:
    """The body is a text already."""
    return str(value)


@pytest.fixture(scope="module")
def schema() -> BaseSchema:
    """The token is given; what lacks one is tested in test_rest_access."""
    made = schemathesis.openapi.from_dict(DOCUMENT)
    made.config.generation.update(with_security_parameters=False)
    return made


@pytest.fixture(scope="module")
def token(server: RunningServer) -> str:
    """Everything is allowed but revoking, which would end the test."""
    return server.token(scopes=("hotel:read", "hotel:write", "restaurant:read", "restaurant:write"))


@pytest.mark.parametrize("operation", OPERATIONS, ids=" ".join)
def test_every_answer_is_described(
    operation: tuple[str, str], schema: BaseSchema, server: RunningServer, token: str
) -> None:
    """Status, content type, headers and body of each answer are those of the document; bad input is
    refused, good input taken.

    The cases are made here, not by `schema.parametrize`: that makes all of them in each process of
    pytest-xdist before the first test, and gives all operations one id.
    """
    method, path = operation
    excluded = BEYOND_A_SCHEMA + (REFUSED_ALONE if path == "/api/operations" else [])
    asked = []

    @settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
    def check(case: schemathesis.Case) -> None:
        asked.append(case)
        case.call_and_validate(
            base_url=server.url,
            headers={"Authorization": f"Bearer {token}"},
            excluded_checks=excluded,
        )

    build_operation_test(
        config=schema.config,
        operation=schema[path][method],
        test_func=check,
        given_kwargs={},
        feedback=FeedbackSources(),
    )()
    assert asked
