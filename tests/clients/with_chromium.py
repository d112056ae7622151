"""The live page of the status service in a real Chromium. Arguments: MIOFTPD [FOLDER-FOR-SCREENSHOTS].

Starts the server itself, since the page must survive its restart. Chromium is driven by the DevTools protocol over
its pipe (messages end in a zero byte). Raises an exception on failure, and prints nothing on success.
"""

import base64
import ftplib
import json
import os
import re
import subprocess
import sys
import tempfile
import threading
import time

DEADLINE = 60
CONFIG = """listen = ["127.0.0.1:0"]
directory = "{root}"
[status]
listen = ["127.0.0.1:{port}"]
[[account]]
name = "anonymous"
"""


def until(what, seconds=DEADLINE):
    """Waits for a true result and returns it."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        result = what()
        if result:
            return result
        time.sleep(0.05)
    raise AssertionError(f"{what.__doc__ or what} did not come true")


class Server:
    """The program, with a file to download."""

    def __init__(self, program, folder, port=0):
        root, config = os.path.join(folder, "root"), os.path.join(folder, "config.toml")
        os.makedirs(root, exist_ok=True)
        with open(os.path.join(root, "big file.bin"), "wb") as file:
            file.truncate(64 * 1024 * 1024)
        with open(config, "w", encoding="utf-8") as file:
            file.write(CONFIG.format(root=root, port=port))
        self.process = subprocess.Popen([program, "--config", config], stderr=subprocess.PIPE, text=True)
        self.log = []
        threading.Thread(target=self.read, daemon=True).start()
        self.ftp = self.port_of(r"Start serving at .*:(\d+)")
        self.status = self.port_of(r"Serving the status at .*:(\d+)")

    def read(self):
        for line in self.process.stderr:
            self.log.append(line)

    def port_of(self, pattern):
        def found():
            return next(filter(None, (re.search(pattern, line) for line in self.log)), None)

        found.__doc__ = f"{pattern} in the log {self.log}"
        return int(until(found)[1])

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    def end(self):
        self.process.terminate()
        self.process.wait(DEADLINE)


class Browser:
    """Chromium without a window."""

    def __init__(self, folder):
        to_read, to_write = os.pipe(), os.pipe()
        # Its sandbox needs rights that root and containers lack; it loads only pages of this server.
        arguments = ["--headless", "--no-sandbox", "--remote-debugging-pipe", f"--user-data-dir={folder}", "--disable-gpu",
                     "--no-first-run", "--disable-background-networking", "--disable-dev-shm-usage",
                     "--proxy-server=direct://"]

        # Chromium reads descriptor 3 and writes 4. Copies above them, as a pipe may have these numbers.
        def place():
            ends = os.dup(to_read[0]), os.dup(to_write[1])
            high = [os.dup2(end, 20 + index) for index, end in enumerate(ends)]
            os.dup2(high[0], 3)
            os.dup2(high[1], 4)

        self.process = subprocess.Popen(["chromium", *arguments], preexec_fn=place, close_fds=False,
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                        env={**os.environ, "HOME": folder})
        os.close(to_read[0])
        os.close(to_write[1])
        self.output, self.input = to_read[1], os.fdopen(to_write[0], "rb")
        self.number, self.replies, self.events = 0, {}, []
        threading.Thread(target=self.read, daemon=True).start()

    def read(self):
        rest = b""
        while piece := os.read(self.input.fileno(), 1 << 20):
            *messages, rest = (rest + piece).split(b"\0")
            for message in map(json.loads, messages):
                if "id" in message:
                    self.replies[message["id"]] = message
                else:
                    self.events.append(message)

    def call(self, method, session=None, **parameters):
        self.number += 1
        number = self.number
        message = {"id": number, "method": method, "params": parameters}
        if session:
            message["sessionId"] = session
        os.write(self.output, json.dumps(message).encode() + b"\0")

        def replied():
            return self.replies.pop(number, None)

        replied.__doc__ = f"the reply to {method}"
        reply = until(replied)
        assert "error" not in reply, (method, reply)
        return reply["result"]

    def end(self):
        self.process.terminate()
        self.process.wait(DEADLINE)


class Page:
    """A page of the browser."""

    def __init__(self, browser, url, scripted=True, width=1280, dark=False):
        self.browser = browser
        self.target = browser.call("Target.createTarget", url="about:blank")["targetId"]
        attached = browser.call("Target.attachToTarget", targetId=self.target, flatten=True)
        self.session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")
        self.call("Emulation.setScriptExecutionDisabled", value=not scripted)
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=1000, deviceScaleFactor=1, mobile=False)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", features=[scheme])
        self.call("Page.navigate", url=url)
        until(lambda: self.value("document.readyState") == "complete")

    def call(self, method, **parameters):
        return self.browser.call(method, self.session, **parameters)

    def value(self, expression):
        result = self.call("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in result, result
        return result["result"].get("value")

    def text(self, name):
        return self.value(f"document.getElementById('{name}').textContent")

    def errors(self):
        """What the console has against the page; not that the server was away."""
        found = []
        for event in self.browser.events:
            if event.get("sessionId") != self.session:
                continue
            method, parameters = event["method"], event["params"]
            entry = parameters.get("entry", {})
            is_error = (
                method == "Runtime.exceptionThrown"
                or method == "Runtime.consoleAPICalled" and parameters["type"] in ("error", "warning")
                or method == "Log.entryAdded" and entry["level"] in ("error", "warning")
                and entry["source"] != "network"
            )
            if is_error:
                found.append(entry.get("text", parameters))
        return found

    def picture(self, path):
        height = self.value("document.documentElement.scrollHeight")
        width = self.value("innerWidth")
        clip = {"x": 0, "y": 0, "width": width, "height": height, "scale": 1}
        shot = self.call("Page.captureScreenshot", clip=clip, captureBeyondViewport=True)
        with open(path, "wb") as file:
            file.write(base64.b64decode(shot["data"]))

    def end(self):
        self.browser.call("Target.closeTarget", targetId=self.target)


class Download:
    """A download that waits in the middle until it is told to go on."""

    def __init__(self, port):
        self.ftp = ftplib.FTP()
        self.ftp.connect("127.0.0.1", port, timeout=DEADLINE)
        self.ftp.login()
        self.ftp.voidcmd("TYPE I")
        self.data = self.ftp.transfercmd("RETR big file.bin")

    def read(self, count):
        while count > 0:
            piece = self.data.recv(min(count, 1 << 16))
            assert piece
            count -= len(piece)

    def end(self):
        self.read(self.left)
        self.data.close()
        self.ftp.voidresp()
        self.ftp.quit()

    left = 0


def follows_a_transfer(page, server):
    """A bar moves with a download, and goes with it."""
    bar = "document.querySelector('#sessions progress')"
    part = f"{bar}?.value"
    download = Download(server.ftp)
    download.read(16 << 20)
    first = until(lambda: page.value(part))
    assert 0 < first < 100, first
    assert page.value(f"{bar}.closest('tr').cells[8].textContent") == "/big file.bin"
    download.read(32 << 20)
    until(lambda: page.value(part) > first)
    download.left = 16 << 20
    download.end()
    until(lambda: page.value(f"!{bar} && document.getElementById('sessions').rows.length === 0"))
    until(lambda: "commands; half" in page.text("heat-text"))
    until(lambda: page.value("document.getElementById('phases').rows.length") == 8)
    assert page.value("document.querySelectorAll('#ring path[d]').length") == 16
    for phase in ("0", "4"):
        took = f"document.getElementById('phases').rows[{phase}].cells[1].textContent"
        assert page.value(took) not in ("", "0 ns"), page.value(took)
    assert page.value("document.documentElement.scrollWidth <= innerWidth"), "the page is wider than the window"


def survives_a_restart(page, server, program, folder):
    server.end()
    until(lambda: page.text("state").startswith("Not connected since "))
    server = Server(program, folder, server.status)
    until(lambda: page.text("state").startswith("The server was started again at "))
    return server


def can_pause(page):
    page.value("document.getElementById('pause').click()")
    assert page.text("state").startswith("Paused at ") and page.text("pause") == "Resume"
    page.value("document.getElementById('pause').click()")
    until(lambda: page.text("state") == "Live.")


def works_without_javascript(browser, server, url):
    download = Download(server.ftp)
    download.read(16 << 20)
    page = Page(browser, url, scripted=False)
    assert page.value("document.getElementById('live').hidden && document.getElementById('pause').hidden")
    assert page.value("document.querySelector('#sessions progress').value") > 0
    assert page.value("document.getElementById('times').rows.length") >= 10
    assert page.value("document.querySelectorAll('#counts caption').length") >= 5
    assert "Reload the page" in page.value("document.querySelector('#state').innerText")
    assert not page.errors(), page.errors()
    page.end()
    download.left = 48 << 20
    download.end()


def take_pictures(browser, server, url, pictures):
    """For people who change the page."""
    with Download(server.ftp).ftp as ftp:
        for width, dark in ((1280, False), (1280, True), (360, False), (360, True)):
            page = Page(browser, url, width=width, dark=dark)
            for _ in range(1500):
                ftp.sock.sendall(b"NOOP\r\n")
                time.sleep(0.002)
            page.picture(os.path.join(pictures, f"{width}-{'dark' if dark else 'light'}.png"))
            page.end()


def main(program, pictures=None):
    with tempfile.TemporaryDirectory() as folder:
        server = Server(program, folder)
        url = f"http://127.0.0.1:{server.status}/"
        browser = Browser(os.path.join(folder, "browser"))
        try:
            page = Page(browser, url)
            until(lambda: page.text("state") == "Live.")
            follows_a_transfer(page, server)
            server = survives_a_restart(page, server, program, folder)
            can_pause(page)
            assert not page.errors(), page.errors()
            reading = until(lambda: page.text("state") == "Live." and server.descriptors())
            page.end()
            until(lambda: server.descriptors() < reading)
            works_without_javascript(browser, server, url)
            if pictures:
                take_pictures(browser, server, url, pictures)
        finally:
            browser.end()
            server.end()


if __name__ == "__main__":
    main(*sys.argv[1:])
