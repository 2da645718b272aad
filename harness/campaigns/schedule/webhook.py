"""A webhook: one HTTP POST of JSON. Its URL may be a secret, and is never printed."""

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

WITHIN_S = 60  # how long to retry after no answer, or after one that permits a retry
_EACH_S = 10
_AGAIN = {408, 425, 429}
_NO_ANSWER = {
    requests.exceptions.SSLError: "its certificate is not trusted",
    requests.exceptions.ConnectTimeout: "connection timed out",
    requests.exceptions.ReadTimeout: "no answer in time",
    requests.exceptions.ConnectionError: "it is unreachable",
}


@dataclass(frozen=True)
class Webhook:
    url: str = field(repr=False)
    secret: bytes = field(default=b"", repr=False)  # signs notifications; b"" for no signature

    @property
    def name(self) -> str:
        """The part of its URL that may be printed."""
        parts = urlsplit(self.url)
        return f"{parts.scheme}://{parts.hostname}{f':{parts.port}' if parts.port else ''}"

    def send(self, message: Mapping[str, Json], within_s: float = WITHIN_S) -> None:
        """Send a message, and return when it was accepted (2xx). HarnessError if it was not."""
        body = json.dumps(message, ensure_ascii=False).encode()
        delivery = secrets.token_hex(16)  # the same for each retry, so that it counts once
        try:
            until(
                lambda: self._post(body, delivery),
                waited_for=f"the webhook {self.name}",
                within_s=within_s,
                every_s=min(2, within_s / 10),
            )
        except TimedOut as error:
            raise HarnessError(f"cannot notify the webhook {self.name}: {error.last_seen}") from error

    def _post(self, body: bytes, delivery: str) -> None:
        at = str(int(time.time()))
        headers = {"Content-Type": "application/json", "User-Agent": "drillproof", "X-Drillproof-Delivery": delivery}
        if self.secret:
            signed = signature(self.secret, at, delivery, body)
            headers |= {"X-Drillproof-Timestamp": at, "X-Drillproof-Signature": signed}
        try:
            answer = requests.post(self.url, body, headers=headers, timeout=_EACH_S, allow_redirects=False)
        except requests.RequestException as error:
            # Its text contains the whole URL.
            said = next((said for kind, said in _NO_ANSWER.items() if isinstance(error, kind)), type(error).__name__)
            raise NotYet(said) from None
        if answer.status_code in _AGAIN or answer.status_code >= 500:  # noqa: PLR2004 # a problem of the server
            raise NotYet(f"it answered {answer.status_code}")
        if not answer.ok or answer.is_redirect:
            raise HarnessError(f"cannot notify the webhook {self.name}: it answered {answer.status_code}")


def signature(secret: bytes, at: str, delivery: str, body: bytes) -> str:
    """Proves sender, time and delivery number to the receiver: HMAC-SHA256 over time, delivery and body, with dots."""
    return f"sha256={hmac.new(secret, f'{at}.{delivery}.'.encode() + body, hashlib.sha256).hexdigest()}"


def parse(webhook: str | None, webhook_secret: Path | None) -> Webhook | None:
    """The webhook, if a URL is given; its secret is in a file. Misconfigured if it is invalid."""
    if webhook is None:
        if webhook_secret:
            raise Misconfigured("--webhook-secret needs --webhook: it signs the notification")
        return None
    try:
        parts = urlsplit(webhook)
        good = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        good = False
    if not good or not webhook.isprintable() or " " in webhook:
        raise Misconfigured("--webhook is no valid URL; write http(s)://HOST/PATH")
    return Webhook(webhook, _secret(webhook_secret) if webhook_secret else b"")


def _secret(file: Path) -> bytes:
    try:
        found = file.read_bytes().strip(b"\r\n")
    except OSError as error:
        raise Misconfigured(f"--webhook-secret: cannot read {file}: {error.strerror}") from error
    if not found:
        raise Misconfigured(f"--webhook-secret: {file} is empty")
    return found
