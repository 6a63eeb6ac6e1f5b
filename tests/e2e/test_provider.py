"""What a run says, and returns, when its realtime server refuses, is none, or never answers."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from voxrt_command import RunVoxrt

SECRET = ("--secret", "KEY=top-secret-key")

POLITE = """
require(Modules.Yandex)
VoxEngine.addEventListener(AppEvents.Started, function()
  local ok, err = pcall(function()
    return await(Yandex.createRealtimeAPIClient({ apiKey = VoxEngine.getSecretValue("KEY"), folderId = "folder" }))
  end)
  print(ok, err.code, err.status)
  VoxEngine.terminate()
end)
"""

CARELESS = """
require(Modules.Yandex)
VoxEngine.addEventListener(AppEvents.Started, function()
  await(Yandex.createRealtimeAPIClient({ apiKey = VoxEngine.getSecretValue("KEY"), folderId = "folder" }))
end)
"""


@contextmanager
def server(answer: bytes | None) -> Iterator[str]:
    """Accepts connections and gives each the same answer; None for no answer at all."""
    listener = socket.create_server(("127.0.0.1", 0))
    accepted: list[socket.socket] = []

    def serve() -> None:
        while True:
            try:
                connection, _address = listener.accept()
            except OSError:
                return
            accepted.append(connection)
            connection.recv(4096)
            if answer is not None:
                connection.sendall(answer)
                connection.close()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield f"ws://127.0.0.1:{listener.getsockname()[1]}/v1/realtime"
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        for connection in accepted:
            connection.close()
        thread.join()


def http(status: str, body: str = "") -> bytes:
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n{body}".encode()


@pytest.mark.parametrize("scenario", [POLITE, CARELESS], ids=["polite", "careless"])
@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (http("401 Unauthorized", '{"error": "bad key"}'), "provider.auth"),
        (http("429 Too Many Requests"), "provider.rate_limited"),
        (http("503 Service Unavailable"), "provider.unavailable"),
        (http("200 OK", "<html>hello</html>"), "provider.not_websocket"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "provider.not_websocket"),
    ],
)
def test_a_provider_that_refuses_exits_3_however_the_script_ends(
    run_voxrt: RunVoxrt, tmp_path: Path, scenario: str, answer: bytes, code: str
) -> None:
    (tmp_path / "s.lua").write_text(scenario, encoding="utf-8")
    with server(answer) as url:
        done = run_voxrt("run", "s.lua", "--call", "none", "--provider", url, *SECRET, "--json", exit_code=3)
    error = done.report["error"]
    assert isinstance(error, dict)
    assert error["code"] == code
    assert "top-secret-key" not in done.stdout + done.stderr


def test_a_port_where_nobody_listens_exits_3(run_voxrt: RunVoxrt, tmp_path: Path) -> None:
    (tmp_path / "s.lua").write_text(POLITE, encoding="utf-8")
    with socket.create_server(("127.0.0.1", 0)) as gone:
        url = f"ws://127.0.0.1:{gone.getsockname()[1]}/"
    done = run_voxrt("run", "s.lua", "--call", "none", "--provider", url, *SECRET, "--json", exit_code=3)
    assert "provider.unreachable" in done.stderr
    assert "false\tprovider.unreachable\t0" in done.log


def test_a_server_that_never_answers_is_given_up_after_10_s(run_voxrt: RunVoxrt, tmp_path: Path) -> None:
    (tmp_path / "s.lua").write_text(POLITE, encoding="utf-8")
    with server(None) as url:
        done = run_voxrt("run", "s.lua", "--call", "none", "--provider", url, *SECRET, "--json", exit_code=3)
    assert "provider.timeout" in done.stderr
    assert "10 s" in done.stderr
