"""Every realtime provider that scenarios can name. A new one is a folder and a line here."""

from __future__ import annotations

from voxruntime.providers.interface import Provider
from voxruntime.providers.yandex import YANDEX

PROVIDERS: tuple[Provider, ...] = (YANDEX,)


def find_provider(namespace: str) -> Provider | None:
    """Returns the provider of a namespace of the scenario API, e.g. `Yandex`."""
    return next((provider for provider in PROVIDERS if provider.namespace == namespace), None)
