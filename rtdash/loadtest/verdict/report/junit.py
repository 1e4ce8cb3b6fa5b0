"""junit.xml: a test case an SLO, the measured value in its message."""

from xml.etree.ElementTree import Element, SubElement, indent, tostring

from rtdash.domain.printable import printable
from rtdash.loadtest.plan.slo import SloOutcome, Verdict
from rtdash.loadtest.verdict.report.tables import measured_text
from rtdash.loadtest.verdict.summary import Summary


def junit_xml(summary: Summary) -> str:
    """Return the JUnit XML: one suite; where a run has no verdict, every case is an error."""
    failures = sum(verdict.fails for verdict in summary.verdicts)
    # XML has no way to write most control characters, not even escaped (XML 1.0, 2.2)
    reason, scenario = printable("; ".join(summary.why_no_verdict)), printable(summary.scenario)
    counts = {
        "tests": len(summary.verdicts),
        "failures": 0 if reason else failures,
        "errors": len(summary.verdicts) if reason else 0,
    }
    suite = Element(
        "testsuite",
        {"name": f"rtdash loadtest {scenario}", "time": f"{summary.duration_s:.1f}"},
    )
    suite.attrib.update({name: str(count) for name, count in counts.items()})
    for verdict in summary.verdicts:
        _add_case(suite, verdict, scenario, reason)
    indent(suite)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + tostring(suite, encoding="unicode") + "\n"


def _add_case(suite: Element, verdict: Verdict, scenario: str, reason: str) -> None:
    case = SubElement(
        suite, "testcase", {"classname": f"{scenario}.{verdict.phase}", "name": str(verdict.slo)}
    )
    text = f"measured {measured_text(verdict)}, wanted {verdict.slo.op} {verdict.slo.value:g}"
    if reason:
        SubElement(case, "error", {"message": f"no verdict: {reason}"})
    elif verdict.fails:
        SubElement(case, "failure", {"message": text})
    elif verdict.outcome is SloOutcome.NOT_MEASURED:
        SubElement(case, "skipped", {"message": "not measured"})
    else:
        SubElement(case, "system-out").text = (
            text if verdict.outcome is SloOutcome.HELD else f"warning: {text}"
        )
