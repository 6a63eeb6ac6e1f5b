from __future__ import annotations

from voxruntime.providers.registry import PROVIDERS, find_provider
from voxruntime.providers.yandex import YANDEX


def test_provider_is_found_by_its_namespace() -> None:
    assert find_provider("Yandex") is YANDEX


def test_unknown_namespace_has_no_provider() -> None:
    assert find_provider("yandex") is None


def test_namespaces_are_distinct() -> None:
    assert len({provider.namespace for provider in PROVIDERS}) == len(PROVIDERS)
