"""What holds for one response: the session's configuration with what `response.create` says on top."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum

import msgspec

from voxruntime.emulator.brain.client_events import NewItem, ResponseRequest, converted
from voxruntime.emulator.brain.conversation import Conversation
from voxruntime.emulator.brain.items import Item, made_by_client
from voxruntime.emulator.brain.mcp_servers import McpServer, OfferedTool, mcp_servers
from voxruntime.emulator.brain.rejected import Code, Rejected, shown
from voxruntime.emulator.brain.session_config import (
    AudioOutput,
    Modality,
    SessionConfig,
    check_output_limit,
    check_rate,
    voice_name,
)
from voxruntime.emulator.brain.wire import (
    CLIENT_OBJECT_LIMIT_BYTES,
    JsonObject,
    NewId,
    encoded_length,
)

_RUN_BY_THE_SERVER = frozenset({"web_search", "file_search"})
"""Names that Yandex reserves: such functions never reach the client."""


class Origin(Enum):
    """Who asked for a response: the client, a turn of the caller's, or what an MCP tool returned."""

    CLIENT = "client"
    TURN = "turn"
    CONTINUATION = "continuation"


class McpChoice(msgspec.Struct, frozen=True):
    """A tool that must be called; an empty field means any."""

    server_label: str = ""
    name: str = ""

    def choose(self, offered: Mapping[str, OfferedTool]) -> str:
        """Returns the name of the first tool it fits; empty when it fits none."""
        for tool in offered.values():
            if self.server_label in ("", tool.server.server_label) and self.name in ("", tool.name):
                return tool.name
        return ""


class ResponseOptions(msgspec.Struct, frozen=True, kw_only=True):
    """What one response is made with.

    Attributes:
        origin: Who asked for it.
        modality: Speech with its text, or text.
        output: Voice, speed and format of speech.
        tools: Names of the functions it may call.
        must_call: Function that it calls in any case; empty when it decides.
        mcp: MCP servers whose tools it may call.
        must_call_mcp: Tool that it calls in any case where `must_call` names none; None when it decides.
        max_tokens: Words it may say; None for no limit.
        instructions: What the client asks of this response.
        metadata: Given back as it came.
        in_conversation: Whether its items join the conversation, and the dialogue moves on.
        input: Items to answer in place of the conversation's; None for those.
    """

    origin: Origin
    modality: Modality
    output: AudioOutput
    tools: frozenset[str]
    must_call: str = ""
    mcp: tuple[McpServer, ...] = ()
    must_call_mcp: McpChoice | None = None
    max_tokens: int | None = None
    instructions: str = ""
    metadata: dict[str, str] | None = None
    in_conversation: bool = True
    input: tuple[Item, ...] | None = None

    def wire(self, conversation_id: str) -> JsonObject:
        """Returns the fields of the response object that are known from the start."""
        output = msgspec.to_builtins(self.output)
        return {
            "conversation_id": conversation_id if self.in_conversation else None,
            "output_modalities": [self.modality],
            "max_output_tokens": "inf" if self.max_tokens is None else self.max_tokens,
            "audio": {"output": {"format": output["format"], "voice": voice_name(self.output.voice) or None}},
            "metadata": self.metadata,
        }


def options(
    request: ResponseRequest,
    origin: Origin,
    config: SessionConfig,
    *,
    conversation: Conversation,
    new_id: NewId,
) -> ResponseOptions:
    """Returns what holds for a response.

    Args:
        request: What `response.create` says; an empty one for a response that the server begins.
        origin: Who asks.
        config: What holds for the session.
        conversation: Where items that the request refers to are looked up.
        new_id: Makes ids of items in the request.

    Raises:
        Rejected: A value is not supported.
    """
    session = config.session
    tools = session.tools if request.tools is None else request.tools
    choice = session.tool_choice if request.tool_choice is None else request.tool_choice
    functions = _functions(tools)
    limit = session.max_output_tokens if request.max_output_tokens is None else request.max_output_tokens
    check_output_limit(limit, "response.max_output_tokens")
    if encoded_length(request.metadata) > CLIENT_OBJECT_LIMIT_BYTES:
        raise Rejected(Code.TOO_LONG, "The metadata is too long.", "response.metadata")
    return ResponseOptions(
        origin=origin,
        modality=_modality(request, config),
        output=_output(request, session.audio.output),
        tools=frozenset() if choice == "none" else frozenset(functions),
        must_call=_must_call(choice, functions),
        mcp=() if choice == "none" else tuple(mcp_servers(tools, "response.tools")),
        must_call_mcp=_must_call_mcp(choice),
        max_tokens=limit if isinstance(limit, int) else None,
        instructions=request.instructions or "",
        metadata=request.metadata,
        in_conversation=request.conversation != "none",
        input=_input(request, config, conversation, new_id),
    )


def _functions(tools: list[JsonObject]) -> list[str]:
    names = [tool.get("name") for tool in tools if tool.get("type") == "function"]
    return [name for name in names if isinstance(name, str) and name not in _RUN_BY_THE_SERVER]


def _must_call(choice: str | JsonObject, functions: list[str]) -> str:
    if isinstance(choice, dict):
        name = choice.get("name")
        return name if isinstance(name, str) and name in functions else ""
    return functions[0] if choice == "required" and functions else ""


def _must_call_mcp(choice: str | JsonObject) -> McpChoice | None:
    if choice == "required":
        return McpChoice()
    if not isinstance(choice, dict) or choice.get("type") != "mcp":
        return None
    label, name = choice.get("server_label"), choice.get("name")
    return McpChoice(label if isinstance(label, str) else "", name if isinstance(name, str) else "")


def _modality(request: ResponseRequest, config: SessionConfig) -> Modality:
    asked = request.output_modalities or request.modalities
    if not asked:
        return config.modality
    for modality in asked:
        if modality not in ("audio", "text"):
            raise Rejected(
                Code.INVALID_VALUE, f"There is no modality {shown(modality)}.", "response.output_modalities"
            )
    return "audio" if "audio" in asked else "text"


def _output(request: ResponseRequest, of_session: AudioOutput) -> AudioOutput:
    asked = (request.audio or {}).get("output")
    if not isinstance(asked, dict):
        return of_session
    # A response names only what differs; its format is an object of its own.
    known: JsonObject = {**msgspec.to_builtins(of_session), **asked}
    output = converted(known, AudioOutput, "response.audio.output")
    check_rate(output.format.rate, "response.audio.output.format.rate")
    return output


def _input(
    request: ResponseRequest, config: SessionConfig, conversation: Conversation, new_id: NewId
) -> tuple[Item, ...] | None:
    if request.input is None:
        return None
    return tuple(
        _referred(new, conversation, f"response.input[{index}]")
        if new.type == "item_reference"
        else made_by_client(
            msgspec.structs.replace(new, id=None),
            rate=config.input_rate,
            new_id=new_id,
            takes_assistant_items=True,
            path=f"response.input[{index}]",
        )
        for index, new in enumerate(request.input)
    )


def _referred(new: NewItem, conversation: Conversation, path: str) -> Item:
    for item in conversation:
        if item.id == new.id:
            return item
    raise Rejected(Code.UNKNOWN_ITEM, f"There is no item {shown(new.id)}.", f"{path}.id")
