"""What a load balancer asks: are you alive, and can you do your work?"""

from collections.abc import Callable

from django.conf import settings
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, HttpResponse, JsonResponse
from redis.exceptions import RedisError

from common.cache import redis_client, redis_failed, redis_is_due

View = Callable[[HttpRequest], HttpResponse]
PATHS = {"/livez", "/healthz", "/readyz", "/metrics"}

# Migrations are read from disk once: they cannot change under a running process.
_is_migrated = False


def livez(_request: HttpRequest) -> JsonResponse:
    """Answer as long as the process does; ask nobody else."""
    return JsonResponse({"status": "ok"})


def readyz(_request: HttpRequest) -> JsonResponse:
    """Answer 200 if the database answers and knows this code's tables, else 503.

    Without Redis the shop is slower and does its work: it is ready, and says so.
    """
    try:
        problem = _problem()
    except DatabaseError:
        problem = "the database does not answer"
    if problem:
        return JsonResponse({"status": "unready", "reason": problem}, status=503)
    return JsonResponse({"status": "ok", "redis": _redis()})


def _redis() -> str:
    if not redis_is_due():
        return "away"
    try:
        redis_client(settings.REDIS_URL).ping()
    except RedisError as error:
        redis_failed(error)
        return "away"
    return "ok"


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


class MachinesMiddleware:
    """Lets machines ask by number: they know processes, not the name of the shop."""

    def __init__(self, get_response: View) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.path_info in PATHS and settings.ALLOWED_HOSTS:
            name = settings.ALLOWED_HOSTS[0].lstrip(".*")
            request.META["HTTP_HOST"] = name or "localhost"
        return self.get_response(request)
