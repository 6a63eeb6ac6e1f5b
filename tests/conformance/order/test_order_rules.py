"""The order rules of the scenario's world, one after the other."""

from __future__ import annotations

from scenario_stage import Stage, handle_of_client

# Rule 1: `await` always suspends, also on a settled promise. A rejection raises the original error at the `await`.


def test_rule_1_await_suspends_on_settled_promises_and_on_plain_values(stage: Stage) -> None:
    stage.run("""
VoxEngine.addEventListener(AppEvents.Started, function()
  Promise.resolve():next(function() print("microtask") end)
  print("await gives", await(Promise.resolve("settled")), await(5), await(nil))
end)
VoxEngine.addEventListener(AppEvents.Started, function() print("second listener") end)
""")
    stage.turn("Application.Started")
    assert stage.said() == ["second listener", "microtask", "await gives\tsettled\t5\tnil"]


def test_rule_1_a_rejection_raises_the_very_same_error_at_the_await(stage: Stage) -> None:
    stage.run("""
local reason = { code = "own", message = "mine" }
local ok, err = pcall(await, Promise.reject(reason))
print(ok, err == reason, tostring(select(2, pcall(await, Promise.reject("text")))))
""")
    assert stage.said() == ["false\ttrue\ttext"]


def test_rule_1_an_uncaught_rejection_names_both_places(stage: Stage) -> None:
    stage.run("""
local function produce()
  local made = Promise.new(function(_, reject)
    setTimeout(function() reject({ code = "own", message = "mine" }) end, 10)
  end)
  return made
end
VoxEngine.addEventListener(AppEvents.Started, function()
  await(produce())
end)
""")
    stage.turn("Application.Started")
    fault = stage.failing_turn("timer", target=1).fault
    assert fault is not None
    assert fault.message == "mine (code own)"
    assert (fault.file, fault.line) == ("main.lua", 9)
    assert fault.traceback == (
        "main.lua:9: in function <main.lua:8>\nrejected at main.lua:4\nin the promise made at main.lua:3"
    )
    assert fault.during == "Application.Started, handler at main.lua:8"


def test_rule_1_an_error_in_a_handler_keeps_its_own_place(stage: Stage) -> None:
    fault = stage.load("""
local p = Promise.resolve():next(function()
  local t = nil
  return t.field
end)
await(p)
""").fault
    assert fault is not None
    assert (fault.file, fault.line) == ("main.lua", 4)
    assert fault.traceback == (
        "main.lua:6: in main chunk\n"
        "raised at\nmain.lua:4: in function <main.lua:2>\nin the promise made at main.lua:2"
    )


# Rule 2: all listeners start, in order of registration, before any continuation; continuations first in, first out.


def test_rule_2_listeners_start_before_continuations_which_run_in_order(stage: Stage) -> None:
    stage.run("""
for i = 1, 3 do
  VoxEngine.addEventListener(AppEvents.Started, function()
    print("start", i)
    await(Promise.resolve())
    print("continue", i)
    await(Promise.resolve())
    print("end", i)
  end)
end
""")
    stage.turn("Application.Started")
    assert stage.said() == [f"{step}\t{i}" for step in ("start", "continue", "end") for i in (1, 2, 3)]


def test_rule_2_handlers_and_awaits_of_one_promise_run_in_the_order_they_were_added(stage: Stage) -> None:
    stage.run("""
local settle
local p = Promise.new(function(resolve) settle = resolve end)
p:next(function() print(1) end)
Promise.resolve():next(function() await(p) print(3) end)
setTimeout(function()
  p:next(function() print(4) end)
  settle()
  p:next(function() print(5) end)
  print(0)
end, 1)
p:finally(function() print(2) end)
""")
    stage.fire(1)
    assert stage.said() == ["0", "1", "2", "3", "4", "5"]


def test_rule_2_the_turn_ends_only_when_no_continuation_is_left(stage: Stage) -> None:
    reply = stage.run("""
local p = Promise.resolve(0)
for _ = 1, 50 do p = p:next(function(n) return Promise.resolve(n + 1) end) end
p:next(function(n) VoxEngine.customData(tostring(n)) end)
""")
    assert [command.text for command in reply.commands] == ["50"]


# Rule 3: the engine sends waiting events in its order of priority; each is a turn, handled as it comes.


def test_rule_3_events_are_handled_one_turn_at_a_time_in_the_order_sent(stage: Stage) -> None:
    reply = stage.run("""
require(Modules.Yandex)
setTimeout(function() print("first") await(nil) print("first goes on") end, 5)
setTimeout(function() print("second") end, 5)
await(Yandex.createRealtimeAPIClient({ apiKey = "k", folderId = "f" }))
print("settled")
""")
    stage.open(reply)
    stage.fire(1)
    stage.fire(2)
    assert stage.said() == ["settled", "first", "first goes on", "second"]


# Rule 4: `Started` waits for the top level: the reply says whether it has finished.


def test_rule_4_loaded_is_true_once_every_top_level_has_finished(stage: Stage) -> None:
    first = stage.run("await(sleep(10)) print('one')", "await(sleep(20)) print('two')")
    assert not first.loaded
    assert not stage.fire(1).loaded
    assert stage.fire(2).loaded
    assert stage.said() == ["one", "two"]


# Rule 5: provider events of a new client wait until the code that got it has run.


LATE = """
require(Modules.Yandex)
local connecting = Yandex.createRealtimeAPIClient({ apiKey = "k", folderId = "f" })
await(sleep(1000))
local client = await(connecting)
client:addEventListener(Yandex.RealtimeAPIEvents.SessionCreated, function(event)
  print("created", event.client == client, event.data.payload.session.id)
  await(nil)
  print("created goes on")
end)
client:addEventListener(Yandex.RealtimeAPIEvents.Error, function() print("error") end)
print("got it")
"""


def test_rule_5_a_listener_added_right_after_the_await_hears_the_first_event(stage: Stage) -> None:
    reply = stage.run("""
require(Modules.Yandex)
local client = await(Yandex.createRealtimeAPIClient({ apiKey = "k", folderId = "f" }))
client:addEventListener(Yandex.RealtimeAPIEvents.SessionCreated, function() print("created") end)
""")
    stage.open(reply)
    stage.provider("SessionCreated", {"type": "session.created"}, client=handle_of_client(reply))
    assert stage.said() == ["created"]


def test_rule_5_events_before_a_late_await_are_held_and_then_come_in_order(stage: Stage) -> None:
    reply = stage.run(LATE)
    client = handle_of_client(reply)
    held = stage.open(reply)
    assert [(command.target, command.event) for command in held.commands] == [(client, "*")]
    stage.provider("SessionCreated", {"session": {"id": "s"}}, client=client)
    stage.provider("Error", {"error": {}}, client=client)
    assert stage.said() == []
    released = stage.fire(3)
    assert stage.said() == ["got it", "created\ttrue\ts", "created goes on", "error"]
    assert [command.event for command in released.commands][-1] == "*"
    assert released.commands[-1].places == []
    stage.provider("Error", {"error": {}}, client=client)
    assert stage.said() == ["error"]


def test_rule_5_an_unused_client_does_not_keep_events_for_ever(stage: Stage) -> None:
    reply = stage.run("""
require(Modules.Yandex)
Yandex.createRealtimeAPIClient({ apiKey = "k", folderId = "f" })
""")
    stage.open(reply)
    replies = [stage.provider("Error", {}, client=handle_of_client(reply)) for _ in range(101)]
    assert [command.places for command in replies[-1].commands] == [[]]
    assert stage.warnings() == [
        "nothing uses the realtime client made at main.lua:3; its first 101 events are dropped"
    ]


# Rule 6: listeners are taken at dispatch.


def test_rule_6_removed_listeners_are_skipped_and_added_ones_wait(stage: Stage) -> None:
    stage.run("""
local function third() print("third") end
VoxEngine.addEventListener(AppEvents.Started, function()
  print("first")
  VoxEngine.removeEventListener(AppEvents.Started, third)
  VoxEngine.addEventListener(AppEvents.Started, function() print("added") end)
end)
VoxEngine.addEventListener(AppEvents.Started, function() print("second") end)
VoxEngine.addEventListener(AppEvents.Started, third)
""")
    stage.turn("Application.Started")
    assert stage.said() == ["first", "second"]
    stage.turn("Application.Started")
    assert stage.said() == ["first", "second", "added"]


def test_rule_6_the_same_function_twice_is_called_twice_and_removed_at_once(stage: Stage) -> None:
    stage.run("""
local function twice() print("called") end
VoxEngine.addEventListener(AppEvents.Started, twice)
VoxEngine.addEventListener(AppEvents.Started, twice)
setTimeout(function() VoxEngine.removeEventListener(AppEvents.Started, twice) end, 1)
""")
    stage.turn("Application.Started")
    assert stage.said() == ["called", "called"]
    stage.fire(1)
    stage.turn("Application.Started")
    assert stage.said() == []


# Rule 7: a rejection without a handler at the end of its turn ends the scenario; so does an error in a listener.


def test_rule_7_an_unhandled_rejection_ends_the_session_with_both_places(stage: Stage) -> None:
    stage.run("""
VoxEngine.addEventListener(AppEvents.Started, function()
  Promise.new(function(_, reject)
    setTimeout(function()
      reject({ code = "own", message = "mine" })
    end, 1)
  end)
end)
""")
    stage.turn("Application.Started")
    fault = stage.failing_turn("timer", target=1).fault
    assert fault is not None
    assert (fault.code, fault.message) == ("script.rejection", "mine (code own)")
    assert (fault.file, fault.line) == ("main.lua", 5)
    assert "rejected at main.lua:5\nin the promise made at main.lua:3" in fault.traceback


def test_rule_7_a_handler_added_later_in_the_same_turn_is_in_time(stage: Stage) -> None:
    stage.run("""
local p = Promise.reject("caught")
await(nil)
await(nil)
p:catch(function(reason) print(reason) end)
""")
    assert stage.said() == ["caught"]


def test_rule_7_a_handler_added_in_the_next_turn_is_too_late(stage: Stage) -> None:
    fault = stage.load("local p = Promise.reject('late')\nsetTimeout(function() p:catch(print) end, 0)").fault
    assert fault is not None
    assert (fault.code, fault.message, fault.line) == ("script.rejection", "late", 1)


def test_rule_7_the_rejection_of_a_derived_promise_counts(stage: Stage) -> None:
    fault = stage.load("""
Promise.resolve():next(function()
  error({ code = "own", message = "thrown" })
end)
""").fault
    assert fault is not None
    assert (fault.code, fault.line) == ("script.rejection", 3)
    assert (
        fault.traceback
        == "raised at\nmain.lua:3: in function <main.lua:2>\nin the promise made at main.lua:2"
    )


def test_rule_7_an_error_in_a_listener_ends_the_session(stage: Stage) -> None:
    stage.run("""
VoxEngine.addEventListener(AppEvents.Started, function()
  VoxEngine.customData("kept")
  error("no good")
end)
VoxEngine.addEventListener(AppEvents.Started, function() print("never") end)
""")
    reply = stage.failing_turn("Application.Started")
    fault = reply.fault
    assert fault is not None
    assert (fault.code, fault.message) == ("script.error", "no good")
    assert (fault.file, fault.line) == ("main.lua", 4)
    assert fault.during == "Application.Started, handler at main.lua:2"
    assert [command.text for command in reply.commands] == ["kept"]
    assert stage.said() == []


# Rule 8: what is not a function is accepted, and ends the session when its event comes. Constant and string both work.


def test_rule_8_a_listener_that_is_no_function_ends_the_session_at_dispatch(stage: Stage) -> None:
    stage.run("""
VoxEngine.addEventListener("Application.Started", function() print("constant and string are one") end)
VoxEngine.addEventListener(AppEvents.Started, "not a function")
VoxEngine.addEventListener(AppEvents.Started, function() print("never") end)
""")
    fault = stage.failing_turn("Application.Started").fault
    assert fault is not None
    assert fault.code == "listener.type"
    assert fault.message == 'The listener of AppEvents.Started is the string "not a function", not a function'
    assert (fault.file, fault.line) == ("main.lua", 3)
    assert stage.said() == ["constant and string are one"]
