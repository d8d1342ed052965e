"""Where a provider's key comes from: the environment, the workspace's .env, or the system's keyring. Never a case file.

Settings hold the first two (`TRACER_KEY_<NAME>`). The keyring entry has the service `coinpursuit` and the name of the
key; it is asked last and only for providers that take a key.
"""

from __future__ import annotations

import keyring
from keyring.errors import KeyringError

from tracer.chains.endpoint import Endpoint
from tracer.settings import Settings

__all__ = ["SERVICE", "key_of", "origin_of_key"]

SERVICE = "coinpursuit"


def key_of(settings: Settings, endpoint: Endpoint) -> str:
    """The key for an endpoint; "" when there is none."""
    name = endpoint.key_setting
    if not name:
        return ""
    if name in settings.keys:
        return settings.keys[name].get_secret_value()
    try:
        return keyring.get_password(SERVICE, name) or ""
    except KeyringError:  # no keyring on a server: that is no key
        return ""


def origin_of_key(settings: Settings, endpoint: Endpoint) -> str:
    """Where the key was found, for the list of providers: `settings`, `keyring`, or "" for nowhere."""
    if endpoint.key_setting in settings.keys:
        return "settings"
    return "keyring" if key_of(settings, endpoint) else ""
