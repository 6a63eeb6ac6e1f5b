"""`require("agent")` in whole calls, through the command: a provider that is lost and found, and what the caller hears."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np

from e2e.test_tone_call import channels
from voxrt_command import RunVoxrt, StartVoxrt
from voxruntime.audio import tonewords

SCENARIO = """
require(Modules.Yandex)
local Agent = require("agent")

VoxEngine.addEventListener(AppEvents.CallAlerting, function(event)
  local call, link = event.call, nil
  call:answer()
  call:addEventListener(CallEvents.Disconnected, function()
    for _, entry in ipairs(link.entries()) do
      print(entry.role, entry.heard)
    end
    VoxEngine.terminate()
  end)
  link = await(Agent.reconnect({
    connect = { apiKey = "k", folderId = "f" },
    first_ms = 50,
    ready = function(client, is_again)
      print("ready", is_again)
      VoxEngine.sendMediaBetween(call, client)
      if not is_again then
        client:responseCreate({ instructions = "Greet the caller." })
      end
    end,
  }))
end)
"""

CALLER = "".join(
    f"[[step]]\n{step}\n"
    for step in (
        'wait = "agent_finished"',
        'say = "hello"',
        'wait = "agent_finished"',
        "pause_ms = 500",
        'say = "goodbye"',
        'wait = "agent_finished"',
        "hangup = true",
    )
)

DIALOGUE = """
[state.talk]
say = "Good day."
[[state.talk.expect]]
phrases = ["hello"]
say = "Hello again."
[[state.talk.expect]]
phrases = ["goodbye"]
say = "Goodbye."
"""

END_OF_RESPONSE = b'"type":"response.done"'


@contextmanager
def cutting(port: int, after_responses: int) -> Iterator[str]:
    """Stands between client and server; cuts the first connection once so many responses have gone through it."""
    listener = socket.create_server(("127.0.0.1", 0))
    threads: list[threading.Thread] = []
    sockets = [listener]

    def pump(source: socket.socket, sink: socket.socket, responses_left: float) -> None:
        with suppress(OSError):
            while chunk := source.recv(65536):
                sink.sendall(chunk)
                responses_left -= chunk.count(END_OF_RESPONSE)
                if responses_left <= 0:
                    break
        for end in (source, sink):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def serve() -> None:
        limits = iter([after_responses])
        with suppress(OSError):
            while True:
                client, _address = listener.accept()
                server = socket.create_connection(("127.0.0.1", port))
                sockets.extend((client, server))
                for ends in ((client, server, np.inf), (server, client, next(limits, np.inf))):
                    threads.append(threading.Thread(target=pump, args=ends))
                    threads[-1].start()

    accepting = threading.Thread(target=serve)
    accepting.start()
    try:
        yield f"ws://127.0.0.1:{listener.getsockname()[1]}/v1/realtime"
    finally:
        for one in sockets:
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
        for thread in (accepting, *threads):
            thread.join()
        for one in sockets:
            one.close()


def test_a_lost_connection_is_replaced_and_the_call_goes_on(
    run_voxrt: RunVoxrt, start_voxrt: StartVoxrt, tmp_path: Path
) -> None:
    for name, text in {"s.lua": SCENARIO, "caller.toml": CALLER, "dialogue.toml": DIALOGUE}.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    emulator = start_voxrt("emulator", "--port", "0", "--no-speech", "--dialogue", "dialogue.toml")
    assert emulator.stdout is not None
    port = urlsplit(emulator.stdout.readline().strip()).port
    assert port is not None
    with cutting(port, after_responses=2) as url:
        done = run_voxrt(
            *("run", "s.lua", "--no-speech", "--provider", url, "--call", "script:caller.toml"),
            *("--record", "out.wav", "--events", "out.jsonl", "--json"),
        )
    broken, *others = [line for line in done.log if "connection broke" in line]
    assert others == []
    assert [line for line in done.log if line != broken] == [
        "ready\tfalse",
        "ready\ttrue",
        "assistant\tGood day.",
        "user\thello",
        "assistant\tHello again.",
        "user\tgoodbye",
        "assistant\tGoodbye.",
    ]
    lines = map(json.loads, (done.folder / "out.jsonl").read_text(encoding="utf-8").splitlines())
    messages = [
        json.loads(line["text"]) for line in lines if line["kind"] == "wire" and line["direction"] == ">"
    ]
    replayed = [message["item"] for message in messages if message["type"] == "conversation.item.create"]
    assert [(item["role"], item["content"][0]["text"]) for item in replayed] == [
        ("system", "You have already said to the caller: Good day."),
        ("user", "hello"),
        ("system", "You have already said to the caller: Hello again."),
    ]
    rate, _caller, agent = channels(done.folder / "out.wav")
    heard = tonewords.decode(agent, rate)
    assert heard is not None
    assert heard.startswith("Good day.")
    assert heard.endswith("Goodbye.")
