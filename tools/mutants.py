"""What a mutant changes, and whether that is more than the text of a message: judged by the syntax tree alone.

A *label* is a parameter whose value goes nowhere but into messages: into the template or the facts of an error, into
a label of another function, or into an attribute ``what`` (of those that nothing reads, ``what`` alone). A mutant is a
text of a message if all that it changes lies in the template or the facts of an error's constructor, or in what is
handed to a label. The code of an error is no text: whoever gets the error may act on it.
"""

from __future__ import annotations

import ast
import difflib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import pairwise

from protocol.errors import FAULTS

_NAME = re.compile(r"x(?:_|ǁ(?P<owner>.+)ǁ)(?P<function>.+)__mutmut_(?P<number>orig|\d+)")
ERRORS = frozenset(kind.__name__ for kind in FAULTS.values())
Pair = tuple[ast.AST, ast.AST]


@dataclass(frozen=True)
class Mutant:
    """One changed function: mutmut's name for it, whose it is, and the lines before and after."""

    name: str
    function: str
    before: str
    after: str
    text: bool

    def diff(self) -> str:
        return f"{self.name}\n  - {self.before}\n  + {self.after}"


@dataclass
class Signature:
    """A function or a method of ours: its parameters without ``self``, and which of them are labels.

    ``uses``: where each parameter is read, as the nodes around it from the inside out, up to the statement.
    """

    positional: list[str]
    optional: frozenset[str]
    labels: set[str]
    uses: dict[str, list[list[ast.AST]]]

    @classmethod
    def of(cls, node: ast.FunctionDef, *, method: bool) -> Signature:
        names = [argument.arg for argument in (*node.args.posonlyargs, *node.args.args)]
        keywords = [argument.arg for argument in node.args.kwonlyargs]
        defaults = names[len(names) - len(node.args.defaults) :]
        for name, default in zip(keywords, node.args.kw_defaults, strict=True):
            defaults += [name] if default is not None else []
        bound = method and not any(isinstance(d, ast.Name) and d.id == "staticmethod" for d in node.decorator_list)
        positional = names[1:] if bound else names
        uses = _uses(node, {*positional, *keywords})
        labels = {name for name in (*positional, *keywords) if name in uses or name.lstrip("_") == "what"}
        return cls(positional, frozenset(defaults), labels, uses)

    def takes(self, slot: int | str) -> str | None:
        """The parameter that a positional or a named argument goes to."""
        if isinstance(slot, str):
            return slot
        return self.positional[slot] if slot < len(self.positional) else None


@dataclass
class Labels:
    """The labels of all functions and methods of some modules; calls are resolved by name alone."""

    modules: frozenset[str] = frozenset()
    functions: dict[str, list[Signature]] = field(default_factory=dict)
    methods: dict[str, list[Signature]] = field(default_factory=dict)

    @classmethod
    def of(cls, modules: Mapping[str, ast.Module]) -> Labels:
        labels = cls(frozenset(modules))
        for node in (node for module in modules.values() for node in module.body):
            if isinstance(node, ast.FunctionDef):
                labels.functions.setdefault(node.name, []).append(Signature.of(node, method=False))
            elif isinstance(node, ast.ClassDef):
                labels._add_methods(node)
        while labels._strike():
            pass
        return labels

    def _add_methods(self, owner: ast.ClassDef) -> None:
        for node in owner.body:
            if isinstance(node, ast.FunctionDef):
                kind, name = (self.functions, owner.name) if node.name == "__init__" else (self.methods, node.name)
                kind.setdefault(name, []).append(Signature.of(node, method=True))

    def _strike(self) -> bool:
        """Strike the parameters that are used for something else; whether any was."""
        struck = False
        for signature in self._all():
            used = {
                name for name in signature.labels if not all(map(self._goes_into_text, signature.uses.get(name, [])))
            }
            signature.labels -= used
            struck = struck or bool(used)
        return struck

    def _all(self) -> Iterator[Signature]:
        for kind in (self.functions, self.methods):
            for signatures in kind.values():
                yield from signatures

    def _goes_into_text(self, use: list[ast.AST]) -> bool:
        for node, parent in pairwise(use):
            if isinstance(parent, ast.Call) and (slot := slot_of(parent, node)) is not None and self.hold(parent, slot):
                return True
        targets = use[-1].targets if isinstance(use[-1], ast.Assign) else []
        return bool(targets) and all(isinstance(to, ast.Attribute) and to.attr == "what" for to in targets)

    def hold(self, call: ast.Call, slot: int | str) -> bool:
        """Whether this argument of ``call`` is nothing but text."""
        if isinstance(call.func, ast.Name) and call.func.id in ERRORS:
            return slot != 0
        signatures = self._called(call)
        return bool(signatures) and all(signature.takes(slot) in signature.labels for signature in signatures)

    def may_lack(self, call: ast.Call, name: str) -> bool:
        """Whether ``call`` may be made without the argument ``name``, which is nothing but text."""
        if isinstance(call.func, ast.Name) and call.func.id in ERRORS:
            return True
        return self.hold(call, name) and all(name in signature.optional for signature in self._called(call))

    def _called(self, call: ast.Call) -> list[Signature]:
        """What a call may be of: all functions of that name, or methods, that take as many arguments."""
        found: list[Signature] = []
        if isinstance(call.func, ast.Name):
            found = self.functions.get(call.func.id, [])
        elif isinstance(call.func, ast.Attribute):
            owner, name = call.func.value, call.func.attr
            # A variable may be called as a module is: then both the function and the methods of that name are meant.
            found = self.functions.get(name, []) if isinstance(owner, ast.Name) and owner.id in self.modules else []
            found = found + self.methods.get(name, [])
        return [signature for signature in found if len(call.args) <= len(signature.positional)]

    def is_text(self, path: list[Pair]) -> bool:
        """Whether the difference at the end of ``path`` lies in text, or is a text left out."""
        for (node, changed), (inner, _) in zip(path, [*path[1:], (None, None)], strict=True):
            if not isinstance(node, ast.Call) or not isinstance(changed, ast.Call):
                continue
            slot = slot_of(node, inner) if inner else None
            if slot is not None and self.hold(node, slot):
                return True
            if inner is None and (lost := lost_keyword(node, changed)) is not None:
                return self.may_lack(node, lost)
        return False


def _uses(function: ast.FunctionDef, names: set[str]) -> dict[str, list[list[ast.AST]]]:
    above = {child: node for node in ast.walk(function) for child in ast.iter_child_nodes(node)}
    found: dict[str, list[list[ast.AST]]] = {}
    for node in ast.walk(function):
        if isinstance(node, ast.Name) and node.id in names:
            use: list[ast.AST] = [node]
            while not isinstance(use[-1], ast.stmt):
                use.append(above[use[-1]])
            found.setdefault(node.id, []).append(use)
    return found


def slot_of(call: ast.Call, argument: ast.AST) -> int | str | None:
    """Where ``argument`` stands in ``call``: its position, its name, or nowhere that can be told."""
    if isinstance(argument, ast.keyword):
        return argument.arg if argument in call.keywords else None
    for position, given in enumerate(call.args):
        if isinstance(given, ast.Starred):
            return None
        if given is argument:
            return position
    return None


def lost_keyword(call: ast.Call, changed: ast.Call) -> str | None:
    """The name of the one keyword argument that ``changed`` lacks, where that is the only difference."""
    for gone in call.keywords:
        left = ast.Call(call.func, call.args, [given for given in call.keywords if given is not gone])
        if ast.dump(left) == ast.dump(changed):
            return gone.arg
    return None


def difference(one: ast.AST, other: ast.AST) -> list[Pair]:
    """From the outside in the pairs of nodes that differ; the last pair holds the whole difference."""
    path = [(one, other)]
    while len(pairs := _unequal(*path[-1])) == 1:
        path += pairs
    return path


def _unequal(one: ast.AST, other: ast.AST) -> list[Pair]:
    """The children in which two nodes of one kind differ; nothing where they do not match child by child."""
    ours, theirs = list(ast.iter_child_nodes(one)), list(ast.iter_child_nodes(other))
    if type(one) is not type(other) or len(ours) != len(theirs):
        return []
    if [type(child) for child in ours] != [type(child) for child in theirs] and not _same_fields(one, other):
        return []
    return [(a, b) for a, b in zip(ours, theirs, strict=True) if ast.dump(a) != ast.dump(b)]


def _same_fields(one: ast.AST, other: ast.AST) -> bool:
    """Whether each field of both holds as many nodes, so that children stand opposite each other."""

    def sizes(node: ast.AST) -> list[int]:
        values = [value for _, value in ast.iter_fields(node)]
        return [len(value) if isinstance(value, list) else -1 for value in values]

    return sizes(one) == sizes(other)


def read(generated: str, module: str, labels: Labels) -> list[Mutant]:
    """The mutants in a file that mutmut generated for ``module``."""
    tree, lines = ast.parse(generated), generated.splitlines()
    functions = {node.name: node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}
    found = []
    for name, node in functions.items():
        match = _NAME.fullmatch(name)
        if match is None or match["number"] == "orig":
            continue
        original = functions[name[: match.start("number")] + "orig"]
        owner = f"{match['owner']}.{match['function']}" if match["owner"] else match["function"]
        before, after = changed_lines(*(_source(lines, side) for side in (original, node)))
        text = labels.is_text(difference(original, node))
        found.append(Mutant(f"protocol.{module}.{name}", owner, before, after, text))
    return found


def _source(lines: list[str], function: ast.FunctionDef | ast.AsyncFunctionDef) -> list[str]:
    """The lines of a function, without the space around each and without mutmut's name for it."""
    own = [line.strip() for line in lines[function.lineno - 1 : function.end_lineno]]
    return [own[0].replace(function.name, "", 1), *own[1:]]


def changed_lines(ours: list[str], theirs: list[str]) -> tuple[str, str]:
    """The lines that a change takes away, and those that it brings."""
    moves = difflib.SequenceMatcher(a=ours, b=theirs, autojunk=False).get_opcodes()
    gone = [line for what, low, high, _, _ in moves for line in ours[low:high] if what != "equal"]
    come = [line for what, _, _, low, high in moves for line in theirs[low:high] if what != "equal"]
    return " ".join(gone), " ".join(come)
