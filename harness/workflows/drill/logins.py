"""Logs in to the services, and records the results. Decides nothing."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import asdict

from harness.core import parallel, wait
from harness.core.errors import TimedOut, ToolFailed
from harness.core.model import Login
from harness.core.ports import Service, Unanswered
from harness.evidence.journal import Journal


class Logins:
    """Logs in to every service. Tokens stay in memory: anyone who has one can use it."""

    def __init__(self, journal: Journal) -> None:
        """There is no token yet."""
        self._journal = journal
        self._tokens: dict[str, str] = {}

    def note(self, when: str, services: Sequence[Service], *, within_s: float) -> None:
        """Record the result, `before` the fault or `after` the restore.

        A service may have just started: it is asked again until it issues a token, or the time is up.
        """

        def note(service: Service) -> None:
            earlier = self._tokens.get(service.name, "") if when == "after" else ""
            login = Login({}, "", "it was not asked", "", "")

            def token() -> str:
                nonlocal login
                login, got = _attempt(service, earlier)
                if not got:
                    raise wait.NotYet(login.detail)
                return got

            with contextlib.suppress(TimedOut):
                got = wait.until(token, waited_for=f"a login to {service.name}", within_s=within_s, every_s=1)
                self._tokens[service.name] = earlier or got
            self._journal.append("login", when=when, service=service.name, **asdict(login))

        parallel.for_each(services, note)


def _attempt(service: Service, earlier: str) -> tuple[Login, str]:
    try:
        return service.login(earlier)
    except (Unanswered, ToolFailed, TimedOut) as error:
        return Login({}, "", f"it does not answer: {error}", "", ""), ""
