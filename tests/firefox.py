"""A real Firefox, driven over WebDriver BiDi: as much of it as the tests need. Playwright can't drive Debian's."""

import json
import re
import shutil
import subprocess
import threading
import time
from contextlib import contextmanager

import websocket

PROGRAMS = ("firefox-esr", "firefox")
READY = re.compile(r"WebDriver BiDi listening on (ws://\S+)")


def installed() -> str | None:
    return next(filter(None, map(shutil.which, PROGRAMS)), None)


class Tab:
    """A tab: `goto` an address, `js` an expression, `wait` until one is true. `errors` are what the console said."""

    def __init__(self, socket):
        self.socket, self.number, self.errors = socket, 0, []
        self.ask("session.new", capabilities={})
        self.ask("session.subscribe", events=["log.entryAdded"])
        self.context = self.ask("browsingContext.getTree")["contexts"][0]["context"]

    def ask(self, method: str, **parameters) -> dict:
        self.number += 1
        self.socket.send(json.dumps({"id": self.number, "method": method, "params": parameters}))
        while True:
            answer = json.loads(self.socket.recv())
            if answer.get("method") == "log.entryAdded" and answer["params"]["level"] == "error":
                self.errors.append(answer["params"]["text"])
            if answer.get("id") == self.number:
                assert answer["type"] == "success", answer
                return answer["result"]

    def goto(self, address: str) -> None:
        self.ask("browsingContext.navigate", context=self.context, url=address, wait="complete")

    def js(self, expression: str):
        target, code = {"context": self.context}, f"JSON.stringify({expression})"
        result = self.ask("script.evaluate", expression=code, target=target, awaitPromise=False)
        assert result["type"] == "success", result
        return json.loads(result["result"].get("value", "null"))

    def wait(self, expression: str, seconds: float = 60) -> None:
        deadline = time.monotonic() + seconds
        while not self.js(f"Boolean({expression})"):
            assert time.monotonic() < deadline, f"never true: {expression}"
            time.sleep(0.05)


@contextmanager
def firefox(profile):
    """A Firefox without a window, with a new profile in the folder `profile`: gives its tab."""
    command = [installed(), "--headless", "--no-remote", "--profile", str(profile), "--remote-debugging-port", "0"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    try:
        address = next(found[1] for line in process.stderr if (found := READY.search(line)))
        threading.Thread(target=process.stderr.read, daemon=True).start()  # or it would wait for a reader
        socket = websocket.create_connection(f"{address}/session", suppress_origin=True, timeout=60)
        try:
            yield Tab(socket)
        finally:
            socket.close()
    finally:
        process.kill()
        process.wait()
