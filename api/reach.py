"""What a view can end in, read from the code that it runs.

The errors of an operation are found by following the calls of its method through the
shop's own functions, so that the description names the codes that can really occur, and
names a new one on the day it is raised. Calls of methods of what a variable holds are
not seen: ``operation(codes=…)`` adds what only those raise.
"""

import ast
import inspect
import re
import types
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.http import Http404
from rest_framework.exceptions import APIException

from common.errors import DomainError

ERRORS = (DomainError, APIException, Http404, PermissionDenied)
Caught = frozenset[type[BaseException]]
Function = types.FunctionType


@dataclass(frozen=True, slots=True)
class Reach:
    """The errors that a method can end in, and every function on the way."""

    errors: frozenset[type[Exception]]
    functions: frozenset[Function]
    has_location: bool

    def uses(self, *functions: Any) -> bool:
        """Tell whether one of these functions may be called."""
        return any(inspect.unwrap(found) in self.functions for found in functions)


@dataclass(frozen=True, slots=True)
class Use:
    """A thing that a function names, and what is caught around it."""

    thing: Any
    is_error: bool
    caught: Caught


@cache
def reach(view: type, method: str) -> Reach:
    """Follow a view's method through all that it calls."""
    errors: set[type[Exception]] = set()
    seen: set[tuple[Function, Caught]] = set()
    has_location = False
    entrances = [
        getattr(view, name, None) for name in ("initial", "get_permissions", method)
    ]
    ahead: list[tuple[Function, Caught]] = [
        (found, frozenset()) for found in map(_first_party, entrances) if found
    ]
    while ahead:
        here = ahead.pop()
        if here in seen:
            continue
        seen.add(here)
        function, outer = here
        uses, says_location = _read(function, view if _is_method(function) else None)
        has_location |= says_location
        for use in uses:
            caught = outer | use.caught
            if use.is_error and not issubclass(use.thing, tuple(caught)):
                errors.add(use.thing)
            elif isinstance(use.thing, Function):
                ahead.append((use.thing, caught))
    functions = frozenset(function for function, _ in seen)
    return Reach(frozenset(errors), functions, has_location)


def words_of(error: type[Exception]) -> str:
    """Return what an error says, unless it depends on the case."""
    if issubclass(error, APIException):
        return str(error.default_detail)
    for call in _own_calls(error):
        for node in ast.walk(call.args[0]) if call.args else ():
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                return "" if re.search(r"[{%]", node.value) else node.value
    return ""


def extras_of(error: type[Exception]) -> list[str]:
    """Return the names of the numbers that an error's problem has besides."""
    return [
        word.arg for call in _own_calls(error) for word in call.keywords if word.arg
    ]


def _is_method(function: Function) -> bool:
    return function.__code__.co_varnames[:1] == ("self",)


@cache
def _read(function: Function, view: type | None) -> tuple[list[Use], bool]:
    reader = _Reader(function, view)
    return reader.uses, reader.has_location


class _Reader:
    """Finds what one function names: errors that it makes, functions that it calls."""

    def __init__(self, function: Function, view: type | None) -> None:
        self.function, self.view = function, view

    @cached_property
    def node(self) -> ast.AST | None:
        return _node_of(self.function)

    @property
    def uses(self) -> list[Use]:
        body = getattr(self.node, "body", ())
        return [use for part in body for use in self._walk(part, frozenset())]

    @property
    def has_location(self) -> bool:
        """Tell whether it says where something new is."""
        if self.node is None or self.function.__module__ == "api.idempotency":
            return False
        return any(
            isinstance(part, ast.keyword) and part.arg == "location"
            for part in ast.walk(self.node)
        )

    def _walk(self, node: ast.AST, caught: Caught) -> Iterator[Use]:
        if isinstance(node, ast.Try):
            yield from self._walk_try(node, caught)
            return
        if isinstance(node, ast.Name | ast.Attribute) and isinstance(
            node.ctx, ast.Load
        ):
            thing = self._resolve(node)
            if (found := _first_party(thing)) is not None:
                yield Use(found, is_error=False, caught=caught)
        for made in _made(node):
            thing = self._resolve(made)
            # A table of errors may end in any of them.
            kinds = thing.values() if isinstance(thing, dict) else [thing]
            for kind in filter(_is_error, kinds):
                yield Use(kind, is_error=True, caught=caught)
        for child in ast.iter_child_nodes(node):
            yield from self._walk(child, caught)

    def _walk_try(self, node: ast.Try, caught: Caught) -> Iterator[Use]:
        inside = caught.union(*map(self._caught_by, node.handlers))
        for child in node.body:
            yield from self._walk(child, inside)
        # What is listed after "except" is caught, not raised.
        handled = [child for handler in node.handlers for child in handler.body]
        for outside in (*handled, *node.orelse, *node.finalbody):
            yield from self._walk(outside, caught)

    def _caught_by(self, handler: ast.ExceptHandler) -> Caught:
        is_raised_again = any(
            _passes_on(inner, handler.name) for inner in ast.walk(handler)
        )
        if is_raised_again or handler.type is None:
            return frozenset()
        listed = (
            handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
        )
        found = map(self._resolve, listed)
        return frozenset(
            kind
            for kind in found
            if isinstance(kind, type) and issubclass(kind, BaseException)
        )

    def _resolve(self, node: ast.AST) -> Any:
        """Return what a name stands for outside the function, if anything."""
        if isinstance(node, ast.Name):
            if node.id == "self":
                return self.view
            return self.function.__globals__.get(node.id)
        if not isinstance(node, ast.Attribute):
            return None
        if _is_super(node.value):
            return self._inherited(node.attr)
        owner = self._resolve(node.value)
        if owner is None or isinstance(owner, str | dict):
            return None
        return _attribute(owner, node.attr)

    def _inherited(self, name: str) -> Any:
        if self.view is None:
            return None
        owners = [
            kind
            for kind in self.view.__mro__
            if _first_party(vars(kind).get(self.function.__name__)) is self.function
        ]
        for kind in (
            self.view.__mro__[self.view.__mro__.index(owners[0]) + 1 :]
            if (owners)
            else ()
        ):
            if name in vars(kind):
                return vars(kind)[name]
        return None


def _attribute(owner: Any, name: str) -> Any:
    try:
        return getattr(owner, name, None)
    except Exception:  # noqa: BLE001 — a property of something that is only looked at
        return None


def _made(node: ast.AST) -> list[ast.expr]:
    """Return what a node raises, calls, hands over or looks into."""
    if isinstance(node, ast.Raise):
        if isinstance(node.exc, ast.IfExp):
            return [node.exc.body, node.exc.orelse]
        return [node.exc] if node.exc else []
    if isinstance(node, ast.Subscript):
        return [node.value]
    if not isinstance(node, ast.Call):
        return []
    if isinstance(node.func, ast.Name) and node.func.id in {"isinstance", "issubclass"}:
        return []
    looked_into = [node.func.value] if isinstance(node.func, ast.Attribute) else []
    return [node.func, *node.args, *looked_into]


def _is_error(thing: Any) -> bool:
    return isinstance(thing, type) and issubclass(thing, ERRORS)


def _passes_on(node: ast.AST, name: str | None) -> bool:
    """Tell whether a caught error goes on: raised again, returned, or handed over."""
    given: list[ast.expr | None] = []
    if isinstance(node, ast.Raise):
        if node.exc is None:
            return True
        given = [node.exc]
    elif isinstance(node, ast.Return):
        given = [node.value]
    elif isinstance(node, ast.Call):
        given = [*node.args]
    return any(isinstance(part, ast.Name) and part.id == name for part in given)


def _is_super(node: ast.AST) -> bool:
    return (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id == "super"
    )


def _first_party(thing: Any) -> Function | None:
    """Return the function behind a name, if its code is ours."""
    found: Callable[..., Any] = inspect.unwrap(getattr(thing, "__func__", thing))
    if isinstance(found, Function) and _is_ours(found.__code__.co_filename):
        return found
    return None


def _own_calls(error: type[Exception]) -> list[ast.Call]:
    """Return the calls by which an error's class makes its base class's part."""
    if not isinstance(made := error.__init__, Function):
        return []
    node = _node_of(made)
    return [
        part
        for part in (ast.walk(node) if node else ())
        if isinstance(part, ast.Call)
        and isinstance(part.func, ast.Attribute)
        and _is_super(part.func.value)
    ]


def _node_of(function: Function) -> ast.AST | None:
    code = function.__code__
    return _nodes(code.co_filename).get(code.co_firstlineno)


@cache
def _is_ours(filename: str) -> bool:
    path = Path(filename)
    inside = path.is_relative_to(settings.BASE_DIR)
    return inside and not path.relative_to(settings.BASE_DIR).parts[0].startswith(".")


@cache
def _nodes(filename: str) -> dict[int, ast.AST]:
    """Return the functions of a file by the line that they begin at."""
    tree = ast.parse(Path(filename).read_text())
    return {
        min([node.lineno, *(mark.lineno for mark in node.decorator_list)]): node
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }
