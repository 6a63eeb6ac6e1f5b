"""The syntax tree of a Lua text, and what is read off its nodes."""

from __future__ import annotations

import re
from collections.abc import Iterator

import tree_sitter_lua
from tree_sitter import Language, Node, Parser

_PARSER = Parser(Language(tree_sitter_lua.language()))

_ESCAPE = re.compile(r"\\(?:z\s*|x[0-9A-Fa-f]{2}|\d{1,3}|u\{[0-9A-Fa-f]+\}|\r?\n|.)", re.S)
_SIMPLE = {"n": "\n", "t": "\t", "r": "\r", "a": "\a", "b": "\b", "f": "\f", "v": "\v"}


def parse(text: str) -> Node:
    """Returns the root of the tree; where the text is not Lua, the tree has nodes of type ERROR."""
    return _PARSER.parse(text.encode("utf-8", "surrogatepass")).root_node


def text_of(node: Node | None) -> str:
    """Returns the source of a node; empty for none."""
    return "" if node is None or node.text is None else node.text.decode("utf-8", "replace")


def named(node: Node | None) -> list[Node]:
    """Returns the named children of a node, comments left out."""
    return [] if node is None else [child for child in node.named_children if child.type != "comment"]


def unwrapped(node: Node) -> Node:
    """Returns an expression without the parentheses around it."""
    while node.type == "parenthesized_expression" and named(node):
        node = named(node)[0]
    return node


def string_value(node: Node | None) -> str | None:
    """Returns the text of a string literal; None for anything else."""
    if node is None or (node := unwrapped(node)).type != "string":
        return None
    content = text_of(node.child_by_field_name("content"))
    return content if text_of(node).startswith("[") else _ESCAPE.sub(_unescaped, content)


def _unescaped(match: re.Match[str]) -> str:
    body = match[0][1:]
    if body.startswith("z"):
        return ""
    if body.startswith(("x", "u")):
        return chr(min(int(body.strip("xu{}"), 16), 0x10FFFF))
    if body.isdigit():
        return chr(int(body))
    return _SIMPLE.get(body, body)


def key_of_field(node: Node) -> str | None:
    """Returns the name of a field of a table constructor; None for one without, or with a computed one."""
    name = node.child_by_field_name("name")
    is_plain = name is not None and name.type == "identifier" and not text_of(node).startswith("[")
    return text_of(name) if is_plain else string_value(name)


def operator_of(node: Node) -> str:
    """Returns the operator of a binary or unary expression."""
    return text_of(node.child_by_field_name("operator")) or node.children[0].type


def operands(node: Node) -> Iterator[Node]:
    """Yields the operands of a chain of one binary operator, left to right, however long it is."""
    operator = operator_of(node)
    waiting = [node]
    while waiting:
        inner = waiting.pop()
        if inner.type == "binary_expression" and operator_of(inner) == operator:
            sides = (inner.child_by_field_name("right"), inner.child_by_field_name("left"))
            waiting += [side for side in sides if side is not None]
        else:
            yield inner


def comments(root: Node) -> Iterator[Node]:
    """Yields every comment of a text."""
    waiting = [root]
    while waiting:
        node = waiting.pop()
        if node.type == "comment":
            yield node
        else:
            waiting += reversed(node.children)
