"""Contract of emulator/brain/mcp_servers.py."""

from __future__ import annotations

import pytest

from unit.emulator.brain.support import Desk, Json
from voxruntime.emulator.brain.mcp_servers import MAX_SERVERS, McpServer, McpServers, mcp_servers
from voxruntime.emulator.brain.rejected import Code, Rejected
from voxruntime.emulator.brain.requests import ListTools, Requests
from voxruntime.emulator.mcp.messages import Endpoint, Tool

URL = "http://shop.test/mcp"


def declared(**fields: object) -> McpServer:
    [server] = mcp_servers(
        [{"type": "mcp", "server_label": "shop", "server_url": URL, **fields}], "session.tools"
    )
    return server


class Stage:
    """The servers of a session, what is asked of them and told of them."""

    def __init__(self) -> None:
        self.desk = Desk()
        self.requests = Requests()
        self.servers = McpServers(self.desk.scribe, self.requests)

    def ask(self, *servers: McpServer) -> list[ListTools]:
        self.servers.declare(servers)
        return [request for request in self.requests.drain() if isinstance(request, ListTools)]

    def know(self, server: McpServer, *names: str) -> None:
        [request] = self.ask(server)
        self.servers.listed(request.id, [Tool(name, "", {}) for name in names])


@pytest.mark.parametrize(
    ("fields", "headers"),
    [
        ({}, {}),
        ({"authorization": "token"}, {"Authorization": "Bearer token"}),
        ({"authorization": "Api-Key secret"}, {"Authorization": "Api-Key secret"}),
        ({"headers": {"X-A": "b"}, "authorization": None}, {"X-A": "b"}),
        (
            {"headers": {"X-A": "b"}, "authorization": "token"},
            {"X-A": "b", "Authorization": "Bearer token"},
        ),
    ],
)
def test_endpoint_carries_what_the_client_gave(fields: Json, headers: dict[str, str]) -> None:
    assert declared(**fields).endpoint() == Endpoint(URL, headers)


@pytest.mark.parametrize(
    ("rules", "needing"),
    [
        (None, {"a", "b", "c"}),
        ("always", {"a", "b", "c"}),
        ("never", set()),
        ({"never": {"tool_names": ["a"]}}, {"b", "c"}),
        ({"always": {"tool_names": ["a"]}, "never": {"tool_names": ["a", "b"]}}, {"a", "c"}),
    ],
)
def test_approval_is_needed_unless_the_client_does_without(rules: object, needing: set[str]) -> None:
    server = declared(require_approval=rules)
    assert {name for name in "abc" if server.needs_approval(name)} == needing


@pytest.mark.parametrize(
    ("allowed", "names"),
    [(None, {"a", "b"}), (["a"], {"a"}), ({"tool_names": ["b"]}, {"b"}), ([], set())],
)
def test_only_allowed_tools_are_offered(allowed: object, names: set[str]) -> None:
    stage = Stage()
    server = declared(allowed_tools=allowed)
    stage.know(server, "a", "b")
    assert set(stage.servers.offered([server])) == names


@pytest.mark.parametrize(
    ("tools", "code", "param"),
    [
        (
            [{"type": "mcp", "server_url": URL}],
            Code.MISSING_PARAMETER,
            "session.tools[0].server_label",
        ),
        (
            [{"type": "function"}, {"type": "mcp", "server_label": "a"}],
            Code.MISSING_PARAMETER,
            "session.tools[1].server_url",
        ),
        (
            [{"type": "mcp", "server_label": "a", "server_url": "ftp://x"}],
            Code.INVALID_VALUE,
            "session.tools[0].server_url",
        ),
        (
            [{"type": "mcp", "server_label": "a", "server_url": URL}] * 2,
            Code.INVALID_VALUE,
            "session.tools[1].server_label",
        ),
        (
            [{"type": "mcp", "server_label": f"{at}", "server_url": URL} for at in range(MAX_SERVERS + 1)],
            Code.INVALID_VALUE,
            "session.tools",
        ),
        (
            [{"type": "mcp", "server_label": "a", "server_url": URL, "headers": {"a": 1}}],
            Code.INVALID_TYPE,
            "session.tools[0].headers[...]",
        ),
    ],
)
def test_declaration_that_makes_no_sense_is_rejected(tools: list[Json], code: Code, param: str) -> None:
    with pytest.raises(Rejected) as caught:
        mcp_servers(tools, "session.tools")
    assert (caught.value.code, caught.value.param) == (code, param)


def test_server_is_asked_once_and_again_when_it_is_elsewhere() -> None:
    stage = Stage()
    assert len(stage.ask(declared())) == 1
    assert stage.ask(declared(require_approval="never")) == []
    assert len(stage.ask(declared(authorization="other"))) == 1


def test_list_is_an_item_and_its_tools_are_known_then() -> None:
    stage = Stage()
    [request] = stage.ask(declared())
    assert stage.servers.pending_ids
    assert not stage.servers.offered([declared()])
    stage.servers.listed(request.id, [Tool("price", "Tells it.", {"type": "object"})])
    events = stage.desk.events()
    assert [event["type"] for event in events] == [
        "mcp_list_tools.in_progress",
        "conversation.item.created",
        "conversation.item.added",
        "conversation.item.done",
        "mcp_list_tools.completed",
    ]
    assert events[3]["item"]["tools"] == [
        {"name": "price", "description": "Tells it.", "input_schema": {"type": "object"}}
    ]
    assert not stage.servers.pending_ids
    assert list(stage.servers.offered([declared()])) == ["price"]


def test_answer_to_a_question_that_is_out_of_date_is_ignored() -> None:
    stage = Stage()
    [first] = stage.ask(declared())
    [second] = stage.ask(declared(server_url="http://other.test/"))
    stage.servers.listed(first.id, [Tool("old", "", {})])
    stage.servers.listed(second.id, [Tool("new", "", {})])
    stage.servers.list_failed(second.id, "too late")
    assert list(stage.servers.offered([declared()])) == ["new"]


def test_list_that_would_break_the_frame_limit_fails() -> None:
    stage = Stage()
    [request] = stage.ask(declared())
    stage.servers.listed(request.id, [Tool("a", "x" * 300_000, {})])
    events = stage.desk.events()
    assert events[-1]["type"] == "mcp_list_tools.failed"
    assert "longer than" in events[-2]["item"]["error"]


def test_first_server_that_has_a_tool_counts() -> None:
    stage = Stage()
    first, second = declared(), declared(server_label="other")
    stage.know(first, "price")
    stage.know(second, "price", "stock")
    offered = stage.servers.offered([second, first])
    assert {name: tool.server.server_label for name, tool in offered.items()} == {
        "price": "other",
        "stock": "other",
    }
