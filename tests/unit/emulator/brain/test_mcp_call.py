"""Contract of emulator/brain/mcp_call.py and of the responses that call tools, as a client sees them."""

from __future__ import annotations

import pytest

from conformance.emulator.driver import MCP, TOOLS, Driver, Json, Latency, kinds
from voxruntime.emulator.brain.behaviour import Behaviour
from voxruntime.emulator.brain.requests import Abandon, CallTool, ListTools

CAREFUL = {**MCP, "require_approval": "always"}


def shopping(tool: Json = MCP, *, is_listed: bool = True, **options: object) -> Driver:
    driver = Driver(**options)
    driver.configure(output_modalities=["text"], tools=[tool])
    if is_listed:
        driver.run(1)
    return driver


def said(driver: Driver) -> list[str]:
    return [event["text"] for event in driver.of_type("response.output_text.done")]


def responses(driver: Driver) -> list[Json]:
    return [event["response"] for event in driver.of_type("response.done")]


def asked_for_approval(driver: Driver) -> Json:
    items = [event["item"] for event in driver.of_type("conversation.item.added")]
    [*_, request] = [item for item in items if item["type"] == "mcp_approval_request"]
    return request


def approve(driver: Driver, request_id: str, **fields: object) -> list[Json]:
    item = {"type": "mcp_approval_response", "approval_request_id": request_id, "approve": True, **fields}
    return driver.send("conversation.item.create", item=item)


def test_result_is_said_in_a_response_of_the_servers_own() -> None:
    driver = shopping()
    driver.ask("price of tea")
    assert said(driver) == ["Let me look.", "It is 3 euro."]
    first, second = responses(driver)
    assert [item["type"] for item in first["output"]] == ["message", "mcp_call"]
    assert [item["type"] for item in second["output"]] == ["message"]


def test_failure_is_said_with_its_reason() -> None:
    driver = shopping()
    driver.broken.add(CallTool)
    driver.ask("price of tea")
    assert said(driver)[-1] == "No price: The till is stuck."


@pytest.mark.parametrize("when", ["response.mcp_call.completed", "response.done"])
def test_client_that_asks_for_the_result_gets_it_once(when: str) -> None:
    driver = shopping()
    driver.write("price of tea")
    driver.send("response.create")
    driver.run_until(when)
    driver.send("response.create")
    driver.run(5)
    assert said(driver) == ["Let me look.", "It is 3 euro."]
    assert not driver.of_type("error")


def test_client_asks_where_the_server_does_not_go_on() -> None:
    driver = shopping(behaviour=Behaviour(mcp_continues=False))
    driver.ask("price of tea")
    assert said(driver) == ["Let me look."]
    driver.send("response.create")
    driver.run(5)
    assert said(driver)[-1] == "It is 3 euro."


def test_function_of_the_same_name_comes_first() -> None:
    driver = shopping()
    function = {"type": "function", "name": "price", "parameters": {}}
    driver.configure(output_modalities=["text"], tools=[MCP, function])
    driver.ask("price of tea")
    assert [item["type"] for item in responses(driver)[-1]["output"]] == ["message", "function_call"]


def test_result_waits_for_the_functions_of_the_same_reaction() -> None:
    driver = shopping()
    driver.configure(output_modalities=["text"], tools=[MCP, *TOOLS])
    driver.run(1)
    driver.ask("everything")
    assert said(driver) == []
    [call] = driver.of_type("response.function_call_arguments.done")
    output = {"type": "function_call_output", "call_id": call["call_id"], "output": '{"time": "noon"}'}
    driver.send("conversation.item.create", item=output)
    driver.send("response.create")
    driver.run(5)
    assert said(driver) == ["3 euro, 7 left, at noon."]


def test_response_to_the_caller_waits_for_the_list_and_the_greeting_does_not() -> None:
    driver = shopping(is_listed=False, latency=Latency(mcp=3.0))
    driver.send("response.create")
    driver.run(1)
    assert said(driver) == ["Welcome to the desk."]
    driver.write("price of tea")
    driver.send("response.create")
    driver.run(1)
    assert len(said(driver)) == 1
    driver.run(10)
    assert said(driver)[-1] == "It is 3 euro."


def test_response_goes_on_without_tools_when_the_list_fails() -> None:
    driver = shopping(is_listed=False)
    driver.broken.add(ListTools)
    driver.ask("price of tea")
    assert said(driver) == ["Let me look."]


@pytest.mark.parametrize(
    "choice",
    [
        "required",
        {"type": "mcp", "server_label": "shop"},
        {"type": "mcp", "server_label": "shop", "name": "stock"},
    ],
)
def test_tool_may_be_demanded(choice: object) -> None:
    driver = shopping()
    driver.ask("hello", tool_choice=choice)
    [call] = [item for item in responses(driver)[0]["output"] if item["type"] == "mcp_call"]
    assert call["name"] == ("stock" if "name" in choice else "price")


@pytest.mark.parametrize("choice", ["none", {"type": "mcp", "server_label": "other"}])
def test_tool_that_may_not_be_called_is_not(choice: object) -> None:
    driver = shopping()
    driver.ask("hello", tool_choice=choice)
    assert said(driver) == ["Hello to you."]


def test_call_waits_for_approval_and_the_question_is_an_item() -> None:
    driver = shopping(CAREFUL)
    driver.ask("price of tea")
    request = asked_for_approval(driver)
    assert (request["name"], request["arguments"]) == ("price", '{"item":"tea"}')
    assert not driver.of_type("response.mcp_call.in_progress")
    approve(driver, request["id"])
    driver.run(5)
    assert said(driver)[-1] == "It is 3 euro."
    assert responses(driver)[0]["output"][1]["approval_request_id"] == request["id"]


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"approval_request_id": "mcp_unknown"}, "item.approval_request_id"),
        ({"approval_request_id": None}, "item.approval_request_id"),
        ({"approve": None}, "item.approve"),
    ],
)
def test_answer_that_fits_no_question_is_an_error(fields: Json, param: str) -> None:
    driver = shopping(CAREFUL)
    driver.ask("price of tea")
    [error] = approve(driver, asked_for_approval(driver)["id"], **fields)
    assert error["error"]["param"] == param


def test_question_is_answered_once() -> None:
    driver = shopping(CAREFUL)
    driver.ask("price of tea")
    request_id = asked_for_approval(driver)["id"]
    approve(driver, request_id)
    assert [event["type"] for event in approve(driver, request_id)] == ["error"]


def test_caller_who_speaks_ends_the_wait_for_approval() -> None:
    driver = shopping(CAREFUL)
    driver.ask("price of tea")
    request_id = asked_for_approval(driver)["id"]
    driver.speak("hello")
    driver.run(5)
    assert [response["status"] for response in responses(driver)] == ["cancelled", "completed"]
    assert [event["type"] for event in approve(driver, request_id)] == ["error"]


def test_cancelled_call_is_abandoned_and_incomplete() -> None:
    driver = shopping(latency=Latency(mcp=0.5))
    driver.write("price of tea")
    driver.send("response.create")
    driver.run_until("response.mcp_call.in_progress")
    driver.send("response.cancel")
    driver.run(5)
    [response] = responses(driver)
    assert [(item["type"], item["status"]) for item in response["output"]] == [
        ("message", "completed"),
        ("mcp_call", "incomplete"),
    ]
    [called] = [request for request in driver.requests if isinstance(request, CallTool)]
    assert Abandon(called.id) in driver.requests
    assert said(driver) == ["Let me look."]


def test_call_beside_the_conversation_leaves_no_item_there() -> None:
    driver = shopping()
    item = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "price of tea"}]}
    before = len(driver.of_type("conversation.item.added"))
    driver.send("response.create", response={"conversation": "none", "input": [item]})
    driver.run(5)
    [response] = responses(driver)
    assert response["output"][1]["output"] == '{"euro": 3}'
    assert len(driver.of_type("conversation.item.added")) == before


def test_tool_that_needs_approval_is_not_called_beside_the_conversation() -> None:
    driver = shopping(CAREFUL)
    item = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "price of tea"}]}
    driver.send("response.create", response={"conversation": "none", "input": [item]})
    driver.run(5)
    [response] = responses(driver)
    assert [item["type"] for item in response["output"]] == ["message"]


def test_tools_of_one_response_are_listed_for_it() -> None:
    driver = Driver()
    driver.configure(output_modalities=["text"], tools=[])
    driver.ask("price of tea", tools=[MCP])
    assert kinds(driver.of_type("mcp_list_tools.completed")) == ["mcp_list_tools.completed"]
    assert said(driver)[0] == "Let me look."
    assert responses(driver)[0]["output"][1]["type"] == "mcp_call"
