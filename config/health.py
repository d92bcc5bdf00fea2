"""What a load balancer asks: are you alive, and can you do your work?"""

from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, JsonResponse

# Migrations are read from disk once: they cannot change under a running process.
_is_migrated = False


def livez(_request: HttpRequest) -> JsonResponse:
    """Answer as long as the process does; ask nobody else."""
    return JsonResponse({"status": "ok"})


def readyz(_request: HttpRequest) -> JsonResponse:
    """Answer 200 if the database answers and knows this code's tables, else 503."""
    try:
        problem = _problem()
    except DatabaseError:
        problem = "the database does not answer"
    if problem:
        return JsonResponse({"status": "unready", "reason": problem}, status=503)
    return JsonResponse({"status": "ok"})


def _problem() -> str:
    global _is_migrated  # noqa: PLW0603 — once true, it stays true
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    if not _is_migrated:
        executor = MigrationExecutor(connection)
        if executor.migration_plan(executor.loader.graph.leaf_nodes()):
            return "migrations are pending"
        _is_migrated = True
    return ""
