"""Rules of the house that no linter knows."""

import ast
import re
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings
from django.db import transaction

from tests.network import NetworkInTransactionError

ROOT: Path = settings.BASE_DIR
APPS = (
    "accounts",
    "analytics",
    "api",
    "cart",
    "catalog",
    "checkout",
    "common",
    "config",
    "coupons",
    "delivery",
    "demo",
    "drill",
    "inventory",
    "notifications",
    "orders",
    "outbox",
    "payments",
    "points",
    "promotions",
    "reviews",
    "shop",
    "webhooks",
    "wishlist",
)
# Imports inside functions that cannot be elsewhere.
LATE_IMPORTS = {"outbox/apps.py"}
LONGEST_FILE = 500
LONGEST_FUNCTION = 60
WRITES_SQL = re.compile(
    r"\b(?:INSERT INTO|DELETE FROM|(?<!KEY )(?<!DO )UPDATE(?: ONLY)?)\s+"
    r'"?([a-z]+)_[a-z]+\b'
)
WRITES_ORM = {
    "abulk_create",
    "bulk_create",
    "bulk_update",
    "create",
    "delete",
    "get_or_create",
    "update",
    "update_or_create",
}
Function = ast.FunctionDef | ast.AsyncFunctionDef


def _sources(*folders: str) -> list[Path]:
    return [
        path
        for folder in folders
        for path in sorted((ROOT / folder).rglob("*.py"))
        if "migrations" not in path.parts
    ]


def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


def _place(path: Path, node: ast.AST) -> str:
    return f"{path.relative_to(ROOT)}:{getattr(node, 'lineno', 1)}"


def _app(path: Path) -> str:
    return path.relative_to(ROOT).parts[0]


# --- The rules, each as a function that yields what breaks it ------------------------


def strong_locks(tree: ast.Module) -> Iterator[ast.AST]:
    """Yield each ``select_for_update`` that would block inserts by foreign key."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        if getattr(node.func, "attr", "") != "select_for_update":
            continue
        given = {keyword.arg: keyword.value for keyword in node.keywords}
        if not _is_true(given.get("no_key")):
            yield node


def _is_true(value: ast.expr | None) -> bool:
    return isinstance(value, ast.Constant) and value.value is True


def foreign_sql(tree: ast.Module, app: str) -> Iterator[ast.AST]:
    """Yield strings with SQL that writes another app's table."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            owners = set(WRITES_SQL.findall(node.value))
            if owners & set(APPS) - {app}:
                yield node


def foreign_writes(tree: ast.Module, app: str) -> Iterator[ast.AST]:
    """Yield calls such as ``Order.objects.filter(…).update(…)`` in another app."""
    foreign = {
        alias.asname or alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module is not None
        for owner, _dot, module in [node.module.partition(".")]
        if module == "models" and owner in APPS and owner != app
        for alias in node.names
    }
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
            continue
        if node.func.attr in WRITES_ORM and _root(node.func) in foreign:
            yield node


def _root(node: ast.expr) -> str:
    """Return the name that a chain of attributes and calls begins with."""
    while isinstance(node, ast.Attribute | ast.Call | ast.Subscript):
        node = node.func if isinstance(node, ast.Call) else node.value
    return node.id if isinstance(node, ast.Name) else ""


def late_imports(tree: ast.Module) -> Iterator[ast.AST]:
    """Yield imports of our own modules inside functions."""
    for function in _functions(tree):
        for node in ast.walk(function):
            names: list[str] = []
            if isinstance(node, ast.ImportFrom):
                names = [node.module or "."]
            elif isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            if any(name.partition(".")[0] in {*APPS, ""} for name in names):
                yield node


def _functions(tree: ast.Module) -> Iterator[Function]:
    for node in ast.walk(tree):
        if isinstance(node, Function):
            yield node


# --- The rules hold ------------------------------------------------------------------


def test_every_row_lock_lets_foreign_keys_through() -> None:
    broken = [
        _place(path, node)
        for path in _sources(*APPS)
        for node in strong_locks(_tree(path))
    ]

    assert broken == []


def test_app_writes_only_its_own_tables() -> None:
    # A demonstration and a drill are made of everybody's tables.
    broken = [
        _place(path, node)
        for path in _sources(*(app for app in APPS if app not in {"demo", "drill"}))
        for rule in (foreign_sql, foreign_writes)
        for node in rule(_tree(path), _app(path))
    ]

    assert broken == []


@pytest.mark.parametrize("app", APPS)
def test_app_says_in_one_sentence_what_it_owns(app: str) -> None:
    sentence = ast.get_docstring(_tree(ROOT / app / "__init__.py"))

    assert sentence is not None
    assert re.fullmatch(r"[A-Z][^.\n]*\.", sentence), sentence


def test_apps_are_all_there_are() -> None:
    packages = {path.parent.name for path in ROOT.glob("*/__init__.py")}

    assert packages - {"audit", "benchmarks", "contract", "deploy", "tests"} == set(
        APPS
    )


def test_our_modules_are_imported_at_the_top() -> None:
    broken = [
        _place(path, node)
        for path in _sources(*APPS)
        if str(path.relative_to(ROOT)) not in LATE_IMPORTS
        for node in late_imports(_tree(path))
    ]

    assert broken == []


def test_files_and_functions_are_short() -> None:
    long_files, long_functions = [], []
    for path in _sources(*APPS, "audit", "benchmarks", "bin", "contract", "tests"):
        if len(path.read_text().splitlines()) > LONGEST_FILE:
            long_files.append(str(path.relative_to(ROOT)))
        for function in _functions(_tree(path)):
            length = (function.end_lineno or 0) - function.lineno + 1
            if length > LONGEST_FUNCTION:
                long_functions.append(f"{_place(path, function)}: {length} lines")

    assert (long_files, long_functions) == ([], [])


# --- The rules bite ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "count"),
    [
        ("Order.objects.select_for_update()", 1),
        ("Order.objects.select_for_update(no_key=False)", 1),
        ("Order.objects.select_for_update(skip_locked=True)", 1),
        ("Order.objects.select_for_update(no_key=True, skip_locked=True)", 0),
    ],
)
def test_strong_locks_are_found(source: str, count: int) -> None:
    assert len(list(strong_locks(ast.parse(source)))) == count


@pytest.mark.parametrize(
    ("source", "count"),
    [
        ("sql = 'INSERT INTO orders_order (id) VALUES (1)'", 1),
        ("sql = f'''WITH a AS (UPDATE inventory_stock SET x = {y})'''", 1),
        ("sql = 'DELETE FROM \"points_ledgerentry\"'", 1),
        ("sql = 'SELECT 1 FROM orders_order FOR NO KEY UPDATE'", 0),
        ("sql = 'INSERT INTO cart_cart (id) VALUES (1) ON CONFLICT DO UPDATE'", 0),
        ("from orders.models import Order\nOrder.objects.filter(pk=1).update(x=1)", 1),
        ("from orders.models import Order as O\nO.objects.create(x=1)", 1),
        ("from orders.models import Order\nOrder.objects.filter(pk=1).first()", 0),
        ("from cart.models import Cart\nCart.objects.all().delete()", 0),
        ("from orders.models import Order\nfresh = {}\nfresh.update(x=1)", 0),
    ],
)
def test_writes_to_foreign_tables_are_found(source: str, count: int) -> None:
    tree = ast.parse(source)

    found = [*foreign_sql(tree, "cart"), *foreign_writes(tree, "cart")]

    assert len(found) == count


@pytest.mark.parametrize(
    ("source", "count"),
    [
        ("def f():\n    from orders import services", 1),
        ("async def f():\n    import orders.models", 1),
        ("class A:\n    def f(self):\n        from . import errors", 1),
        ("def f():\n    import json", 0),
        ("from orders import services", 0),
    ],
)
def test_late_imports_are_found(source: str, count: int) -> None:
    assert len(list(late_imports(ast.parse(source)))) == count


@pytest.mark.django_db
def test_network_in_a_transaction_is_found() -> None:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()

        with (
            transaction.atomic(),
            pytest.raises(NetworkInTransactionError),
            socket.create_connection(server.getsockname()),
        ):
            pytest.fail("it was let through")

        # Not the transaction the test itself runs in, though.
        with socket.create_connection(server.getsockname()):
            pass
