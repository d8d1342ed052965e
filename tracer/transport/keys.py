"""Where a provider's key comes from: the environment, the workspace's .env, or the system's keyring. Never a case file.

Settings hold the first two (`TRACER_KEY_<NAME>`). The keyring entry has the service `coinpursuit` and the name of the
key; it is asked last and only for providers that take a key. A keyring that is locked or broken is no key for a
provider that also answers without one; one that needs the key says what is the matter with the keyring.
"""

from __future__ import annotations

import keyring
from keyring.errors import NoKeyringError

from tracer.chains.endpoint import Endpoint
from tracer.errors import ProviderStopError
from tracer.settings import Settings

__all__ = ["SERVICE", "key_of", "origin_of_key"]

SERVICE = "coinpursuit"


def key_of(settings: Settings, endpoint: Endpoint) -> str:
    """The key for an endpoint; "" when there is none. Raises ProviderStopError where a needed one cannot be read."""
    name = endpoint.key_setting
    if not name:
        return ""
    if name in settings.keys:
        return settings.keys[name].get_secret_value()
    try:
        return keyring.get_password(SERVICE, name) or ""
    except NoKeyringError:  # a server has none: that is no key
        return ""
    except Exception as error:  # noqa: BLE001 - each backend raises what its system does, in words of its own
        if not endpoint.key_needed:
            return ""
        raise ProviderStopError(
            f"{endpoint.name} answers only with a key, and the system's keyring cannot be read "
            f"({type(error).__name__}).",
            f"Unlock or repair the keyring, or set TRACER_KEY_{name.upper()} in the environment or in .env of the "
            "workspace.",
        ) from None


def origin_of_key(settings: Settings, endpoint: Endpoint) -> str:
    """Where the key was found, for the list of providers: `settings`, `keyring`, or "" for nowhere."""
    if endpoint.key_setting in settings.keys:
        return "settings"
    try:
        return "keyring" if key_of(settings, endpoint) else ""
    except ProviderStopError:  # said when the provider is asked
        return ""
