"""A webhook: one HTTP POST of JSON to whoever wants to know. Its address may be a secret, and is never written out."""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import requests

from harness.core.errors import HarnessError, Misconfigured, TimedOut
from harness.core.model import Json
from harness.core.wait import NotYet, until

WITHIN_S = 60
"""For so long it is tried again where nobody answers, or says that it may be tried again."""

_EACH_S = 10
_AGAIN = {408, 425, 429}
_NO_ANSWER = {
    requests.exceptions.SSLError: "its certificate is not trusted here",
    requests.exceptions.ConnectTimeout: "it cannot be reached in time",
    requests.exceptions.ReadTimeout: "it does not answer in time",
    requests.exceptions.ConnectionError: "it cannot be reached",
}


@dataclass(frozen=True)
class Webhook:
    """Where to tell it."""

    url: str = field(repr=False)
    secret: bytes = field(default=b"", repr=False)  # signs what is told; b"" for nothing

    @property
    def name(self) -> str:
        """What of its address may be written out."""
        parts = urlsplit(self.url)
        return f"{parts.scheme}://{parts.hostname}{f':{parts.port}' if parts.port else ''}"

    def send(self, told: Mapping[str, Json], within_s: float = WITHIN_S) -> None:
        """Tell it, and return once it was taken (2xx). HarnessError says why it was not."""
        body = json.dumps(told, ensure_ascii=False).encode()
        delivery = secrets.token_hex(16)  # the same whenever it is tried again, so that it counts once
        try:
            until(
                lambda: self._post(body, delivery),
                waited_for=f"the webhook {self.name}",
                within_s=within_s,
                every_s=min(2, within_s / 10),
            )
        except TimedOut as error:
            raise HarnessError(f"the webhook {self.name} was not told: {error.last_seen}") from error

    def _post(self, body: bytes, delivery: str) -> None:
        at = str(int(time.time()))
        headers = {"Content-Type": "application/json", "User-Agent": "drillproof", "X-Drillproof-Delivery": delivery}
        if self.secret:
            headers |= {"X-Drillproof-Timestamp": at, "X-Drillproof-Signature": signature(self.secret, at, body)}
        try:
            answer = requests.post(self.url, body, headers=headers, timeout=_EACH_S, allow_redirects=False)
        except requests.RequestException as error:
            # Its own words hold the whole address.
            said = next((said for kind, said in _NO_ANSWER.items() if isinstance(error, kind)), type(error).__name__)
            raise NotYet(said) from None
        if answer.status_code in _AGAIN or answer.status_code >= 500:  # noqa: PLR2004 # its own trouble, not ours
            raise NotYet(f"it answered {answer.status_code}")
        if not answer.ok or answer.is_redirect:
            raise HarnessError(f"the webhook {self.name} was not told: it answered {answer.status_code}")


def signature(secret: bytes, at: str, body: bytes) -> str:
    """What proves to the receiver who told it, and when: HMAC-SHA256 over the time, a dot, and the body."""
    return f"sha256={hmac.new(secret, at.encode() + b'.' + body, hashlib.sha256).hexdigest()}"


def parse(url: str | None, secret_file: Path | None) -> Webhook | None:
    """The webhook that a user names; None for none. Misconfigured if it is none."""
    if url is None:
        if secret_file:
            raise Misconfigured("--webhook-secret signs what a webhook is told; name one with --webhook")
        return None
    try:
        parts = urlsplit(url)
        good = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        good = False
    if not good or not url.isprintable() or " " in url:
        raise Misconfigured("--webhook is no URL that can be told anything; write http(s)://HOST/PATH")
    return Webhook(url, _secret(secret_file) if secret_file else b"")


def _secret(file: Path) -> bytes:
    try:
        found = file.read_bytes().strip(b"\r\n")
    except OSError as error:
        raise Misconfigured(f"--webhook-secret {file} cannot be read: {error.strerror}") from error
    if not found:
        raise Misconfigured(f"--webhook-secret {file} is empty")
    return found
