"""The HTML templates of the reports: one environment, everything escaped."""

from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined


def render(template: str, values: dict[str, Any]) -> str:
    """Return the template filled with these values; a name that it lacks is an error."""
    return _environment().get_template(template).render(values)


@cache
def _environment() -> Environment:
    """Return the environment, made once: a template is compiled when it is first used."""
    return Environment(
        loader=PackageLoader("rtdash.loadtest.verdict.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        keep_trailing_newline=True,
    )
