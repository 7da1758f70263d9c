"""A headless Chromium, driven through its DevTools protocol (https://chromedevtools.github.io/devtools-protocol) over a pipe.

    with Browser() as page:
        page.open("file:///tmp/page.html")
        page.wait("document.readyState == 'complete'")
        print(page.value("document.title"), page.complaints)
"""

import base64
import json
import os
import select
import shutil
import subprocess
import tempfile
import time


def executable():
    """Chromium's path; None: there is none."""
    found = (shutil.which(name) for name in ("chromium", "chromium-browser", "google-chrome"))
    return next((path for path in found if path), None)


class Browser:
    """One browser with a profile of its own, and one page. Ends with the `with` statement."""

    def __init__(self, *options, width=1280, height=800):
        program = executable()
        if not program:
            raise FileNotFoundError("there is no Chromium here")
        self.profile = tempfile.mkdtemp(prefix="exeunt-browser-")
        command = [program, "--headless", "--remote-debugging-pipe", f"--user-data-dir={self.profile}", "--no-first-run",
                   "--disable-background-networking", f"--window-size={width},{height}", *options, "about:blank"]
        # Chromium's own sandbox does not start for root.
        if os.geteuid() == 0:
            command.insert(1, "--no-sandbox")
        (browser_in, self.output), (self.input, browser_out) = os.pipe(), os.pipe()

        def descriptors():
            # Chromium reads commands from 3 and writes answers to 4; neither may be overwritten before it was copied.
            copies = os.dup(browser_in), os.dup(browser_out)
            for copy, place in zip(copies, (3, 4)):
                if copy != place:
                    os.dup2(copy, place)
                os.set_inheritable(place, True)

        try:
            # Descriptors that Python opens close by themselves in the program that is executed, but for those two.
            self.process = subprocess.Popen(command, preexec_fn=descriptors, close_fds=False, stdin=subprocess.DEVNULL,
                                            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        except BaseException:
            os.close(browser_in)
            os.close(browser_out)
            self.forget()
            raise
        os.close(browser_in)
        os.close(browser_out)
        self.rest, self.number, self.session = b"", 0, None
        # Every event that came, in order.
        self.events = []
        try:
            target = self.call("Target.createTarget", url="about:blank")["targetId"]
            self.session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
            for domain in ("Page", "Runtime", "Log", "Network", "Audits"):
                self.call(f"{domain}.enable")
        except BaseException:
            self.end()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.end()

    def end(self):
        """Ends the browser; nothing of it is left."""
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.forget()

    def forget(self):
        os.close(self.output)
        os.close(self.input)
        shutil.rmtree(self.profile, ignore_errors=True)

    def read(self, timeout):
        """The next message; TimeoutError after so many seconds, EOFError where the browser has ended."""
        end = time.monotonic() + timeout
        while b"\0" not in self.rest:
            if not select.select([self.input], [], [], max(0, end - time.monotonic()))[0]:
                raise TimeoutError(f"no answer of the browser within {timeout} s")
            more = os.read(self.input, 1 << 20)
            if not more:
                raise EOFError("the browser has ended")
            self.rest += more
        message, self.rest = self.rest.split(b"\0", 1)
        return json.loads(message)

    def call(self, method, timeout=60, **parameters):
        """What a method of the protocol answers."""
        self.number += 1
        message = {"id": self.number, "method": method, "params": parameters}
        if self.session:
            message["sessionId"] = self.session
        data = json.dumps(message).encode() + b"\0"
        while data:
            data = data[os.write(self.output, data) :]
        while True:
            answer = self.read(timeout)
            if answer.get("id") == self.number:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']}")
                return answer["result"]
            self.events.append(answer)

    def open(self, address):
        self.call("Page.navigate", url=address)

    def value(self, expression, timeout=60):
        """What an expression gives, or the promise that it is; made of JSON's types."""
        result = self.call("Runtime.evaluate", timeout, expression=expression, awaitPromise=True, returnByValue=True,
                           userGesture=True)
        if "exceptionDetails" in result:
            details = result["exceptionDetails"]
            raise RuntimeError(details.get("exception", {}).get("description") or details["text"])
        return result["result"].get("value")

    def wait(self, condition, timeout=60):
        """Waits until an expression is true."""
        end = time.monotonic() + timeout
        while not self.value(f"!!({condition})"):
            if time.monotonic() > end:
                raise TimeoutError(f"not within {timeout} s: {condition}")
            time.sleep(0.02)

    def screenshot(self, path, **parameters):
        with open(path, "wb") as file:
            file.write(base64.b64decode(self.call("Page.captureScreenshot", **parameters)["data"]))

    @property
    def requests(self):
        """Addresses of all that was asked for."""
        return [event["params"]["request"]["url"] for event in self.events if event["method"] == "Network.requestWillBeSent"]

    @property
    def complaints(self):
        """Errors, exceptions, and what the page's own policy forbade."""
        found = []
        for event in self.events:
            method, parameters = event["method"], event.get("params", {})
            if method == "Runtime.exceptionThrown":
                found.append(json.dumps(parameters["exceptionDetails"]))
            elif method == "Log.entryAdded" and parameters["entry"]["level"] == "error":
                found.append(parameters["entry"]["text"])
            elif method == "Runtime.consoleAPICalled" and parameters["type"] in ("error", "assert"):
                found.append(json.dumps(parameters["args"]))
            elif method == "Audits.issueAdded":
                found.append(json.dumps(parameters["issue"]))
        return found
