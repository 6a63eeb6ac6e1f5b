"""What the embedded server and its MCP process say to each other: msgpack in frames, as in `turn.messages`.

Each `ListTools` gets one `Listed` or `Failed`, each `CallTool` one `Returned` or `Failed`.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

import msgspec

MAX_MESSAGE_BYTES = 4 * 2**20

MAX_OUTPUT_CHARS = 100_000
"""Longest output of a tool: it is repeated in three events, and none of them may pass 1 MiB."""

ErrorKind = Literal["http_error", "protocol_error", "tool_execution_error"]
"""`error.type` of an `mcp_call` item, as OpenAI names them."""


class Message(msgspec.Struct, array_like=True, frozen=True):
    """Base of all messages."""


class Endpoint(Message, frozen=True):
    """Where an MCP server is: streamable HTTP, and the headers each request carries."""

    url: str
    headers: dict[str, str]


class Tool(Message, frozen=True):
    """A tool as its server describes it; `input_schema` is a JSON schema."""

    name: str
    description: str
    input_schema: dict[str, object]


class ListTools(Message, frozen=True, tag="list"):
    """Asks what a server offers. `session` names the realtime session: each has MCP sessions of its own."""

    job: int
    session: int
    endpoint: Endpoint


class CallTool(Message, frozen=True, tag="call"):
    """Asks a server to run a tool. `arguments` is the JSON text of an object."""

    job: int
    session: int
    endpoint: Endpoint
    name: str
    arguments: str


class Cancel(Message, frozen=True, tag="cancel"):
    """The answer to a job is not needed any more."""

    job: int


class EndSession(Message, frozen=True, tag="end_session"):
    """A realtime session is over: its MCP sessions end, without an answer to what was under way."""

    session: int


Job: TypeAlias = ListTools | CallTool
Request: TypeAlias = Job | Cancel | EndSession


class Listed(Message, frozen=True, tag="listed"):
    """The answer to `ListTools`."""

    job: int
    tools: list[Tool]


class Returned(Message, frozen=True, tag="returned"):
    """The answer to `CallTool`: the tool's text."""

    job: int
    output: str


class Failed(Message, frozen=True, tag="failed"):
    """A job failed. `code` is an HTTP status or a JSON-RPC code; 0 for a fault of the tool itself."""

    job: int
    kind: ErrorKind
    code: int
    message: str


Reply: TypeAlias = Listed | Returned | Failed

encode = msgspec.msgpack.Encoder().encode
_request: msgspec.msgpack.Decoder[Request] = msgspec.msgpack.Decoder(Request)
_reply: msgspec.msgpack.Decoder[Reply] = msgspec.msgpack.Decoder(Reply)


def decode_request(body: bytes) -> Request:
    """Returns what the engine sent.

    Raises:
        msgspec.MsgspecError: It is no message of this protocol.
    """
    return _request.decode(body)


def decode_reply(body: bytes) -> Reply:
    """Returns what the MCP process sent.

    Raises:
        msgspec.MsgspecError: It is no message of this protocol.
    """
    return _reply.decode(body)
