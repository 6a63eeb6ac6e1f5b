"""Yandex AI Studio's Realtime API."""

from voxruntime.providers.interface import Provider
from voxruntime.providers.yandex.client import connect
from voxruntime.providers.yandex.dialect import CAPABILITIES, NAME

YANDEX = Provider(namespace=NAME, capabilities=CAPABILITIES, connect=connect)
