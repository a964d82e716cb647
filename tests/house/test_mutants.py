"""What counts as the text of a message in a mutation run, and that what is explained is still in the code."""

from __future__ import annotations

import ast
import json

import pytest

from tools import mutation
from tools.mutants import Labels, read

MODULE = """
class Fields:
    def __init__(self, value, what):
        self.value, self.what = value, ""
        self.what = what

    def count(self, name):
        if name not in self.value:
            raise self._type(name, "a count")
        return self.value[name]

    def _type(self, name, want):
        return Malformed("type", "{field}: expected {want}", field=f"{self.what}.{name}", want=want)

def length(value, want, what="value"):
    if len(value) != want:
        raise Malformed("length", "{what}: expected {want} bytes", what=what, want=want)

def too_late(at):
    return Denied("late", "it ended at {at}", at=at)

def parse(value):
    fields = Fields(value, "grant")
    length(value, 32, "grant")
    length(value, 32, what="grant")
    toy.length(value, 32, what="grant")
    late = fields.count("at") > 10
    if late:
        raise too_late(fields.count("at"))
"""
LABELS = Labels.of({"toy": ast.parse(MODULE)})


def judged(before: str, after: str) -> bool:
    """Whether the one mutant that turns the first line into the second is the text of a message."""
    assert before in MODULE
    functions = [
        f"def x_f__mutmut_{name}(value, name, want, what, at, fields, self):\n    {line}\n"
        for name, line in (("orig", before), ("1", after))
    ]
    (mutant,) = read("".join(functions), "toy", LABELS)
    assert (mutant.before, mutant.after, mutant.function) == (before, after, "f")
    return mutant.text


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('raise Malformed("length", "{what}: expected {want} bytes", what=what, want=want)', 'raise Malformed("length", None, what=what, want=want)'),
        ('raise Malformed("length", "{what}: expected {want} bytes", what=what, want=want)', 'raise Malformed("length", "{what}: expected {want} bytes", what=None, want=want)'),
        ('raise Malformed("length", "{what}: expected {want} bytes", what=what, want=want)', 'raise Malformed("length", "{what}: expected {want} bytes", want=want)'),
        ('raise self._type(name, "a count")', 'raise self._type(name, "XXa countXX")'),
        ('raise too_late(fields.count("at"))', "raise too_late(None)"),
        ('fields = Fields(value, "grant")', 'fields = Fields(value, "GRANT")'),
        ('length(value, 32, "grant")', "length(value, 32, None)"),
        ('length(value, 32, what="grant")', "length(value, 32)"),
        ('toy.length(value, 32, what="grant")', "toy.length(value, 32, what=None)"),
    ],
)  # fmt: skip
def test_a_change_that_only_a_message_shows_is_a_text(before: str, after: str) -> None:
    assert judged(before, after)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('raise Malformed("length", "{what}: expected {want} bytes", what=what, want=want)', 'raise Malformed("XXlengthXX", "{what}: expected {want} bytes", what=what, want=want)'),
        ('raise Malformed("length", "{what}: expected {want} bytes", what=what, want=want)', 'raise Malformed("{what}: expected {want} bytes", what=what, want=want)'),
        ('fields = Fields(value, "grant")', 'fields = Fields(None, "grant")'),
        ('fields = Fields(value, "grant")', "fields = None"),
        ('length(value, 32, "grant")', 'length(value, 33, "grant")'),
        ('length(value, 32, "grant")', 'length(32, "grant")'),
        ('late = fields.count("at") > 10', 'late = fields.count("AT") > 10'),
    ],
)  # fmt: skip
def test_a_change_that_a_caller_can_notice_is_no_text(before: str, after: str) -> None:
    assert not judged(before, after)


def test_a_parameter_that_decides_something_is_no_label() -> None:
    assert LABELS.functions["length"][0].labels == {"what"}
    assert LABELS.functions["Fields"][0].labels == {"what"}
    assert LABELS.methods["count"][0].labels == set()


def test_what_is_explained_stands_in_the_code() -> None:
    gone = []
    for module, rows in json.loads(mutation.EXPLAINED.read_text(encoding="utf-8")).items():
        source = " ".join((mutation.ROOT / "protocol" / f"{module}.py").read_text(encoding="utf-8").split())
        gone += [(module, row["from"]) for row in rows if " ".join(row["from"].split()) not in source]
        assert all(row["why"].strip() and row["to"] for row in rows)
    assert gone == []


@pytest.mark.parametrize("module", mutation.TESTS)
def test_every_module_of_the_run_has_its_tests(module: str) -> None:
    assert mutation.tests_of(module)
    assert [name for name in mutation.tests_of(module) if not (mutation.ROOT / name).is_file()] == []
