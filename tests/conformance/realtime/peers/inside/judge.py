"""Judges events by the types of the official SDK: the class is looked up by wire type and validates the raw object.

The SDK itself does not validate what it receives, and a union of all classes would pass what any one of them passes.
"""

from __future__ import annotations

import json
import typing

import pydantic
from openai.types.realtime import RealtimeClientEvent, RealtimeServerEvent


def _classes(union: object) -> dict[str, type[pydantic.BaseModel]]:
    members = typing.get_args(typing.get_args(union)[0])
    return {typing.get_args(member.model_fields["type"].annotation)[0]: member for member in members}


CLASSES = {"server": _classes(RealtimeServerEvent), "client": _classes(RealtimeClientEvent)}


def complaints(sender: str, text: str) -> list[dict[str, str]]:
    """Returns what is wrong with one event: its type, the field, and in the SDK's words what is expected there."""
    event = json.loads(text)
    judge = CLASSES[sender].get(event.get("type"))
    if judge is None:
        return [{"type": str(event.get("type")), "field": "type", "message": "no such event"}]
    try:
        # Strict: a number in quotes is no number.
        judge.model_validate_json(text, strict=True)
    except pydantic.ValidationError as error:
        return [
            {"type": event["type"], "field": _field(found["loc"]), "message": found["msg"]}
            for found in error.errors()
        ]
    return []


def extras(sender: str, text: str) -> list[str]:
    """Returns the fields of a valid event that the SDK's types do not have, as `event.type field.path`."""
    wire_type = json.loads(text)["type"]
    model = CLASSES[sender][wire_type].model_validate_json(text)
    return [f"{wire_type} {path}" for path in _extras_of(model, "")]


def _extras_of(value: object, path: str) -> typing.Iterator[str]:
    if isinstance(value, list):
        for entry in value:
            yield from _extras_of(entry, path)
    if not isinstance(value, pydantic.BaseModel):
        return
    for name in value.model_extra or {}:
        yield f"{path}{name}"
    for name in type(value).model_fields:
        yield from _extras_of(getattr(value, name), f"{path}{name}.")


def _field(location: tuple[int | str, ...]) -> str:
    # A union adds the name of the member it tried; list positions say nothing about the kind of mistake.
    return ".".join(step for step in location if isinstance(step, str) and not step[:1].isupper())
