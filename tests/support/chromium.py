"""A real Chromium without a window, spoken to by its debugging protocol: it opens files, and tells all it sees.

The protocol is some JSON over a web socket, whose client is here already; a driver would be one more program to match.
"""

from __future__ import annotations

import base64
import contextlib
import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import cast
from urllib.request import urlopen

from websocket import WebSocket, create_connection

from harness.core import process, wait
from harness.core.model import Json

BINARY = "chromium"
WITHIN_S = 30.0

_FLAGS = (
    "--headless",
    "--no-sandbox",  # as root there is none
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--remote-debugging-port=0",
    "--remote-allow-origins=*",
)


class Page:
    """One tab."""

    def __init__(self, socket: WebSocket) -> None:
        """`socket` is the tab's."""
        self._socket = socket
        self._n = 0
        self._seen: list[dict[str, Json]] = []
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.send(f"{domain}.enable")

    def open(self, path: Path) -> None:
        """Show a file, once it and all it asks for are there; what was seen of an earlier one is forgotten."""
        self._seen.clear()
        self.send("Page.navigate", url=path.resolve().as_uri())
        while not self._of("Page.loadEventFired"):
            self._receive()

    def send(self, method: str, **parameters: Json) -> dict[str, Json]:
        """One command, and its answer."""
        self._n += 1
        self._socket.send(json.dumps({"id": self._n, "method": method, "params": parameters}))
        while True:
            message = self._receive()
            if message.get("id") == self._n:
                assert "error" not in message, message
                return cast("dict[str, Json]", message["result"])

    def ask(self, expression: str) -> Json:
        """What a JavaScript expression comes to; of a promise, what it promised."""
        answer = self.send("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in answer, answer
        return cast("dict[str, Json]", answer["result"]).get("value")

    def look(self, *, width: int = 1280, dark: bool = False) -> None:
        """Be a screen of this width, light or dark."""
        self.send(
            "Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=width < 500
        )
        wanted: list[Json] = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
        self.send("Emulation.setEmulatedMedia", features=wanted)

    def picture(self, path: Path) -> None:
        """The whole page, as it is seen."""
        picture = self.send("Page.captureScreenshot", captureBeyondViewport=True, format="png")
        path.write_bytes(base64.b64decode(str(picture["data"])))

    def paper(self) -> bytes:
        """The page as it is printed, in PDF."""
        return base64.b64decode(str(self.send("Page.printToPDF", printBackground=True)["data"]))

    def complaints(self) -> list[Json]:
        """What a console would have shown: errors, warnings, exceptions."""
        said = ("Runtime.exceptionThrown", "Runtime.consoleAPICalled", "Log.entryAdded")
        return [event for kind in said for event in self._of(kind)]

    def requests(self) -> list[str]:
        """Every address that was asked for, the page's own first."""
        asked = (cast("dict[str, Json]", event["request"]) for event in self._of("Network.requestWillBeSent"))
        return [str(request["url"]) for request in asked]

    def _of(self, kind: str) -> list[dict[str, Json]]:
        return [cast("dict[str, Json]", event["params"]) for event in self._seen if event.get("method") == kind]

    def _receive(self) -> dict[str, Json]:
        message = cast("dict[str, Json]", json.loads(self._socket.recv()))
        if "method" in message:
            self._seen.append(message)
        return message


@contextlib.contextmanager
def page() -> Iterator[Page]:
    """A tab in a browser of its own, for as long as the block lasts."""
    with contextlib.ExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory(ignore_cleanup_errors=True)))
        log = stack.enter_context((home / "log").open("wb"))
        stack.enter_context(process.spawn([BINARY, *_FLAGS, f"--user-data-dir={home}", "about:blank"], output=log))

        def port() -> str:
            try:
                return (home / "DevToolsActivePort").read_text().split()[0]
            except (OSError, IndexError) as error:
                raise wait.NotYet((home / "log").read_text()[-500:]) from error

        tab = _tab(wait.until(port, waited_for="Chromium to listen", within_s=WITHIN_S, every_s=0.1))
        stack.callback(tab.close)
        yield Page(tab)


def _tab(port: str) -> WebSocket:
    with urlopen(f"http://127.0.0.1:{port}/json/list", timeout=WITHIN_S) as answer:
        tabs = [tab for tab in json.load(answer) if tab["type"] == "page"]
    return create_connection(tabs[0]["webSocketDebuggerUrl"], timeout=WITHIN_S)
