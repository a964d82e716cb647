"""Routes that are worked out when they are first asked for.

FastAPI reads the signature of every endpoint, and of all that it depends on, and builds validators of what goes in and
out when a route is declared: a tenth of a start, for routes most of which a process does not see in its first second.
What is needed to find a route (its path and its methods) is known at once; the rest is made when somebody looks.
``/openapi.json`` looks at all of them.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from fastapi import APIRouter
from fastapi.routing import APIRoute
from starlette.routing import compile_path

_making = threading.RLock()


class Late(APIRoute):
    """A route that is found by its path and method, and worked out by the first look at anything else of it."""

    def __init__(self, path: str, endpoint: Callable[..., Any], **given: Any) -> None:
        self.path, self.endpoint = path, endpoint
        self.name = given["name"] or endpoint.__name__
        self.methods = {method.upper() for method in given["methods"]}
        self.path_regex, self.path_format, self.param_convertors = compile_path(path)
        self._given: dict[str, Any] = given

    def __getattr__(self, name: str) -> Any:
        """Only what is missing comes here: once what was given is used up, there is nothing more to be found."""
        with _making:
            given = self.__dict__.pop("_given", None)
            if given is not None:
                super().__init__(self.path, self.endpoint, **given)
        try:
            return self.__dict__[name]
        except KeyError:
            raise AttributeError(name) from None


def late_router(prefix: str = "", *, in_schema: bool = True) -> APIRouter:
    """A router whose routes are late."""
    return APIRouter(prefix=prefix, include_in_schema=in_schema, route_class=Late)
