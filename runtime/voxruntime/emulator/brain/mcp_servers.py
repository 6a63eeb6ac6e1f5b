"""The MCP servers of a session: how clients declare them, and what is known of their tools.

A server is asked for its tools when a session or response first declares it, and again when its declaration changes.
Its list is an item of the conversation; `mcp_list_tools.*` events tell how the asking went.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

import msgspec

from voxruntime.emulator.brain.client_events import converted
from voxruntime.emulator.brain.items import ItemStatus, McpListItem
from voxruntime.emulator.brain.rejected import Code, Rejected
from voxruntime.emulator.brain.requests import ListTools, Requests
from voxruntime.emulator.brain.scribe import Scribe
from voxruntime.emulator.brain.wire import CLIENT_OBJECT_LIMIT_BYTES, JsonObject, encoded_length
from voxruntime.emulator.mcp.messages import Endpoint, Tool

MAX_SERVERS = 32
"""MCP servers that may be declared at one time."""


class ToolNames(msgspec.Struct, frozen=True):
    """A choice among the tools of a server, as OpenAI writes it."""

    tool_names: list[str] = []


class ApprovalRules(msgspec.Struct, frozen=True):
    """Which tools wait for the client's approval; those of neither list do."""

    always: ToolNames = ToolNames()
    never: ToolNames = ToolNames()


class McpServer(msgspec.Struct, frozen=True, kw_only=True):
    """A tool of type `mcp`. The client of the realtime protocol has no part in its calls but to approve them."""

    server_label: str
    server_url: str
    authorization: str | None = None
    headers: dict[str, str] | None = None
    require_approval: Literal["always", "never"] | ApprovalRules | None = None
    allowed_tools: list[str] | ToolNames | None = None

    def endpoint(self) -> Endpoint:
        """Returns where it is. An `authorization` without a scheme of its own is a bearer token."""
        headers = dict(self.headers or {})
        if self.authorization:
            has_scheme = " " in self.authorization.strip()
            headers["Authorization"] = self.authorization if has_scheme else f"Bearer {self.authorization}"
        return Endpoint(self.server_url, headers)

    def allows(self, tool_name: str) -> bool:
        """Returns whether the client lets a tool be called at all."""
        allowed = self.allowed_tools
        names = allowed.tool_names if isinstance(allowed, ToolNames) else allowed
        return names is None or tool_name in names

    def needs_approval(self, tool_name: str) -> bool:
        """Returns whether a call waits for the client's approval, which is what OpenAI does unless told otherwise."""
        rules = self.require_approval
        if isinstance(rules, ApprovalRules):
            return tool_name in rules.always.tool_names or tool_name not in rules.never.tool_names
        return rules != "never"


class OfferedTool(msgspec.Struct, frozen=True):
    """A tool that may be called, and the server it belongs to."""

    server: McpServer
    name: str


def mcp_servers(tools: Sequence[JsonObject], path: str) -> list[McpServer]:
    """Returns the MCP servers among declared tools.

    Args:
        tools: As a session or response declares them.
        path: Path of the list in the event, for `error.param`.

    Raises:
        Rejected: A declaration lacks a field, or two servers have one label.
    """
    servers: list[McpServer] = []
    for index, tool in enumerate(tools):
        if tool.get("type") != "mcp":
            continue
        place = f"{path}[{index}]"
        server = converted(tool, McpServer, place)
        if not server.server_url.startswith(("http://", "https://")):
            message = "An MCP server is at an http:// or https:// URL."
            raise Rejected(Code.INVALID_VALUE, message, f"{place}.server_url")
        if any(server.server_label == other.server_label for other in servers):
            message = f"Two MCP servers have the label '{server.server_label[:100]}'."
            raise Rejected(Code.INVALID_VALUE, message, f"{place}.server_label")
        servers.append(server)
    if len(servers) > MAX_SERVERS:
        raise Rejected(Code.INVALID_VALUE, f"At most {MAX_SERVERS} MCP servers can be declared.", path)
    return servers


class _Listing(msgspec.Struct):
    """One question for tools: of which endpoint, and what came of it. `request_id` is None once it is answered."""

    endpoint: Endpoint
    item: McpListItem
    request_id: int | None
    tools: tuple[str, ...] = ()


class McpServers:
    """Asks servers for their tools, and knows them then.

    Args:
        scribe: Writes the events and items.
        requests: Takes the work of asking.
    """

    def __init__(self, scribe: Scribe, requests: Requests) -> None:
        self._scribe = scribe
        self._requests = requests
        self._listings: dict[str, _Listing] = {}

    @property
    def pending_ids(self) -> frozenset[str]:
        """Items of lists that are not known yet."""
        return frozenset(
            listing.item.id for listing in self._listings.values() if listing.request_id is not None
        )

    def declare(self, servers: Iterable[McpServer]) -> None:
        """Asks those servers for their tools that were not asked before, or are somewhere else now."""
        for server in servers:
            known = self._listings.get(server.server_label)
            if known and known.endpoint == server.endpoint():
                continue
            self._ask(server)

    def offered(self, servers: Sequence[McpServer]) -> Mapping[str, OfferedTool]:
        """Returns the tools of some servers that may be called, by name; the first server that has one counts."""
        offered: dict[str, OfferedTool] = {}
        for server in servers:
            listing = self._listings.get(server.server_label)
            for name in listing.tools if listing else ():
                if server.allows(name):
                    offered.setdefault(name, OfferedTool(server, name))
        return offered

    def listed(self, request_id: int, tools: Sequence[Tool]) -> None:
        """Takes a list of tools; an unknown request is ignored."""
        listing = self._answered(request_id)
        if listing is None:
            return
        described: list[JsonObject] = [
            {"name": tool.name, "description": tool.description, "input_schema": tool.input_schema}
            for tool in tools
        ]
        if encoded_length(described) > CLIENT_OBJECT_LIMIT_BYTES:
            self._fail(listing, f"The list of tools is longer than {CLIENT_OBJECT_LIMIT_BYTES} bytes.")
            return
        listing.tools = tuple(tool.name for tool in tools)
        listing.item.tools = described
        self._end(listing, ItemStatus.COMPLETED, "completed")

    def list_failed(self, request_id: int, reason: str) -> None:
        """Takes the failure to list tools; an unknown request is ignored."""
        if listing := self._answered(request_id):
            self._fail(listing, reason)

    def _ask(self, server: McpServer) -> None:
        item = McpListItem(self._scribe.new_id("mcp"), server.server_label, [], status=ItemStatus.IN_PROGRESS)
        listing = _Listing(server.endpoint(), item, self._requests.next_id())
        self._listings[server.server_label] = listing
        self._scribe.emit("mcp_list_tools.in_progress", item_id=item.id)
        self._scribe.conversation.add(item)
        assert listing.request_id is not None
        self._requests.add(ListTools(listing.request_id, server.server_label, listing.endpoint))

    def _answered(self, request_id: int) -> _Listing | None:
        for listing in self._listings.values():
            if listing.request_id == request_id:
                listing.request_id = None
                return listing
        return None

    def _fail(self, listing: _Listing, reason: str) -> None:
        listing.item.error = reason
        self._end(listing, ItemStatus.INCOMPLETE, "failed")

    def _end(self, listing: _Listing, status: ItemStatus, event: str) -> None:
        listing.item.status = status
        self._scribe.conversation.finish(listing.item)
        self._scribe.emit(f"mcp_list_tools.{event}", item_id=listing.item.id)
