"""Revocations by REST: which tokens may revoke, and what is ended."""

from datetime import UTC, datetime

import jwt
import pytest

from tests.server.running import start_server


@pytest.mark.parametrize("body", [{"jti": "some-id"}, {"sub": "somebody"}])
def test_revoking_is_for_administrators(server, body: dict[str, str]) -> None:
    """204 for them, 403 for others."""
    with server.client() as anna, server.admin() as admin:
        assert anna.post("/api/admin/revocations", json=body).status_code == 403
        assert admin.post("/api/admin/revocations", json=body).status_code == 204


def test_a_revoked_user_is_out_at_once_and_in_again_with_a_new_token(server) -> None:
    """The tokens issued until now are refused; one issued afterwards is good."""
    with server.client(user="mallory") as old, server.admin() as admin:
        assert old.get("/api/dashboard/stats").status_code == 200
        admin.post("/api/admin/revocations", json={"sub": "mallory"})
        refused = old.get("/api/dashboard/stats")
        assert (refused.status_code, "revoked" in refused.json()["detail"]) == (401, True)
    with server.client(user="mallory", now=datetime.now(UTC)) as new:
        assert new.get("/api/dashboard/stats").status_code == 200


def test_a_revoked_token_stays_revoked_over_a_restart(tmp_path) -> None:
    """Revocations are rows."""
    server, thread = start_server(tmp_path / "kept")
    token = server.token(user="eve")
    jti = jwt.decode(token, options={"verify_signature": False})["jti"]
    with server.admin() as admin:
        admin.post("/api/admin/revocations", json={"jti": jti})
    thread.stop()
    server, thread = start_server(tmp_path / "kept")
    with server.client(token) as eve:
        assert eve.get("/api/user/profile").status_code == 401
    thread.stop()
