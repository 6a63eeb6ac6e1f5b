"""The live line of a run on a terminal: a few lines that follow the call, below everything that is printed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager

from rich.console import Console
from rich.text import Text

from voxruntime.call.leg import Muting
from voxruntime.cli.desk import KEYS
from voxruntime.cli.live.keys import Commanded, Pressed, Said, Typing
from voxruntime.cli.live.screen import LogStream, Screen
from voxruntime.cli.live.terminal import STDERR, STDIN, Terminal
from voxruntime.cli.live.view import ASCII, RELOAD_HINT, UNICODE, CallAudio, View
from voxruntime.cli.live.voice import CallerVoice
from voxruntime.clock import Clock
from voxruntime.log import SecretMask
from voxruntime.session.call_unit import CallUnit
from voxruntime.session.session import Session

REFRESH_S = 0.1

BETWEEN_CALLS = "no call · a save or c calls again · q quits"


class LiveLine:
    """Shows a session on the terminal, and takes what the operator types into its call.

    Order: construct, then `attend` around the session's run. `view` is one of the session's observers; everything
    else that is printed meanwhile goes through `print_line` or `log_stream`.

    Args:
        mask: Secrets of the run.
        keyboard: Descriptor that keys are read from.
        screen: Descriptor of the terminal.
    """

    def __init__(self, mask: SecretMask, keyboard: int = STDIN, screen: int = STDERR) -> None:
        console = Console(stderr=True)
        self._screen = Screen(Terminal(self._on_keys, keyboard, screen), console)
        self._typing = Typing()
        self._press: Callable[[str], None] | None = None
        self._session: Session | None = None
        self._voice: CallerVoice | None = None
        self._followed: CallUnit | None = None
        self.view = View(mask, UNICODE if console.encoding.startswith("utf") else ASCII)
        self.print_line = self._screen.print_line
        self.log_stream = LogStream(self._screen)

    @asynccontextmanager
    async def attend(self, session: Session, voice: CallerVoice) -> AsyncIterator[None]:
        """Follows a session as long as the block runs; leaves the terminal as it was.

        Args:
            session: The session.
            voice: Puts what is typed into its call.
        """
        self._session, self._voice = session, voice
        with self._screen.attached(session.clock.loop):
            try:
                async with asyncio.TaskGroup() as group:
                    tasks = [group.create_task(voice.run()), group.create_task(self._refresh(session, voice))]
                    yield
                    for task in tasks:
                        task.cancel()
                    self._session = self._voice = None
            except ExceptionGroup as group:
                raise group.exceptions[0] from None

    @contextmanager
    def rest(self, clock: Clock) -> Iterator[None]:
        """Takes commands between two calls."""
        with self._screen.attached(clock.loop):
            self._screen.show([Text(BETWEEN_CALLS, style="dim")])
            yield

    def take_commands(self, press: Callable[[str], None]) -> None:
        """Some keys are commands: `press` is told which."""
        self._press = press
        self._typing.commands = KEYS
        self.view.hint = RELOAD_HINT

    async def _refresh(self, session: Session, voice: CallerVoice) -> None:
        deadline = session.clock.now()
        while True:
            self._follow(session, voice)
            self._draw(session)
            deadline = max(deadline + REFRESH_S, session.clock.now())
            await session.clock.sleep_until(deadline)

    def _follow(self, session: Session, voice: CallerVoice) -> None:
        """Listens to the call that is typed into."""
        call = voice.call
        if call is not self._followed:
            self._followed = call
            self.view.audio = CallAudio()
            if call is not None:
                self.view.followed_call = call.record.id
                session.watch(call, self.view.audio.observe)
        leg: object = None if call is None else call.leg
        self.view.audio.is_muted = isinstance(leg, Muting) and leg.is_muted
        self.view.audio.measure()

    def _draw(self, session: Session) -> None:
        screen = self._screen
        screen.show(
            self.view.lines(
                session.now(), self._typing.draft, can_type=screen.can_type, columns=screen.columns
            )
        )

    def _on_keys(self, octets: bytes) -> None:
        for typed in self._typing.feed(octets):
            match typed:
                case Commanded(key) if self._press is not None:
                    self._press(key)
                case Pressed(digits) if self._voice is not None:
                    self._voice.press(digits)
                case Said(text) if self._voice is not None:
                    self._voice.say(text)
        if self._session is not None:
            self._draw(self._session)
