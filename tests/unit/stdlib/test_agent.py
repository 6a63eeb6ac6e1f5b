"""`require("agent")`: each function alone, against the engine's answers played by hand."""

from __future__ import annotations

import re

import pytest

from scenario_stage import INCOMING, Stage, bodies, command, commands, handle_of_client
from voxruntime.config import shipped
from voxruntime.turn.messages import (
    ConnectRealtime,
    HangUpCall,
    InterruptRealtime,
    Listen,
    Plain,
    Reply,
    SendRealtime,
    StartTimer,
    StopTimer,
    WatchQuiet,
)

START = """
require(Modules.Yandex)
Agent = require("agent")
VoxEngine.addEventListener(AppEvents.CallAlerting, function(event)
  call = event.call
  call:answer()
  client = await(Yandex.createRealtimeAPIClient({ apiKey = "k", folderId = "f" }))
  BODY
end)
"""


class Agent:
    """A call whose scenario runs `body` once the client is connected."""

    def __init__(self, stage: Stage, body: str) -> None:
        self.stage = stage
        stage.run(START.replace("BODY", body))
        alerted = stage.alert()
        self.client = handle_of_client(alerted)
        self.opened = stage.open(alerted)

    def hears(self, constant: str, **payload: Plain) -> Reply:
        return self.stage.provider(constant, payload, client=self.client)

    def settle(self, promise: int, **payload: Plain) -> Reply:
        return self.stage.turn("promise.resolve", payload, target=promise)


def sent(*replies: Reply) -> list[tuple[str, object]]:
    """Realtime messages, in order."""
    return [
        (message.event_type, body)
        for reply in replies
        for message, body in zip(commands(reply, SendRealtime), bodies(reply), strict=True)
    ]


def output(call_id: str, text: str) -> tuple[str, object]:
    item = {"type": "function_call_output", "call_id": call_id, "output": text}
    return ("conversation.item.create", {"item": item})


GO_ON: tuple[str, object] = ("response.create", {})

BAD_ARGUMENTS = {
    "Agent.bargeIn()": "Agent.bargeIn: argument 1 must be a realtime client (from createRealtimeAPIClient), got nil",
    "Agent.bargeIn(call)": "Agent.bargeIn: argument 1 must be a realtime client",
    "Agent.bargeIn(client, { on_interupt = print })": (
        'Agent.bargeIn: argument 2 must be a table of cancel, on_interrupt, truncate, got the string "on_interupt"'
    ),
    "Agent.bargeIn(client, { cancel = 1 })": "Agent.bargeIn: argument 2.cancel must be a boolean, got the number 1",
    "Agent.hangupAfterSpeech(client, client)": "Agent.hangupAfterSpeech: argument 1 must be a call",
    "Agent.hangupAfterSpeech(call)": "Agent.hangupAfterSpeech: argument 2 must be a realtime client",
    "Agent.hangupAfterSpeech(call, client, { limit_ms = -1 })": (
        "Agent.hangupAfterSpeech: argument 3.limit_ms must be 0 to 3600000, got the number -1"
    ),
    "Agent.tools()": "Agent.tools: argument 1 must be a table, got nil",
    "Agent.tools({ print })": "Agent.tools: argument 1 must be a table of functions by name, got the number 1",
    "Agent.tools({ a = 1 })": "Agent.tools: argument 1.a must be a table, got the number 1",
    "Agent.tools({ a = {} })": "Agent.tools: argument 1.a.run must be a function, got nil",
    "Agent.tools({ a = { run = print, params = {} } })": "Agent.tools: argument 1.a must be a function, or a table of",
    "Agent.tools({ web_search = print })": (
        "Agent.tools: argument 1.web_search must be another name, since the provider runs this one itself"
    ),
    "Agent.tools({}).serve(call)": "tools.serve: argument 1 must be a realtime client",
    "Agent.transcript({})": "Agent.transcript: argument 1 must be a realtime client",
    "Agent.idle(client, { times = '2' })": 'Agent.idle: argument 2.times must be a number, got the string "2"',
    "Agent.reconnect({})": "Agent.reconnect: argument 1.connect must be a table, got nil",
    "Agent.reconnect({ connect = {} })": "Agent.reconnect: argument 1.ready must be a function, got nil",
}


def test_bad_arguments_name_function_place_and_what_was_expected(stage: Stage) -> None:
    tries = "\n".join(
        f"do local _, err = pcall(function() {code} end) print(err.code, err.message) end"
        for code in BAD_ARGUMENTS
    )
    Agent(stage, tries)
    said = stage.said()
    assert len(said) == len(BAD_ARGUMENTS)
    for line, expected in zip(said, BAD_ARGUMENTS.values(), strict=True):
        assert line.startswith(f"argument.invalid\t{expected}")


def test_a_bad_argument_ends_the_session_at_the_scenarios_line(stage: Stage) -> None:
    reply = stage.load('local Agent = require("agent")\n\nAgent.transcript(nil)')
    assert reply.fault is not None
    assert (reply.fault.file, reply.fault.line) == ("main.lua", 3)


def test_the_modules_example_runs(stage: Stage) -> None:
    text = (shipped("stdlib") / "agent.lua").read_text(encoding="utf-8")
    (example,) = re.findall(r"--- ```lua\n(.*?)--- ```", text, re.S)
    source = re.sub(r"^--- ?", "", example, flags=re.M)
    stage.run(source, secrets={"YANDEX_API_KEY": "e", "YANDEX_FOLDER_ID": "e"})
    (update, greeting) = sent(stage.open(stage.alert()))
    assert update[0] == "session.update"
    assert greeting == ("response.create", {"response": {"instructions": "Greet the caller."}})


# Barge-in


def test_barge_in_interrupts_when_the_caller_speaks_and_tells_what_was_heard(stage: Stage) -> None:
    agent = Agent(
        stage,
        "Agent.bargeIn(client, { on_interrupt = function(heard) print(heard.item_id, heard.heard_ms) end })",
    )
    asked = command(agent.hears("InputAudioBufferSpeechStarted", item_id="u"), InterruptRealtime)
    assert (asked.client, asked.cancel, asked.truncate) == (agent.client, True, True)
    agent.settle(asked.promise, item_id="a", heard_ms=40, received_ms=90, cancelled=False, truncated=True)
    assert stage.said() == ["a\t40"]


def test_barge_in_into_silence_is_no_interruption(stage: Stage) -> None:
    agent = Agent(stage, "Agent.bargeIn(client, { on_interrupt = print, cancel = false, truncate = false })")
    for heard in ({"heard_ms": 0}, {"item_id": "a", "heard_ms": 90, "received_ms": 90}):
        asked = command(agent.hears("InputAudioBufferSpeechStarted", item_id="u"), InterruptRealtime)
        assert (asked.cancel, asked.truncate) == (False, False)
        agent.settle(asked.promise, cancelled=False, truncated=False, **heard)  # type: ignore[arg-type]
    assert stage.said() == []


def test_what_is_stopped_listens_no_more_and_leaves_the_scenarios_listeners(stage: Stage) -> None:
    agent = Agent(
        stage,
        """
        client:addEventListener(Yandex.RealtimeAPIEvents.InputAudioBufferSpeechStarted, function() print("mine") end)
        stops = {
          Agent.bargeIn(client), Agent.idle(client), Agent.transcript(client).stop, Agent.tools({}).serve(client),
        }
        client:addEventListener(Yandex.RealtimeAPIEvents.Error, function()
          for _, stop in ipairs(stops) do stop() stop() end
        end)
        """,
    )
    listened = {listen.event for listen in commands(agent.opened, Listen)}
    left = {listen.event: listen.places for listen in commands(agent.hears("Error"), Listen)}
    assert {event for event in listened if left.get(event, ["untouched"])} == {
        "Yandex.RealtimeAPI.Error",
        "Yandex.RealtimeAPI.InputAudioBufferSpeechStarted",
    }
    assert commands(agent.hears("InputAudioBufferSpeechStarted", item_id="u"), InterruptRealtime) == []
    assert stage.said() == ["mine"]


# Tools

TOOLS = """
local tools = Agent.tools({
  add = {
    description = "Adds", parameters = { type = "object" }, run = function(arguments) return { sum = arguments.a + 1 } end,
  },
  slow = function() await(sleep(1000)) return "done slowly" end,
  none = function() end,
  odd = function() return { print } end,
  fails = function() error("no such account") end,
  raises = function() error({ code = "bank.closed", message = "The bank is closed." }) end,
  bye = { respond = false, run = function() end },
})
print(JSON.encode(tools.definitions))
stop = tools.serve(client)
"""


def called(name: str, arguments: str = "{}", call_id: str = "c", response_id: str = "r") -> dict[str, Plain]:
    item = {
        "type": "function_call",
        "name": name,
        "call_id": call_id,
        "arguments": arguments,
        "status": "completed",
    }
    return {"response_id": response_id, "item": item}


def done(status: str = "completed", response_id: str = "r") -> dict[str, Plain]:
    return {"response": {"id": response_id, "status": status}}


def test_definitions_are_what_session_update_takes(stage: Stage) -> None:
    Agent(stage, TOOLS)
    (listed,) = stage.said()
    assert listed.startswith(
        '[{"description":"Adds","name":"add","parameters":{"type":"object"},"type":"function"},'
        '{"name":"bye","type":"function"},'
    )


@pytest.mark.parametrize(
    ("name", "arguments", "answer", "logged"),
    [
        ("add", '{"a":1}', '{"sum":2}', None),
        ("none", "", '{"done":true}', None),
        ("fails", "{}", '{"error":"no such account"}', "fails failed: main.lua:16: no such account"),
        (
            "raises",
            "{}",
            '{"error":"The bank is closed."}',
            "raises failed: The bank is closed. (code bank.closed)",
        ),
        ("add", "{", '{"error":"The arguments are no JSON object."}', "the model called add with arguments"),
        (
            "add",
            "[]x",
            '{"error":"The arguments are no JSON object."}',
            "the model called add with arguments",
        ),
        ("ad", "{}", '{"error":"There is no function ad."}', "the model called ad, which is no function"),
        ("odd", "{}", '{"error":"', "odd returned what JSON does not have"),
    ],
)
def test_a_call_is_answered_and_the_model_goes_on(
    stage: Stage, name: str, arguments: str, answer: str, logged: str | None
) -> None:
    agent = Agent(stage, TOOLS)
    stage.said()
    agent.hears("ResponseCreated", **done("in_progress"))
    ((kind, body),) = sent(agent.hears("ResponseOutputItemDone", **called(name, arguments)))
    assert kind == "conversation.item.create"
    text = body["item"]["output"]  # type: ignore[index]
    assert text.startswith(answer)
    assert sent(agent.hears("ResponseDone", **done())) == [GO_ON]
    said = stage.said()
    assert [line[: len(logged or "")] for line in said] == ([logged] if logged else [])


def test_several_calls_of_a_response_are_answered_before_the_model_goes_on_once(stage: Stage) -> None:
    agent = Agent(stage, TOOLS)
    agent.hears("ResponseCreated", **done("in_progress"))
    slow = agent.hears("ResponseOutputItemDone", **called("slow", call_id="c1"))
    assert sent(slow) == []
    quick = agent.hears("ResponseOutputItemDone", **called("add", '{"a":1}', call_id="c2"))
    assert sent(quick) == [output("c2", '{"sum":2}')]
    assert sent(agent.hears("ResponseDone", **done())) == []
    awake = stage.fire(command(slow, StartTimer).timer)
    assert sent(awake) == [output("c1", "done slowly"), GO_ON]


def test_a_call_that_comes_twice_is_made_once(stage: Stage) -> None:
    agent = Agent(stage, TOOLS)
    first, again = (agent.hears("ResponseOutputItemDone", **called("add", '{"a":1}')) for _ in range(2))
    assert (len(sent(first)), sent(again)) == (1, [])


@pytest.mark.parametrize("name", ["web_search", "file_search"])
def test_what_the_provider_runs_itself_is_not_answered(stage: Stage, name: str) -> None:
    agent = Agent(stage, TOOLS)
    assert sent(agent.hears("ResponseOutputItemDone", **called(name))) == []
    assert sent(agent.hears("ResponseDone", **done())) == []


def test_a_function_without_response_is_answered_and_no_more(stage: Stage) -> None:
    agent = Agent(stage, TOOLS)
    replies = [agent.hears("ResponseOutputItemDone", **called("bye")), agent.hears("ResponseDone", **done())]
    assert sent(*replies) == [output("c", '{"done":true}')]


def test_the_model_does_not_go_on_after_a_cancelled_response(stage: Stage) -> None:
    agent = Agent(stage, TOOLS)
    agent.hears("ResponseOutputItemDone", **called("none"))
    assert sent(agent.hears("ResponseDone", **done("cancelled"))) == []


def test_the_model_goes_on_when_the_response_that_came_between_is_over(stage: Stage) -> None:
    agent = Agent(stage, TOOLS)
    slow = agent.hears("ResponseOutputItemDone", **called("slow"))
    agent.hears("ResponseDone", **done())
    agent.hears("ResponseCreated", **done("in_progress", "between"))
    assert sent(stage.fire(command(slow, StartTimer).timer)) == [output("c", "done slowly")]
    assert sent(agent.hears("ResponseDone", **done(response_id="between"))) == [GO_ON]
    agent.hears("ResponseCreated", **done("in_progress", "next"))
    assert sent(agent.hears("ResponseDone", **done(response_id="next"))) == []


# Hanging up


def test_the_call_is_hung_up_when_the_agent_is_quiet(stage: Stage) -> None:
    agent = Agent(stage, "Agent.hangupAfterSpeech(call, client, { quiet_ms = 300, limit_ms = 5000 })")
    waits, limit = command(agent.opened, WatchQuiet), command(agent.opened, StartTimer)
    assert (waits.quiet_ms, limit.delay_ms) == (300, 5000)
    ended = agent.settle(waits.promise, quiet=True)
    assert command(ended, HangUpCall).call == INCOMING
    assert command(ended, StopTimer).timer == limit.timer


def test_the_call_is_hung_up_at_the_limit_and_once(stage: Stage) -> None:
    agent = Agent(stage, "Agent.hangupAfterSpeech(call, client)")
    assert len(commands(stage.fire(command(agent.opened, StartTimer).timer), HangUpCall)) == 1
    assert commands(agent.settle(command(agent.opened, WatchQuiet).promise, quiet=True), HangUpCall) == []


def test_a_call_that_has_ended_or_was_spared_is_not_hung_up(stage: Stage, other_stage: Stage) -> None:
    ended = Agent(stage, "Agent.hangupAfterSpeech(call, client)")
    stage.connect()
    stage.end()
    assert commands(ended.settle(command(ended.opened, WatchQuiet).promise, quiet=True), HangUpCall) == []
    assert stage.warnings() == []
    spared = Agent(other_stage, "Agent.hangupAfterSpeech(call, client)()")
    assert commands(spared.settle(command(spared.opened, WatchQuiet).promise, quiet=True), HangUpCall) == []


# Silence

IDLE = """
Agent.idle(client, { first_ms = 7000, again_ms = 5000, times = 2, OPTIONS on_give_up = function() print("give up") end })
"""


def idle(stage: Stage, options: str = "") -> tuple[Agent, WatchQuiet]:
    agent = Agent(stage, IDLE.replace("OPTIONS", options))
    return agent, command(agent.opened, WatchQuiet)


def quiet_at(agent: Agent, watch: WatchQuiet, seconds: float) -> Reply:
    """The agent has been quiet for as long as was asked, at a time of the session."""
    return agent.stage.turn("promise.resolve", {"quiet": True}, target=watch.promise, now=seconds)


def test_silence_is_asked_into_so_many_times_and_then_given_up(stage: Stage) -> None:
    agent, watch = idle(stage, 'instructions = "Still there?",')
    assert watch.quiet_ms == 7000
    first = quiet_at(agent, watch, 10.0)
    question = ("response.create", {"response": {"instructions": "Still there?"}})
    assert sent(first) == [question]
    watch = command(first, WatchQuiet)
    assert watch.quiet_ms == 5000
    second = quiet_at(agent, watch, 20.0)
    assert sent(second) == [question]
    quiet_at(agent, command(second, WatchQuiet), 30.0)
    assert stage.said() == ["give up"]


def test_speech_of_the_caller_puts_the_question_off_and_counts_anew(stage: Stage) -> None:
    agent, watch = idle(stage, "on_idle = print,")
    watch = command(quiet_at(agent, watch, 10.0), WatchQuiet)
    assert stage.said() == ["1"]
    stage.turn(
        "Yandex.RealtimeAPI.InputAudioBufferSpeechStarted",
        {"data": {}},
        target=agent.client,
        text="{}",
        now=14.0,
    )
    assert commands(quiet_at(agent, watch, 15.0), WatchQuiet) == []
    stopped = stage.turn(
        "Yandex.RealtimeAPI.InputAudioBufferSpeechStopped",
        {"data": {}},
        target=agent.client,
        text="{}",
        now=16.0,
    )
    watch = command(stopped, WatchQuiet)
    assert watch.quiet_ms == 7000
    # The agent has been quiet for long, the caller for 1 s.
    late = quiet_at(agent, watch, 17.0)
    assert command(late, StartTimer).delay_ms == pytest.approx(6000)
    again = stage.turn("timer", target=command(late, StartTimer).timer, now=23.0)
    quiet_at(agent, command(again, WatchQuiet), 23.0)
    assert stage.said() == ["1"]


def test_a_closed_client_is_not_asked_any_more(stage: Stage) -> None:
    agent, watch = idle(stage)
    assert agent.settle(watch.promise, quiet=False).commands == []


def test_an_error_in_a_callback_ends_the_session_at_its_line(stage: Stage) -> None:
    agent, watch = idle(stage, "on_idle = function() error('oops') end,")
    fault = agent.stage.failing_turn("promise.resolve", {"quiet": True}, target=watch.promise, now=10.0).fault
    assert fault is not None
    assert (fault.message, fault.file, fault.line) == ("oops", "main.lua", 9)


# Transcript

TRANSCRIPT = """
local transcript = Agent.transcript(client)
Agent.bargeIn(client)
client:addEventListener(Yandex.RealtimeAPIEvents.Error, function()
  print(transcript.text())
  print(JSON.encode(transcript.entries()))
end)
"""


def item(item_id: str, role: str, content: Plain = None, previous: str | None = None) -> dict[str, Plain]:
    described: dict[str, Plain] = {"id": item_id, "type": "message", "role": role, "content": content or []}
    return {"item": described, "previous_item_id": previous}


def transcript_of(agent: Agent) -> str:
    agent.hears("Error")
    return agent.stage.said()[0]


def test_both_sides_in_the_order_of_the_conversation_however_late_the_words_come(stage: Stage) -> None:
    agent = Agent(stage, TRANSCRIPT)
    agent.hears("ResponseOutputItemAdded", item={"id": "a1", "type": "message"})
    agent.hears("ConversationItemCreated", **item("a1", "assistant"))
    agent.hears("ResponseOutputAudioTranscriptDone", item_id="a1", content_index=0, transcript="Hello!")
    agent.hears("InputAudioBufferCommitted", item_id="u1", previous_item_id="a1")
    agent.hears(
        "ConversationItemCreated", **item("u1", "user", [{"type": "input_audio", "transcript": None}])
    )
    agent.hears("ConversationItemCreated", **item("a2", "assistant", previous="u1"))
    for delta in ("You ", "are "):
        agent.hears("ResponseOutputTextDelta", item_id="a2", content_index=0, delta=delta)
    agent.hears(
        "ConversationItemInputAudioTranscriptionCompleted",
        item_id="u1",
        content_index=0,
        transcript="balance",
    )
    agent.hears(
        "ConversationItemCreated", **item("s", "system", [{"type": "input_text", "text": "Be brief."}])
    )
    agent.hears(
        "ConversationItemCreated", **item("u2", "user", [{"type": "input_text", "text": "typed"}], "a2")
    )
    assert transcript_of(agent) == "agent: Hello!\ncaller: balance\nagent: You are \ncaller: typed"
    agent.hears("ResponseOutputTextDone", item_id="a2", content_index=0, text="You are rich.")
    agent.hears(
        "ConversationItemInputAudioTranscriptionCompleted",
        item_id="u1",
        content_index=0,
        transcript="my balance",
    )
    agent.hears("ConversationItemDeleted", item_id="u2")
    assert transcript_of(agent) == "agent: Hello!\ncaller: my balance\nagent: You are rich."


def test_an_interrupted_answer_holds_what_was_heard(stage: Stage) -> None:
    agent = Agent(stage, TRANSCRIPT)
    for name in ("a", "b"):
        agent.hears("ConversationItemCreated", **item(name, "assistant"))
        agent.hears(
            "ResponseOutputAudioTranscriptDone",
            item_id=name,
            content_index=0,
            transcript="one two three four",
        )
    asked = command(agent.hears("InputAudioBufferSpeechStarted", item_id="u"), InterruptRealtime)
    agent.settle(asked.promise, item_id="a", heard_ms=500, received_ms=1000, cancelled=False, truncated=True)
    agent.hears("ConversationItemTruncated", item_id="a", content_index=0, audio_end_ms=500)
    agent.hears("ConversationItemTruncated", item_id="b", content_index=0, audio_end_ms=0)
    assert transcript_of(agent) == "agent: one two …\nagent:  …"


# Reconnecting

RECONNECT = """
require(Modules.Yandex)
local Agent = require("agent")
Agent.reconnect({
  connect = { apiKey = "k", folderId = "f", onWebSocketClose = function(event) print("closed", event.code) end },
  first_ms = 100,
  ready = function(client, is_again)
    print("ready", is_again)
    client:responseCreate({})
    client:addEventListener(Yandex.RealtimeAPIEvents.Error, function() link.close() end)
  end,
  FAILED
}):next(function(made) link = made print("link") end, function(err) print("refused", err.code) end)
"""


def reconnecting(
    stage: Stage, failed: str = "failed = function(err) print('failed', err.code) end,"
) -> Reply:
    return stage.run(RECONNECT.replace("FAILED", failed))


def closes(stage: Stage, client: int, now: float | None = None) -> Reply:
    payload: dict[str, Plain] = {"code": 1006, "reason": "", "wasClean": False}
    return stage.turn("WebSocket.Close", payload, target=client, now=now)


def test_a_lost_connection_is_replaced_and_told_what_was_said(stage: Stage) -> None:
    asked = reconnecting(stage)
    assert sent(stage.open(asked)) == [GO_ON]
    first = handle_of_client(asked)
    stage.provider("ConversationItemCreated", item("u", "user", [{"text": "Hi"}]), client=first)
    stage.provider(
        "ResponseOutputAudioTranscriptDone", {"item_id": "a", "transcript": "Hello!"}, client=first
    )
    assert stage.said() == ["ready\tfalse", "link"]
    lost = closes(stage, first, now=60.0)
    context = "You have already said to the caller: Hello!"
    replayed = [
        {
            "id": "history_1",
            "type": "message",
            "role": "user",
            "content": [{"type": "input_text", "text": "Hi"}],
        },
        {
            "id": "history_2",
            "type": "message",
            "role": "system",
            "content": [{"type": "input_text", "text": context}],
        },
    ]
    creates = [("conversation.item.create", {"item": entry}) for entry in replayed]
    assert sent(stage.open(lost)) == [*creates, GO_ON]
    assert stage.said() == ["closed\t1006", "ready\ttrue"]
    # The next one knows all of it too, and nothing twice.
    second = handle_of_client(lost)
    stage.provider("ConversationItemCreated", item("history_1", "user", [{"text": "Hi"}]), client=second)
    stage.provider("ConversationItemCreated", item("u2", "user", [{"text": "More"}]), client=second)
    third = sent(stage.open(closes(stage, second, now=120.0)))
    assert [body["item"]["content"][0]["text"] for _, body in third[:-1]] == ["Hi", context, "More"]  # type: ignore[index]


def test_tries_are_three_with_growing_pauses(stage: Stage) -> None:
    asked = reconnecting(stage)
    pauses = []
    for _ in range(2):
        refused = stage.refuse(asked, code="provider.unreachable", retryable=True)
        timer = command(refused, StartTimer)
        pauses.append(timer.delay_ms)
        asked = stage.fire(timer.timer)
    assert pauses == [100, 200]
    assert commands(stage.refuse(asked, code="provider.unreachable", retryable=True), StartTimer) == []
    assert stage.said()[-1] == "refused\tprovider.unreachable"


def test_what_no_repetition_helps_against_is_not_repeated(stage: Stage) -> None:
    assert commands(stage.refuse(reconnecting(stage)), StartTimer) == []
    assert stage.said() == ["refused\tprovider.auth"]


def test_a_connection_that_cannot_be_replaced_is_told(stage: Stage) -> None:
    asked = reconnecting(stage)
    stage.open(asked)
    stage.refuse(closes(stage, handle_of_client(asked)))
    assert stage.said()[-1] == "failed\tprovider.auth"


def test_a_connection_lost_again_and_again_is_given_up(stage: Stage) -> None:
    asked = reconnecting(stage)
    for second in range(3):
        stage.open(asked)
        asked = closes(stage, handle_of_client(asked), now=float(second))
    stage.open(asked)
    assert commands(closes(stage, handle_of_client(asked), now=4.0), ConnectRealtime) == []
    assert stage.said()[-1] == "failed\tprovider.unavailable"


def test_without_a_handler_the_loss_ends_the_session(stage: Stage) -> None:
    asked = reconnecting(stage, failed="")
    stage.open(asked)
    fault = stage.refuse(closes(stage, handle_of_client(asked))).fault
    assert fault is not None
    assert fault.code == "provider.auth"


def test_a_link_that_is_closed_stays_closed(stage: Stage) -> None:
    asked = reconnecting(stage)
    stage.open(asked)
    client = handle_of_client(asked)
    stage.provider("Error", {}, client=client)
    assert commands(closes(stage, client), ConnectRealtime) == []
