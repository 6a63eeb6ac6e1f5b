"""Listeners: whether an object has the event, and what its listener gets."""

from __future__ import annotations

from collections.abc import Sequence

from tree_sitter import Node

from voxruntime.check.findings import Rule
from voxruntime.check.knowledge import Knowledge
from voxruntime.check.model import ApiModel, Constant, Enum, Function
from voxruntime.check.nearest import nearest
from voxruntime.check.syntax import string_value
from voxruntime.check.types import CALLER_TEXT, Callback, Field, Literal, Named, Record, Type

_SPOKEN = {"transcript", "delta", "text"}
"""Fields of a message that hold what a person or the agent says, where its name has one of `_SPEECH`."""

_SPEECH = ("Transcript", "Text")


class EventArguments:
    """Resolves the arguments of `addEventListener` and its kin."""

    def __init__(self, file: str, knowledge: Knowledge, model: ApiModel) -> None:
        self._file = file
        self._knowledge = knowledge
        self._model = model

    def resolve(
        self,
        function: Function,
        parameters: Sequence[Field],
        event: Node,
        kind: Type | None,
    ) -> Sequence[Field]:
        """Returns the parameters, where the first is an event with what the listener of that event gets.

        Args:
            event: The first argument.
            kind: Its type.
        """
        enums = self._model.events_of(parameters[0].type) if parameters else []
        if len(parameters) < 2 or not isinstance(parameters[1].type, Callback):
            return parameters
        if not enums or not any(constant.payload for enum in enums for constant in enum.constants.values()):
            return parameters
        constant = self._constant(function, enums, event, kind)
        payload = Field("event", self._payload(constant) if constant else None)
        callback = Callback((payload,), parameters[1].type.result)
        return [parameters[0], Field(parameters[1].name, callback, parameters[1].is_optional)]

    def _constant(
        self, function: Function, enums: list[Enum], node: Node, kind: Type | None
    ) -> Constant | None:
        text = string_value(node)
        if text is not None:
            by_value = {constant.value: constant for enum in enums for constant in enum.constants.values()}
            if text not in by_value:
                hint = nearest(text, by_value)
                self._unknown(node, function, f'"{text}"', f'; the nearest is "{hint}"' if hint else "")
            return by_value.get(text)
        if not isinstance(kind, Named) or kind.name not in self._model.enums or not kind.arguments:
            return None
        (name,) = kind.arguments
        assert isinstance(name, Literal)
        enum = next((enum for enum in enums if enum.name == kind.name), None)
        if enum is None:
            names = " and ".join(enum.name for enum in enums)
            self._unknown(node, function, f"{kind.name}.{name.value}", f"; its events are those of {names}")
            return None
        return enum.constants[name.value]

    def _unknown(self, node: Node, function: Function, event: str, hint: str) -> None:
        owner = function.name.replace(":", ".").rpartition(".")[0]
        self._knowledge.find(Rule.UNKNOWN_EVENT, self._file, node, f"{owner} has no event {event}{hint}")

    def _payload(self, constant: Constant) -> Type:
        """Returns what a listener gets; the provider's message with the fields of this one."""
        whole = Named(constant.payload)
        if constant.fields is None:
            return whole
        is_speech = any(word in constant.name for word in _SPEECH)
        message = Record(
            tuple(
                Field(name, CALLER_TEXT if is_speech and name in _SPOKEN else None)
                for name in ("type", "event_id", *constant.fields)
            ),
            f"the message of {constant.name}",
        )
        return self._with(whole, {"payload": message})

    def _with(self, kind: Type, replaced: dict[str, Type]) -> Type:
        """Returns a class as a record in which the named fields, at any depth, are of other types."""
        members = self._model.members(kind) or {}
        fields = []
        for name, member in members.items():
            if not isinstance(member, Field):
                continue
            inner = member.type
            if name in replaced:
                inner = replaced[name]
            elif isinstance(inner, Named) and "payload" in (self._model.members(inner) or {}):
                inner = self._with(inner, replaced)
            fields.append(Field(name, inner, member.is_optional))
        return Record(tuple(fields), "the event")
