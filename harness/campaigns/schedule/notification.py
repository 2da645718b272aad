"""The notification about an attempt or a run, one JSON document (reports/schema/message.schema.json), and its webhook.

A webhook takes one HTTP POST. Its URL may be a secret, and is never printed.
"""

import hashlib
import hmac
import html
import json
import secrets
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import requests

from harness.campaigns.schedule import attempt as attempts
from harness.campaigns.schedule.attempt import Attempt
from harness.core.errors import HarnessError, Misconfigured, TimedOut
from harness.core.json import items, mapping, number, text
from harness.core.model import Json, Verdict, worst
from harness.core.text import one_line
from harness.core.wait import NotYet, until
from harness.evidence.before_reasons import expects_findings
from harness.evidence.run_view import RunView
from harness.reports import markdown
from harness.reports.equality import stores
from harness.reports.junit import label
from harness.reports.metrics import figures as shown

MOST = 20  # findings of one run in a notification, at most; its report has all of them
WITHIN_S = 60  # how long to retry after no answer, or after one that permits a retry
_EACH_S = 10
_AGAIN = {408, 425, 429}
_NO_ANSWER = {
    requests.exceptions.SSLError: "its certificate is not trusted",
    requests.exceptions.ConnectTimeout: "connection timed out",
    requests.exceptions.ReadTimeout: "no answer in time",
    requests.exceptions.ConnectionError: "it is unreachable",
}


def message(runs: Sequence[RunView], attempt: Attempt | None = None, kept_in: str = "") -> dict[str, Json]:
    """The result of an attempt with its runs, or of runs alone."""
    verdict = attempt.verdict if attempt else worst(run.verdict for run in runs)
    return {
        "schema": 1,
        "text": html.escape(headline(runs, attempt), quote=False),  # as Slack wants it: `<!channel>` must not work
        "verdict": verdict.value,
        "job": attempts.document(attempt) if attempt else None,
        "archive": kept_in or None,
        "runs": [_run(run) for run in runs],
    }


def headline(runs: Sequence[RunView], attempt: Attempt | None = None) -> str:
    """The result in one line, the verdict first."""
    parts = [
        ", ".join(
            [f"{run.verdict.name} {run.scenario}", *(f"{each.name} {each.value}" for each in shown(run, stores(run)))]
        )
        for run in runs
    ]
    if attempt is None:
        return one_line("; ".join(parts))
    job = f"{attempt.verdict.name} {attempt.job}"
    if attempt.how != attempts.ENDED:
        job += f": it {attempts.HOW[attempt.how]}"
    said = [each for each in (*parts, attempt.detail, attempt.missed, *attempt.troubles) if each]
    return one_line("; ".join([job, *said]))


def why(runs: Iterable[RunView]) -> str:
    """The first problem, in one line; "" for none."""
    bad = (finding for run in runs for finding in run.findings if finding.verdict is not Verdict.PASS)
    problems = (problem for run in runs for problem in run.problems)
    return next((one_line(f"{each.verdict.name} {label(each)}: {each.detail}") for each in bad), next(problems, ""))


def _run(run: RunView) -> dict[str, Json]:
    bad = [finding for finding in run.findings if finding.verdict is not Verdict.PASS]
    detection = expects_findings(run.facts)  # a bad recovery on purpose has no figures
    figures = {name: None if detection else number(run.judged.get(name)) for name in ("rto_s", "rpo_s", "rpo_writes")}
    return {
        "run": run.run.name,
        "scenario": run.scenario,
        "strategy": text(run.facts, "strategy"),
        "engine": text(run.facts, "engine"),
        "lane": text(run.facts, "lane"),
        "stores": list(mapping(run.facts, "stores")),
        "verdict": run.verdict.value,
        **figures,
        "findings": [{**asdict(each), "verdict": each.verdict.value} for each in bad[:MOST]],
        "more": max(0, len(bad) - MOST),
        "problems": list(run.problems),
        "not_proved": [text(each) for each in items(run.judged, "not_proved")],
        "markdown": markdown.render(run),
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
