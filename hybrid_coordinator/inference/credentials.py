"""The keys of model servers, each for one origin: no other code of the room sees one."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from hybrid_coordinator.errors import SettingsError
from hybrid_coordinator.inference.egress import origin
from hybrid_coordinator.inference.endpoints import EndpointKind, configured_endpoints

if TYPE_CHECKING:
    from pydantic import SecretStr

    from hybrid_coordinator.inference.endpoints import Endpoint
    from hybrid_coordinator.settings import InferenceSettings, RemoteSettings

_MASK = b"[key]"


class Credentials:
    """A key for each origin that asks for one. They never show in a ``repr``."""

    def __init__(self, keys: Iterable[tuple[Endpoint, SecretStr]] = ()) -> None:
        """Of an endpoint's URL the origin counts; its kind says what header the key goes in."""
        self._keys: dict[tuple[str, str, int], list[tuple[EndpointKind, SecretStr]]] = {}
        for endpoint, key in keys:
            self._keys.setdefault(origin(endpoint.url), []).append((endpoint.kind, key))

    def headers(self, url: str) -> dict[str, str]:
        """What to add to a request to ``url``, and to no other origin."""
        return dict(
            ("x-api-key", key.get_secret_value())
            if kind is EndpointKind.ANTHROPIC
            else ("authorization", f"Bearer {key.get_secret_value()}")
            for kind, key in self._keys.get(origin(url), ())
        )

    def masked(self, url: str, body: bytes) -> bytes:
        """``body`` without the keys of ``url``, which a server may repeat in its errors."""
        for _, key in self._keys.get(origin(url), ()):
            body = body.replace(key.get_secret_value().encode(), _MASK)
        return body


def configured_credentials(
    inference: InferenceSettings, remote: RemoteSettings | None = None
) -> Credentials:
    """The keys of the endpoints of these settings.

    Raises:
        SettingsError: a key holds what no header can carry; it names the setting, not the key.
    """
    of_kind = {EndpointKind.COMPATIBLE: inference.openai_compatible_api_key}
    if remote is not None:
        of_kind[EndpointKind.ANTHROPIC] = remote.anthropic_api_key
        of_kind[EndpointKind.OPENAI] = remote.openai_api_key
    return Credentials(
        (endpoint, _sendable(endpoint, key))
        for endpoint in configured_endpoints(inference, remote)
        if (key := of_kind.get(endpoint.kind)) is not None and key.get_secret_value()
    )


def _sendable(endpoint: Endpoint, key: SecretStr) -> SecretStr:
    """The key. The HTTP library would refuse a bad one too, and show it in its message."""
    value = key.get_secret_value()
    if not value.isascii() or not value.isprintable() or " " in value:
        raise SettingsError(
            f"{endpoint.key_setting} holds a space, a line break or another character that no API "
            "key has: copy it again"
        )
    return key
