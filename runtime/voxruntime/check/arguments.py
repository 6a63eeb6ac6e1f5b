"""Tables of parameters, written where they are passed: names, what must be there, and older shapes."""

from __future__ import annotations

from tree_sitter import Node

from voxruntime.check.findings import Rule
from voxruntime.check.knowledge import Knowledge
from voxruntime.check.model import ApiModel
from voxruntime.check.nearest import nearest
from voxruntime.check.syntax import key_of_field, named, unwrapped
from voxruntime.check.types import Field, Named, Record, Type, options_of

_DEPRECATED = "Deprecated: "


def is_table(kind: Type, model: ApiModel) -> bool:
    """Whether a type says which fields a table of parameters has."""
    return isinstance(kind, Record) or bool(fields_of(kind, model))


def check_table(
    file: str, knowledge: Knowledge, model: ApiModel, function: str, table: Node, kind: Type
) -> None:
    """Reports what a table literal has too much or too little for its type.

    Args:
        function: How scenarios write the function, or the field, that gets it.
        table: The constructor.
        kind: A type that `is_table`.
    """
    fields = fields_of(kind, model)
    is_open = isinstance(kind, Named) and model.classes[kind.name].is_open
    present: set[str] = set()
    is_computed = False
    for entry in named(table):
        name, value = entry.child_by_field_name("name"), entry.child_by_field_name("value")
        key = key_of_field(entry)
        if name is None or key is None:
            is_computed = True
            continue
        present.add(key)
        if key not in fields:
            if not is_open:
                hint = nearest(key, fields)
                message = f"{function} has no parameter {key}" + (
                    f"; the nearest name is {hint}" if hint else ""
                )
                knowledge.find(Rule.UNDEFINED_FIELD, file, name, message)
            continue
        field = fields[key]
        if field.remark.startswith(_DEPRECATED):
            message = f"{key} stands at an older place: {field.remark.removeprefix(_DEPRECATED)}"
            knowledge.find(Rule.DEPRECATED, file, name, message.rstrip("."))
        if value is not None and unwrapped(value).type == "table_constructor":
            inner = next(
                (option for option in options_of(model.expand(field.type)) if is_table(option, model)), None
            )
            if inner is not None:
                check_table(file, knowledge, model, f"{key} of {function}", unwrapped(value), inner)
    missing = [field.name for field in fields.values() if not field.is_optional and field.name not in present]
    if missing and not is_computed:
        knowledge.find(Rule.MISSING_FIELDS, file, table, f"{function} needs {' and '.join(missing)} here")


def fields_of(kind: Type | None, model: ApiModel) -> dict[str, Field]:
    """Returns the fields of a type that is a plain table, by name; nothing for any other."""
    if isinstance(kind, Record):
        return {field.name: field for field in kind.fields}
    if not isinstance(kind, Named) or kind.name not in model.classes:
        return {}
    members = model.classes[kind.name].members
    return {name: member for name, member in members.items() if isinstance(member, Field)}
