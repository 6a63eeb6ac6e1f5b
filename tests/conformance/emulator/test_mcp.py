"""MCP against a real server, made with the official package: what a client of the emulator sees."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import AsyncExitStack

import pytest

from conformance.emulator.mcp_shop import Shop, running
from socket_client import Json, SocketClient, client, serving
from voxruntime.emulator.brain.behaviour import Behaviour
from voxruntime.emulator.dialogue import parse
from voxruntime.emulator.profiles import OPENAI, YANDEX, Profile

TALK = parse(
    """
    [state.a]
    say = "Welcome."

    [[state.a.expect]]
    phrases = ["tea"]
    say = "Let me look."
    call = "price"
    arguments = { item = "{heard}" }
    result = "{result.item} is {result.euro} euro."

    [[state.a.expect]]
    phrases = ["greet"]
    call = "greet"
    arguments = { name = "Ann" }
    result = "{result}"

    [[state.a.expect]]
    phrases = ["broken"]
    call = "broken"
    failed = "No: {result}"

    [[state.a.expect]]
    phrases = ["wrong"]
    call = "price"
    failed = "No."

    [[state.a.expect]]
    phrases = ["long"]
    call = "long"
    arguments = { letters = 200000 }
    failed = "No: {result}"

    [[state.a.expect]]
    phrases = ["slow"]
    call = "slow"
    """,
    "mcp.toml",
)

Script = Callable[[SocketClient], Awaitable[None]]


@pytest.fixture(scope="module")
def shop() -> Iterator[Shop]:
    with running("Bearer s3cret") as shop:
        yield shop


class Stage:
    """Servers that last for all tests, each with the one MCP process that it starts.

    Args:
        urls: By name.
        runner: Of the loop they run on.
    """

    def __init__(self, urls: Mapping[str, str], runner: asyncio.Runner) -> None:
        self._urls = urls
        self._runner = runner

    def play(self, script: Script, server: str = "yandex") -> None:
        """Has a client of a server do something."""

        async def main() -> None:
            profile = OPENAI if server == "openai" else YANDEX
            async with client(self._urls[server], profile) as each:
                await script(each)

        self._runner.run(main())


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    kinds = {
        "yandex": {},
        "openai": {"profile": OPENAI},
        "halting": {"behaviour": Behaviour(mcp_continues=False)},
    }
    with asyncio.Runner() as runner:
        stack = AsyncExitStack()
        urls = {
            name: runner.run(stack.enter_async_context(serving(TALK, **options)))[1]
            for name, options in kinds.items()
        }
        yield Stage(urls, runner)
        runner.run(stack.aclose())


def declared(url: str, **fields: object) -> Json:
    return {
        "type": "mcp",
        "server_label": "shop",
        "server_url": url,
        "authorization": "s3cret",
        "require_approval": "never",
        **fields,
    }


async def declare(client: SocketClient, *tools: Json) -> Json:
    """Declares tools and returns the event that ends the listing."""
    await client.send(
        "session.update", session={"type": "realtime", "output_modalities": ["text"], "tools": list(tools)}
    )
    return await client.until("mcp_list_tools.completed", "mcp_list_tools.failed")


def calls(response: Json) -> list[Json]:
    return [item for item in response["output"] if item["type"] == "mcp_call"]


async def answer(client: SocketClient) -> str:
    """Returns the text of the next response."""
    response = (await client.until("response.done"))["response"]
    return response["output"][0]["content"][0]["text"]


@pytest.mark.parametrize("profile", [YANDEX, OPENAI], ids=lambda profile: profile.name)
def test_tools_are_listed_called_and_their_result_is_said(stage: Stage, shop: Shop, profile: Profile) -> None:
    async def script(client: SocketClient) -> None:
        ended = await declare(client, declared(shop.url))
        assert ended["type"] == "mcp_list_tools.completed"
        listed = client.item(ended["item_id"])
        assert (listed["type"], listed["server_label"]) == ("mcp_list_tools", "shop")
        assert [tool["name"] for tool in listed["tools"]] == ["price", "greet", "broken", "slow", "long"]
        assert listed["tools"][0]["input_schema"]["required"] == ["item"]
        await client.ask("tea")
        response = (await client.until("response.done"))["response"]
        [call] = calls(response)
        assert (call["name"], call["server_label"], call["error"]) == ("price", "shop", None)
        assert call["arguments"] == '{"item":"tea"}'
        assert await answer(client) == "tea is 3 euro."
        assert client.kinds_of(call["id"]) == [
            "response.output_item.added",
            *(["conversation.item.created"] if profile is YANDEX else []),
            "conversation.item.added",
            "response.mcp_call_arguments.delta",
            "response.mcp_call_arguments.done",
            "response.mcp_call.in_progress",
            "response.mcp_call.completed",
            "conversation.item.done",
            "response.output_item.done",
        ]

    stage.play(script, profile.name)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("broken", "Error executing tool broken"),
        ("wrong", "Error executing tool price"),
        ("long", "200000 characters"),
    ],
)
def test_tool_that_fails_ends_its_call_and_the_dialogue_says_so(
    stage: Stage, shop: Shop, words: str, message: str
) -> None:
    async def script(client: SocketClient) -> None:
        await declare(client, declared(shop.url))
        await client.ask(words)
        response = (await client.until("response.done"))["response"]
        [call] = calls(response)
        assert response["status"] == "completed"
        assert call["output"] is None
        assert call["error"]["type"] == "tool_execution_error"
        assert message in call["error"]["message"]
        assert "response.mcp_call.failed" in client.kinds_of(call["id"])
        assert (await answer(client)).startswith("No")

    stage.play(script)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"server_url": "http://127.0.0.1:9/mcp"}, "connection"),
        ({"authorization": "wrong"}, "HTTP 401"),
        ({"authorization": None}, "HTTP 401"),
    ],
    ids=["server down", "wrong authorization", "no authorization"],
)
def test_server_that_refuses_is_told_and_its_tools_are_not_called(
    stage: Stage, shop: Shop, change: Json, words: str
) -> None:
    async def script(client: SocketClient) -> None:
        ended = await declare(client, {**declared(shop.url), **change})
        assert ended["type"] == "mcp_list_tools.failed"
        listed = client.item(ended["item_id"])
        assert (listed["tools"], listed["status"]) == ([], "incomplete")
        assert words in listed["error"]
        await client.ask("tea")
        assert await answer(client) == "Let me look."

    stage.play(script)


def test_server_that_goes_away_fails_the_call(stage: Stage) -> None:
    async def script(client: SocketClient) -> None:
        with running() as shop:
            await declare(client, declared(shop.url))
            shop.close()
        await client.ask("broken")
        [call] = calls((await client.until("response.done"))["response"])
        assert call["error"]["type"] == "protocol_error"
        assert (await answer(client)).startswith("No: ")

    stage.play(script)


@pytest.mark.parametrize("approve", [True, False])
def test_call_waits_for_the_clients_approval(stage: Stage, shop: Shop, approve: bool) -> None:
    async def script(client: SocketClient) -> None:
        await declare(client, declared(shop.url, require_approval="always"))
        await client.ask("greet")
        request = await client.until_item("mcp_approval_request")
        assert (request["name"], request["server_label"]) == ("greet", "shop")
        answered = {"type": "mcp_approval_response", "approval_request_id": request["id"]}
        await client.send(
            "conversation.item.create", item={**answered, "approve": approve, "reason": "not today"}
        )
        [call] = calls((await client.until("response.done"))["response"])
        assert call["approval_request_id"] == request["id"]
        if approve:
            assert (call["output"], call["error"]) == ("Hello, Ann!", None)
            assert await answer(client) == "Hello, Ann!"
        else:
            assert call["error"]["message"] == "The call was not approved: not today."
            assert "response.mcp_call.in_progress" not in client.kinds_of(call["id"])
            assert await answer(client) == "Sorry, that did not work."

    stage.play(script)


def test_only_allowed_tools_are_called(stage: Stage, shop: Shop) -> None:
    async def script(client: SocketClient) -> None:
        await declare(client, declared(shop.url, allowed_tools=["greet"]))
        await client.ask("tea")
        assert await answer(client) == "Let me look."

    stage.play(script)


def test_client_asks_for_the_result_where_the_server_does_not_go_on(stage: Stage, shop: Shop) -> None:
    async def script(client: SocketClient) -> None:
        await declare(client, declared(shop.url))
        await client.ask("greet")
        assert calls((await client.until("response.done"))["response"])
        await client.send("response.create")
        assert await answer(client) == "Hello, Ann!"

    stage.play(script, "halting")


def test_cancelled_call_ends_and_holds_up_no_other(stage: Stage, shop: Shop) -> None:
    async def script(client: SocketClient) -> None:
        await declare(client, declared(shop.url))
        await client.ask("slow")
        await client.until("response.mcp_call.in_progress")
        await client.send("response.cancel")
        response = (await client.until("response.done"))["response"]
        assert (response["status"], response["output"][0]["status"]) == ("cancelled", "incomplete")
        await client.ask("greet")
        # The tool has 30 s for its answer; whoever comes next does not wait for it.
        async with asyncio.timeout(25):
            assert calls((await client.until("response.done"))["response"])[0]["output"] == "Hello, Ann!"

    stage.play(script)


def test_credentials_are_not_sent_back(stage: Stage, shop: Shop) -> None:
    async def script(client: SocketClient) -> None:
        await declare(client, declared(shop.url, headers={"X-Key": "hidden"}))
        await client.send("session.update", session={"instructions": "more"})
        updated = await client.until("session.updated")
        assert updated["session"]["tools"][0]["server_url"] == shop.url
        texts = [frame.text for frame in client.frames if frame.sender == "server"]
        assert not any("s3cret" in text or "hidden" in text for text in texts)
        await client.ask("greet")
        await client.until("response.done")
        assert await answer(client) == "Hello, Ann!"

    stage.play(script)
