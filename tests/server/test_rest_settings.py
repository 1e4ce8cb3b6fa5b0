"""Settings of REST: limits that only count, a token for the metrics, origins of browsers."""

import time

import httpx2

from tests.server.test_rest_access import PATH


def test_a_dry_run_only_counts(serve) -> None:
    """No caller is refused, and the metric counts those that would have been."""
    server = serve(limits={"requests_per_second": 1, "requests_burst": 1, "limits_dry_run": True})
    with server.client() as client:
        began = time.monotonic()
        assert [client.get(PATH).status_code for _ in range(3)] == [200, 200, 200]
        refilled = min(2, int(time.monotonic() - began))
        told = client.get("/metrics").text
    assert any(
        f'rtdash_limit_refusals_total{{limit="requests_per_second"}} {float(count)}' in told
        for count in range(2 - refilled, 3)
    )


def test_metrics_can_be_closed(serve) -> None:
    """With the setting they need its token."""
    url = serve(metrics_token="scrape-me").url + "/metrics"
    assert httpx2.get(url).status_code == 401
    assert httpx2.get(url, headers={"Authorization": "Bearer wrong"}).status_code == 401
    assert httpx2.get(url, headers={"Authorization": "Bearer scrape-me"}).status_code == 200


def test_browsers_of_allowed_origins_may_ask(serve) -> None:
    """CORS for those origins alone; their ETags can be read."""
    url = serve(allowed_origins="https://dash.example").url + "/api/dashboard/stats"
    asked = {
        "Access-Control-Request-Method": "GET",
        "Access-Control-Request-Headers": "authorization",
    }
    assert (
        httpx2.options(url, headers={"Origin": "https://dash.example", **asked}).status_code == 200
    )
    assert (
        httpx2.options(url, headers={"Origin": "https://evil.example", **asked}).status_code == 400
    )
    answer = httpx2.get(url, headers={"Origin": "https://dash.example"})
    assert answer.headers["access-control-allow-origin"] == "https://dash.example"
    assert "ETag" in answer.headers["access-control-expose-headers"]
