"""Opens a TCP connection, with TLS where asked, to a name that another process looks up."""

from __future__ import annotations

import asyncio
import ipaddress
import os
import socket
import ssl
from collections.abc import Sequence

from voxruntime.errors import RemoteError
from voxruntime.providers.interface import Blocked, Network, Obstacle, Resolve
from voxruntime.providers.tls import TlsStream

_LOOPBACK = ((int(socket.AF_INET), "127.0.0.1"), (int(socket.AF_INET6), "::1"))
_UNSENT_BYTES = 16 * 1024


async def open_stream(
    host: str, port: int, protocol: asyncio.BufferedProtocol, network: Network, *, tls: ssl.SSLContext | None
) -> asyncio.Transport | Blocked:
    """Returns a transport that feeds `protocol`.

    What is written and not yet taken by the far end shows at once: the transport calls `pause_writing` as
    soon as anything stays unsent, and the kernel holds back little, so audio waits where it can still be
    dropped.
    """
    connected = await _connect(host, port, network)
    if isinstance(connected, Blocked):
        return connected
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_connection(lambda: protocol, sock=connected)
    transport.set_write_buffer_limits(high=1, low=0)
    if tls is None:
        return transport
    stream = TlsStream(transport, protocol, tls, host)
    try:
        await stream.handshake()
    except ssl.SSLCertVerificationError as error:
        return Blocked(Obstacle.TLS, f"its certificate is not trusted ({error.verify_message})")
    except ssl.SSLError as error:
        return Blocked(Obstacle.TLS, f"it does not answer in TLS ({error.reason or 'unknown error'})")
    except EOFError:
        return Blocked(Obstacle.CLOSED, "closed during the TLS handshake")
    except OSError as error:
        return Blocked(Obstacle.CLOSED, _reason(error))
    return stream


async def _connect(host: str, port: int, network: Network) -> socket.socket | Blocked:
    try:
        addresses = await _addresses(host, port, network.resolve)
    except RemoteError as error:
        return Blocked(Obstacle.ADDRESS, error.message)
    except OSError as error:
        return Blocked(Obstacle.ADDRESS, f"{_reason(error)}.")
    blocked = Blocked(Obstacle.ADDRESS, "the name has no address.")
    for position, (family, address) in enumerate(addresses):
        # An address that swallows packets must leave time for the next: IPv6 without a route often does.
        patience = network.timing.connect_s / (len(addresses) - position)
        opened = await _connect_to(family, address, port, patience)
        if isinstance(opened, socket.socket):
            return opened
        blocked = opened
    return blocked


async def _addresses(host: str, port: int, resolve: Resolve) -> Sequence[tuple[int, str]]:
    if host == "localhost":
        return _LOOPBACK
    try:
        literal = ipaddress.ip_address(host)
    except ValueError:
        return await resolve(host, port)
    return ((int(socket.AF_INET if literal.version == 4 else socket.AF_INET6), host),)


async def _connect_to(family: int, address: str, port: int, patience: float) -> socket.socket | Blocked:
    try:
        opened = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    except OSError as error:
        return Blocked(Obstacle.UNREACHABLE, _reason(error))
    try:
        opened.setblocking(False)
        # Frames of 20 ms must not wait for the acknowledgement of the last one (Nagle, RFC 896).
        opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if hasattr(socket, "TCP_NOTSENT_LOWAT"):
            opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, _UNSENT_BYTES)
        async with asyncio.timeout(patience):
            await asyncio.get_running_loop().sock_connect(opened, (address, port))
    except TimeoutError:
        opened.close()
        return Blocked(Obstacle.TIMEOUT, "no TCP connection")
    except OSError as error:
        opened.close()
        return Blocked(Obstacle.UNREACHABLE, _reason(error))
    except asyncio.CancelledError:
        opened.close()
        raise
    return opened


def _reason(error: OSError) -> str:
    """Returns the error's words without number or address, for the middle of a sentence."""
    if error.errno and not isinstance(error, socket.gaierror):
        return os.strerror(error.errno).lower()
    return (error.strerror or type(error).__name__).lower()
