"""Readiness of a server process, for `/readyz` and the metrics."""

from rtdash.server.services import Services


def list_problems(services: Services) -> list[str]:
    """Return why the process can't serve; empty where it can."""
    problems = [f"the task {name} has died" for name in services.tasks.dead]
    if fault := services.database.fault:
        problems.append(f"the store can't be used: {fault}")
    if services.is_stopping or services.connection_manager.drain_left_s is not None:
        problems.append("the server is ending")
    return problems
