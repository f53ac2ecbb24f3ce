"""What stands around the page in a test: a worker, cameras, a model, a browser."""

import json
import os
import pathlib
import re
import socket
import subprocess
import tempfile
import time
import urllib.request
import zipfile

from playwright.sync_api import expect, sync_playwright

ROOT = pathlib.Path(__file__).parents[2]
BINARY = os.environ["PAGE_WORKER"]
PATIENCE_MILLIS = 30_000
TOKEN = "a token & more"

CONFIG = """(
    listen: "127.0.0.1:0",
    auth: (token: "{token}"),
    device: "cpu",
    models_dir: "{models}",
    cache_dir: "{models}/cache",
    reconnect_interval_secs: 0.3,
    stall_timeout_secs: 2.0,
    orphan_grace_secs: 0.1,
    page: (may_subscribe: {may_subscribe}),
)"""

# Finds squares and balls, and says their colour.
PIPELINE = {
    "pipeline": {
        "modelId": "shape",
        "modelFile": "detect.pt",
        "minConfidence": 0.5,
        "branches": [{
            "modelId": "color",
            "modelFile": "classify.pt",
            "triggerClasses": ["square", "ball"],
            "crop": True,
            "minConfidence": 0.5,
        }],
    },
}


class Program:
    """The program under test, running one of its commands."""

    def __init__(self, *arguments, wait_for):
        self.process = subprocess.Popen(
            [BINARY, *arguments], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        for line in self.process.stdout:
            found = re.search(wait_for, line)
            if found:
                self.found = found.group(1)
                return
        raise AssertionError(f"{arguments} ended with {self.process.wait()}")

    def stop(self):
        self.process.terminate()
        self.process.wait(20)
        self.process.stdout.close()


class Camera(Program):
    """A camera that shows coloured squares and balls, and one for each video."""

    def __init__(self, *videos, listen="127.0.0.1:0"):
        super().__init__("simulate", "--listen", listen, *videos, wait_for=r"(rtsp://\S+/drawn)")
        self.url = self.found
        self.address = re.search(r"//([^/]+)/", self.url).group(1)


class Redis:
    """A Redis that keeps nothing, on a port that was free a moment ago, where nobody may publish."""

    ATTEMPTS = 5

    def __init__(self):
        for _ in range(self.ATTEMPTS):
            with socket.create_server(("127.0.0.1", 0)) as taken:
                self.port = taken.getsockname()[1]
            self.process = subprocess.Popen(
                ["redis-server", "--bind", "127.0.0.1", "--port", str(self.port), "--save", "",
                 "--user", "default", "on", "nopass", "~*", "+@all", "-publish"],
                stdout=subprocess.PIPE, text=True)
            if any("Ready to accept connections" in line for line in self.process.stdout):
                return
            self.process.wait()
        raise AssertionError("redis-server does not start")

    def stop(self):
        self.process.terminate()
        self.process.wait(20)
        self.process.stdout.close()


def acting(redis_port):
    """The archive of colours, with a picture that is saved and a message that Redis refuses."""
    pipeline = json.loads(json.dumps(PIPELINE))
    pipeline["pipeline"]["actions"] = [
        {"type": "redis_save_image", "key": "shot:{camera_id}:{frame}", "expire_seconds": 60},
        {"type": "redis_publish", "channel": "shapes", "message": "{class}"},
    ]
    pipeline["redis"] = {"host": "127.0.0.1", "port": redis_port}
    return pipeline, COLORS[1]


FIXTURES = ROOT / "tests/fixtures/models"
COLORS = (PIPELINE, {
    "detect.pt": FIXTURES / "tiny-color-detect.pt", "classify.pt": FIXTURES / "tiny-color-classify.pt"})


class Worker(Program):
    """A worker that wants the token, with models by a path: `colors.mpta`, if no others are given."""

    def __init__(self, may_subscribe=True, **archives):
        self.folder = tempfile.TemporaryDirectory()
        models = pathlib.Path(self.folder.name)
        for name, (pipeline, files) in {"colors": COLORS, **archives}.items():
            with zipfile.ZipFile(models / f"{name}.mpta", "w") as archive:
                archive.writestr("pipeline.json", json.dumps(pipeline))
                for entry, file in files.items():
                    archive.write(file, entry)
        config = models / "config.ron"
        config.write_text(CONFIG.format(
            token=TOKEN, models=models, may_subscribe=str(may_subscribe).lower()))
        super().__init__("run", "--config", str(config), wait_for=r"health\s+(http://\S+/)healthz")
        self.url = self.found

    def wait_until_nothing_is_watched(self):
        """What a page that was closed has watched ends soon. A page that sees it end may ask for its picture
        once more, and Chromium writes each 404 to its console."""
        request = urllib.request.Request(f"{self.url}state", headers={"Authorization": f"Bearer {TOKEN}"})
        deadline = time.monotonic() + PATIENCE_MILLIS / 1000
        while time.monotonic() < deadline:
            with urllib.request.urlopen(request) as answer:
                if not json.load(answer)["subscriptions"]:
                    return
        raise AssertionError("what was watched does not end")

    def stop(self):
        super().stop()
        self.folder.cleanup()


class Browser:
    """Chromium, with one page open; whatever its console complains about is kept."""

    def __init__(self):
        self.playwright = sync_playwright().start()
        self.chromium = self.playwright.chromium.launch(
            executable_path="/usr/bin/chromium", args=["--no-sandbox"])

    def open(self, url, **options):
        context = self.chromium.new_context(**options)
        context.set_default_timeout(PATIENCE_MILLIS)
        page = context.new_page()
        page.complaints = []
        page.on("console", lambda message: message.type in ("error", "warning")
                and page.complaints.append(message.text))
        page.on("pageerror", lambda error: page.complaints.append(str(error)))
        page.goto(url)
        return page

    def stop(self):
        self.chromium.close()
        self.playwright.stop()


def subscribe(page, name, camera, model="colors.mpta"):
    """Watches a camera from the page's own form."""
    page.get_by_role("button", name="Watch a camera").click()
    page.get_by_label("Name", exact=True).fill(name)
    page.get_by_label("Camera", exact=True).fill(camera)
    page.get_by_label("Model", exact=True).fill(model)
    page.get_by_role("button", name="Watch", exact=True).click()
    expect(page.locator("#watch")).to_be_hidden(timeout=PATIENCE_MILLIS)


def tile(page, name):
    return page.locator(f".tile[data-id='{name}']")


def wait_for_state(page, name, *states):
    expect(tile(page, name)).to_have_attribute(
        "data-state", re.compile("|".join(states)), timeout=PATIENCE_MILLIS)


def wait_for_frame(page, name, after=-1):
    """Waits for a picture with something found in it, newer than one seen before."""
    return page.wait_for_function(
        """([name, after]) => {
            const tile = document.querySelector(`.tile[data-id='${name}']`);
            const frame = Number(tile?.querySelector(".look").dataset.frame ?? -1);
            return frame > after && tile.querySelector(".seen span") ? frame : false;
        }""", arg=[name, after]).json_value()
