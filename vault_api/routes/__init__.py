"""The HTTP surface of ``docs/http.md``: each route parses, calls a service, and renders.

A client builds the validators of those wire models that it uses, when it uses them (``defer_build``). A server needs
all of them, and before the first request: that is set here, before the routes look at the models.
"""

from protocol.wire import Wire


def _build(model: type[Wire]) -> None:
    model.model_config["defer_build"] = False
    model.model_rebuild()
    for narrower in model.__subclasses__():
        _build(narrower)


_build(Wire)
