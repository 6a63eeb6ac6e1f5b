"""Walks the statements of one file: which names there are, and what they hold."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from tree_sitter import Node

from voxruntime.check.expressions import Expressions
from voxruntime.check.knowledge import Key, Knowledge, key_of, own_function
from voxruntime.check.model import ApiModel
from voxruntime.check.scopes import Scopes
from voxruntime.check.syntax import named, text_of
from voxruntime.check.types import ANY, NIL, Field, Named, Type

_BLOCKS = {"block", "chunk"}


class Statements:
    """One walk over one file.

    Args:
        file: Its name, as messages show it.
    """

    def __init__(self, file: str, knowledge: Knowledge, model: ApiModel) -> None:
        self._file = file
        self._knowledge = knowledge
        self._scopes = Scopes()
        self._values = Expressions(file, knowledge, model, self._scopes, self.function_body)
        self._results: list[Key] = [("result", file)]
        self._kinds: dict[str, Callable[[Node], None]] = {
            "variable_declaration": self._local,
            "assignment_statement": self._assignment,
            "function_declaration": self._function,
            "return_statement": self._return,
            "for_statement": self._for,
            "repeat_statement": self._repeat,
        }

    def chunk(self, root: Node) -> None:
        """Walks a whole file."""
        with self._scopes.inner():
            self._block(root)

    def function_body(self, node: Node, parameters: Sequence[Field], owner: Type | None = None) -> None:
        """Walks the body of a function.

        Args:
            node: The function, declared or not.
            parameters: What is known of its parameters.
            owner: What `self` is in a method.
        """
        key = key_of("result", self._file, node)
        with self._scopes.inner():
            if owner is not None:
                self_key = key_of("self", self._file, node)
                self._scopes.declare("self", self_key)
                self._knowledge.note(self_key, owner)
            names = [
                child for child in named(node.child_by_field_name("parameters")) if child.type == "identifier"
            ]
            for at, name in enumerate(names):
                parameter = self._declare_key(name)
                if at < len(parameters):
                    self._knowledge.note(parameter, parameters[at].type)
            self._results.append(key)
            body = node.child_by_field_name("body")
            if body is not None:
                self._block(body)
            self._results.pop()

    def _block(self, node: Node) -> None:
        for child in named(node):
            self._statement(child)

    def _statement(self, node: Node) -> None:
        handler = self._kinds.get(node.type)
        if handler is not None:
            handler(node)
        elif node.type in _BLOCKS:
            with self._scopes.inner():
                self._block(node)
        elif node.type == "function_call":
            self._values.value(node)
        elif node.type in (
            "do_statement",
            "while_statement",
            "if_statement",
            "elseif_statement",
            "else_statement",
        ):
            for child in named(node):
                if child.type in _BLOCKS or child.type.endswith("_statement"):
                    self._statement(child)
                else:
                    self._values.value(child)

    def _declare_key(self, name: Node) -> Key:
        key = key_of("local", self._file, name)
        self._scopes.declare(text_of(name), key)
        return key

    def _local(self, node: Node) -> None:
        inner = named(node)[0]
        targets = inner if inner.type == "variable_list" else named(inner)[0]
        values = named(inner)[1] if inner.type == "assignment_statement" else None
        names = [child for child in named(targets) if child.type == "identifier"]
        kinds = self._values.values(named(values), len(names)) if values is not None else [NIL] * len(names)
        for name, kind in zip(names, kinds, strict=True):
            self._knowledge.note(self._declare_key(name), kind)

    def _assignment(self, node: Node) -> None:
        targets, values = named(node)
        kinds = self._values.values(named(values), len(named(targets)))
        for target, kind in zip(named(targets), kinds, strict=True):
            self._values.assign(target, kind)

    def _function(self, node: Node) -> None:
        name = node.child_by_field_name("name")
        assert name is not None
        own = own_function(self._file, node)
        is_local = any(child.type == "local" for child in node.children)
        owner: Type | None = None
        if is_local:
            self._knowledge.note(self._declare_key(name), own)
        else:
            owner = self._values.assign(name, own)
        self.function_body(
            node,
            self._values.parameters_of(own),
            (owner or ANY) if name.type == "method_index_expression" else None,
        )

    def _return(self, node: Node) -> None:
        listed = [child for child in named(node) if child.type == "expression_list"]
        kinds = self._values.values(named(listed[0]), 1) if listed else [NIL]
        self._knowledge.note(self._results[-1], kinds[0])

    def _for(self, node: Node) -> None:
        clause = node.child_by_field_name("clause")
        assert clause is not None
        with self._scopes.inner():
            if clause.type == "for_numeric_clause":
                for part in ("start", "end", "step"):
                    if (bound := clause.child_by_field_name(part)) is not None:
                        self._values.value(bound)
                name = clause.child_by_field_name("name")
                assert name is not None
                self._knowledge.note(self._declare_key(name), Named("number"))
            else:
                names, values = named(clause)
                self._values.values(named(values), 1)
                for name in named(names):
                    self._knowledge.note(self._declare_key(name), None)
            body = node.child_by_field_name("body")
            if body is not None:
                self._block(body)

    def _repeat(self, node: Node) -> None:
        # The condition sees the names of the body.
        with self._scopes.inner():
            for child in named(node):
                if child.type in _BLOCKS:
                    self._block(child)
                else:
                    self._values.value(child)
