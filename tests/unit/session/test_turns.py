"""New code takes over a session between two turns: what it gets again, what ends, what a failure leaves alone."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping

from session_doubles import ToldLeg
from session_stand import Stand, run_session
from voxruntime.audio.pcm import PCM16
from voxruntime.config import Limits
from voxruntime.errors import ScenarioError
from voxruntime.realtime.constants import Constant
from voxruntime.realtime.interface import ClientEvents, Handshake
from voxruntime.session.code import Handover
from voxruntime.testing import virtual_loop
from voxruntime.turn.messages import ConnectRealtime

ANSWERS = """
VoxEngine.addEventListener(AppEvents.Started, function(event) print("started", NAME, event.reloaded) end)
VoxEngine.addEventListener(AppEvents.CallAlerting, function(event)
  local call = event.call
  print("alerting", call:id(), call:state(), event.reloaded)
  call:addEventListener(CallEvents.Connected, function() print("connected", NAME, call:state()) end)
  call:addEventListener(CallEvents.Disconnected, VoxEngine.terminate)
  call:answer()
end)
"""

CLIENT = """
require(Modules.Yandex)
VoxEngine.addEventListener(AppEvents.Started, function()
  local client = await(Yandex.createRealtimeAPIClient({ apiKey = "k", folderId = "f" }))
  print("client", NAME, client:id(), client:webSocketId())
  for _, name in ipairs({ "HTTPResponse", "ConnectorInformation", "SessionCreated", "ResponseDone" }) do
    client:addEventListener(Yandex.RealtimeAPIEvents[name], function(event) print(name, event.reloaded) end)
  end
end)
"""


def named(name: str, text: str) -> str:
    return f'NAME = "{name}"\n{text}'


class ProviderClient:
    """A realtime client that keeps what it is told; its far end is the test."""

    input_rate = output_rate = 24_000
    dropped_audio_ms = 0.0
    active_response = ""

    def __init__(self, events: ClientEvents) -> None:
        self.events = events
        self.sent: list[str] = []

    def send(self, event_type: str, body: str) -> None:
        self.sent.append(event_type)

    def send_audio(self, frame: PCM16) -> None: ...

    def set_rates(self, input_rate: int, output_rate: int) -> None: ...

    def close(self) -> None:
        self.sent.append("close")


class Provider:
    """Answers `createRealtimeAPIClient`."""

    def __init__(self, stand: Stand) -> None:
        self.commands: list[ConnectRealtime] = []
        self.clients: list[ProviderClient] = []
        stand.connect = self._connect

    def _connect(self, command: ConnectRealtime, events: ClientEvents) -> ProviderClient:
        self.commands.append(command)
        self.clients.append(ProviderClient(events))
        loop = asyncio.get_running_loop()
        loop.call_soon(lambda: events.on_open(Handshake(101, {}, "ws://here")))
        loop.call_soon(
            lambda: events.on_message(
                Constant.SESSION_CREATED, "session.created", '{"type":"session.created"}'
            )
        )
        return self.clients[-1]


def after(stand: Stand, words: str, step: Callable[[], Awaitable[object]], *, is_note: bool = False) -> None:
    """Does something once, outside the session's own turn, when the scenario, or voxrt itself, has said some words."""
    tasks: list[asyncio.Future[object]] = []

    def begin() -> None:
        if not tasks:
            tasks.append(asyncio.ensure_future(step()))

    table = stand.seen.when_noted if is_note else stand.seen.when
    # Time moves only when the turn that said it is done.
    table[words] = lambda: stand.clock.call_later(0.01, begin)


def leg_at(stand: Stand, number: str) -> ToldLeg:
    """Lets a number be answered by a leg that does what the test says."""
    stand.legs[number] = leg = ToldLeg()
    return leg


def run(
    text: str,
    prepare: Callable[[Stand], None],
    modules: Mapping[str, str] | None = None,
    limits: Limits | None = None,
) -> tuple[str, Stand]:
    outcome, stand = virtual_loop.run(run_session(text, prepare, modules=modules, limits=limits))
    assert outcome.error is None, outcome.error
    return outcome.result, stand


def test_a_call_goes_on_with_the_new_code() -> None:
    def prepare(stand: Stand) -> None:
        leg = stand.call()

        async def save() -> None:
            assert await stand.reload(named("new", ANSWERS)) is Handover.LIVE

        async def hang_up() -> None:
            assert leg.told == ["open 7495", "answer"]
            assert leg.events is not None
            leg.events.on_hung_up(0, "enough")

        after(stand, "connected\told", save)
        after(stand, "connected\tnew", hang_up)

    result, stand = run(named("old", ANSWERS), prepare)
    (call,) = stand.calls
    assert stand.seen.lines == [
        "started\told\tnil",
        f"alerting\t{call.id}\tALERTING\tnil",
        "connected\told\tCONNECTED",
        "started\tnew\ttrue",
        f"alerting\t{call.id}\tCONNECTED\ttrue",
        "connected\tnew\tCONNECTED",
    ]
    assert result == "terminated"


def test_code_that_does_not_load_changes_nothing() -> None:
    errors: list[ScenarioError] = []

    def prepare(stand: Stand) -> None:
        leg = stand.call()

        async def save() -> None:
            for text in (
                "VoxEngine.addEventListener(",
                'require("nothing")',
                'print("a line that does not count") error("on purpose")',
                "while true do end",
            ):
                try:
                    await stand.reload(text)
                except ScenarioError as error:
                    errors.append(error)
            assert leg.events is not None
            leg.events.on_hung_up(0, "enough")

        after(stand, "connected\told", save)

    result, stand = run(named("old", ANSWERS), prepare)
    *mistakes, endless = [error.code for error in errors]
    assert mistakes == ["script.syntax", "module.not_found", "script.error"]
    # On a machine that hardly gives it a third of a core, the wall limit comes first.
    assert endless in {"limit.cpu", "limit.wall"}
    assert errors[2].place == "s.lua:1"
    assert result == "terminated"
    assert stand.seen.lines[-1] == "connected\told\tCONNECTED"
    assert not stand.seen.killed


def test_state_is_handed_over_by_dispose_and_nothing_else_is() -> None:
    def prepare(stand: Stand) -> None:
        async def save() -> None:
            await stand.reload(
                'print("new", Reload.state.turns, (Reload.state.list or {})[2], leaked) VoxEngine.terminate()'
            )

        after(stand, "ready", save)

    text = """
    leaked = true
    Reload.state.turns = 1
    Reload.onDispose(function() Reload.state.turns = Reload.state.turns + 1 print("disposed") end)
    setTimeout(function() print("a timer of the old code") end, 1000)
    Reload.state.list = { "a", "б" }
    print("ready")
    """
    _, stand = run(text, prepare)
    assert stand.seen.lines == ["ready", "disposed", "new\t2\tб\tnil"]


def test_state_that_cannot_be_handed_over_is_left_behind_with_a_warning() -> None:
    for state in ("{ f = print }", "string.rep('x', 70000)"):

        def prepare(stand: Stand) -> None:
            async def save() -> None:
                await stand.reload('print("new", next(Reload.state)) VoxEngine.terminate()')

            after(stand, "ready", save)

        _, stand = run(f'Reload.state = {state} print("ready")', prepare)
        assert stand.seen.lines[0] == "ready"
        assert stand.seen.lines[1].startswith("Reload.state is not kept: ")
        assert stand.seen.lines[2] == "new\tnil"


def test_an_error_in_dispose_does_not_keep_the_new_code_away() -> None:
    def prepare(stand: Stand) -> None:
        async def save() -> None:
            assert await stand.reload('print("new") VoxEngine.terminate()') is Handover.LIVE

        after(stand, "ready", save)

    _, stand = run('Reload.onDispose(function() error("on purpose") end) print("ready")', prepare)
    assert stand.seen.lines == ["ready", "new"]


def test_code_that_fails_only_with_its_state_leaves_the_old_code_its_calls_and_timers() -> None:
    errors: list[str] = []

    def prepare(stand: Stand) -> None:
        leg = stand.call()

        async def save() -> None:
            try:
                await stand.reload('if Reload.state.turns then error("no state like this") end')
            except ScenarioError as error:
                errors.append(error.message)
            stand.clock.call_later(1.0, lambda: leg.events and leg.events.on_hung_up(0, "enough"))

        after(stand, "connected\told", save)

    text = ANSWERS + 'Reload.state.turns = 1 setInterval(function() print("tick") end, 300)'
    result, stand = run(named("old", text), prepare)
    assert errors == ["no state like this"]
    assert result == "terminated"
    assert stand.seen.lines.count("tick") == 3
    assert stand.calls[0].reason == "enough"


def test_code_may_ask_to_keep_its_calls() -> None:
    answers: list[Handover] = []

    def prepare(stand: Stand) -> None:
        async def save() -> None:
            answers.append(await stand.reload('print("never")'))
            stand.session.stop("stopped", "enough")

        after(stand, "ready", save)

    _, stand = run('Reload.nextCallOnly() print("ready")', prepare)
    assert answers == [Handover.NEXT_CALL]
    assert stand.seen.lines == ["ready"]

    def prepare_other(stand: Stand) -> None:
        async def save() -> None:
            answers.append(await stand.reload("Reload.nextCallOnly()"))
            stand.session.stop("stopped", "enough")

        after(stand, "ready", save)

    run('print("ready")', prepare_other)
    assert answers[1:] == [Handover.NEXT_CALL]


def test_an_outgoing_call_is_taken_over_by_equal_arguments_and_others_end() -> None:
    text = """
    local calls = {}
    VoxEngine.addEventListener(AppEvents.Started, function()
      for _, number in ipairs(NUMBERS) do
        local call = VoxEngine.callPSTN(number, "7000")
        print("has", number, call:id(), call:state())
        call:addEventListener(CallEvents.Connected, function() print("connected", number) end)
        call:addEventListener(CallEvents.Disconnected, function() print("disconnected", number) end)
      end
      print(NAME)
    end)
    """

    def prepare(stand: Stand) -> None:
        one, two = leg_at(stand, "1"), leg_at(stand, "2")

        async def answer() -> None:
            for leg in (one, two):
                assert leg.events is not None
                leg.events.on_answered({})

        async def save() -> None:
            await stand.reload(named("new", 'NUMBERS = { "2", "2" }\n' + text))

        async def end() -> None:
            assert one.told[-1] == "hang up"
            assert two.told == ["open 2", "open 2"]
            stand.session.abandon()

        after(stand, "old", answer)
        after(stand, "connected\t2", save)
        after(stand, "not taken over", end, is_note=True)

    _, stand = run(named("old", 'NUMBERS = { "1", "2" }\n' + text), prepare)
    first, second, third = stand.calls
    lines = stand.seen.lines
    assert f"has\t2\t{second.id}\tCONNECTED" in lines
    assert f"has\t2\t{third.id}\tPROGRESSING" in lines
    assert lines.count("connected\t2") == 2
    assert first.state == "TERMINATED"
    assert len({call.id for call in stand.calls}) == 3


def test_a_client_is_taken_over_with_its_conversation() -> None:
    providers: list[Provider] = []

    def prepare(stand: Stand) -> None:
        providers.append(Provider(stand))

        async def save() -> None:
            providers[0].clients[0].sent.clear()
            await stand.reload(named("new", CLIENT))
            # What comes before the new code has the client waits for it.
            providers[0].clients[0].events.on_message(Constant.RESPONSE_DONE, "response.done", "{}")

        async def end() -> None:
            stand.session.abandon()

        after(stand, "SessionCreated\tnil", save)
        after(stand, "ResponseDone", end)

    _, stand = run(named("old", CLIENT), prepare)
    (provider,) = providers
    assert len(provider.commands) == 1
    command = provider.commands[0]
    assert stand.seen.lines == [
        f"client\told\t{command.id}\t{command.socket_id}",
        "HTTPResponse\tnil",
        "ConnectorInformation\tnil",
        "SessionCreated\tnil",
        f"client\tnew\t{command.id}\t{command.socket_id}",
        "HTTPResponse\tnil",
        "ConnectorInformation\tnil",
        "SessionCreated\ttrue",
        "ResponseDone\tnil",
    ]
    assert set(provider.clients[0].sent) == {"close"}


def test_a_response_asked_for_again_is_said() -> None:
    text = CLIENT.replace(
        "print(name, event.reloaded)",
        """
      print(name, event.reloaded)
      if name == "SessionCreated" then client:responseCreate({}) client:responseCreate({}) end""",
    )

    def prepare(stand: Stand) -> None:
        Provider(stand)

        async def save() -> None:
            await stand.reload(named("new", text))

        async def end() -> None:
            stand.session.abandon()

        after(stand, "SessionCreated\tnil", save)
        after(stand, "SessionCreated\ttrue", end)

    _, stand = run(named("old", text), prepare)
    assert sum("responseCreate was sent again" in note for note in stand.seen.notes) == 1


def test_a_client_of_other_arguments_is_new_and_the_old_one_closes() -> None:
    providers: list[Provider] = []

    def prepare(stand: Stand) -> None:
        providers.append(Provider(stand))

        async def save() -> None:
            await stand.reload(named("new", CLIENT.replace('"f"', '"g"')))

        async def end() -> None:
            old, new = providers[0].clients
            assert (old.sent, new.sent) == (["close"], [])
            stand.session.abandon()

        after(stand, "SessionCreated\tnil", save)
        after(stand, "not taken over", end, is_note=True)

    run(named("old", CLIENT), prepare)
    assert [command.folder_id for command in providers[0].commands] == ["f", "g"]


def test_what_nobody_claims_ends_after_ten_seconds_at_most() -> None:
    text = """
    VoxEngine.addEventListener(AppEvents.CallAlerting, function(event)
      print("alerting")
      await(Promise.new(function() end))
    end)
    """

    def prepare(stand: Stand) -> None:
        leg = stand.call()

        async def save() -> None:
            await stand.reload(text)

        async def end() -> None:
            assert stand.session.now() >= 10
            assert leg.told[-1] == "hang up"
            stand.session.abandon()

        after(stand, "connected\told", save)
        after(stand, "not taken over", end, is_note=True)

    run(named("old", ANSWERS), prepare)


def test_saves_in_a_row_end_with_the_last() -> None:
    def prepare(stand: Stand) -> None:
        leg = stand.call()

        async def save() -> None:
            for number in range(5):
                await stand.reload(named(f"new {number}", ANSWERS))
            await stand.reload(named("last", ANSWERS))

        async def hang_up() -> None:
            assert leg.events is not None
            leg.events.on_hung_up(0, "enough")

        after(stand, "connected\told", save)
        after(stand, "connected\tlast", hang_up)

    result, stand = run(named("old", ANSWERS), prepare)
    assert result == "terminated"
    assert len(stand.calls) == 1


def test_a_session_that_ends_meanwhile_takes_no_new_code() -> None:
    answers: list[Handover] = []

    def prepare(stand: Stand) -> None:
        async def save() -> None:
            answers.append(await stand.reload('print("never")'))

        after(stand, "ready", save)

    _, stand = run('Reload.onDispose(VoxEngine.terminate) print("ready")', prepare)
    assert answers == [Handover.TOO_LATE]
    assert stand.seen.lines == ["ready"]


def test_a_call_that_nobody_claimed_in_time_is_made_anew() -> None:
    dials = """
    VoxEngine.addEventListener(AppEvents.Started, function()
      if DELAY_MS > 0 then await(sleep(DELAY_MS)) end
      local call = VoxEngine.callPSTN("1", "7000")
      call:addEventListener(CallEvents.Connected, function() print("connected", NAME) end)
      setTimeout(function() print("called", NAME) end, 100)
    end)
    """

    def prepare(stand: Stand) -> None:
        leg = leg_at(stand, "1")

        async def answer() -> None:
            assert leg.events is not None
            leg.events.on_answered({})

        async def save() -> None:
            await stand.reload(named("new", "DELAY_MS = 12000" + dials))

        async def end() -> None:
            assert leg.told == ["open 1", "hang up", "open 1"]
            stand.session.abandon()

        after(stand, "called\told", answer)
        after(stand, "connected\told", save)
        after(stand, "called\tnew", end)

    _, stand = run(named("old", "DELAY_MS = 0" + dials), prepare)
    assert [call.state for call in stand.calls] == ["TERMINATED", "TERMINATED"]
