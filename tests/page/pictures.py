"""Pictures of the page for the documentation, of a real worker that watches a street and a drawn scene."""

import os
import pathlib
import sys
import urllib.parse

from stand import TOKEN, Browser, Camera, Redis, Worker, subscribe, wait_for_frame

ASSETS = pathlib.Path(os.environ["PAGE_ASSETS"])
# So that charts have something to show.
WATCHED_MILLIS = 45_000

ACTIONS = [
    {"type": "redis_save_image", "key": "shot:{camera_id}:{frame}:{uuid}", "expire_seconds": 60},
    {"type": "redis_stream_add", "stream": "seen", "fields": {"class": "{class}"}, "max_len": 1000},
    {"type": "patch_session", "data": {"last": "{class}"}},
]


def street(redis_port):
    """A pipeline that looks for who and what is on a street, for plates on what has one, and acts."""
    return {
        "redis": {"host": "127.0.0.1", "port": redis_port},
        "pipeline": {
            "modelId": "street", "modelFile": "street.pt", "minConfidence": 0.4,
            "triggerClasses": ["person", "car", "bus", "truck", "bicycle", "motorcycle"],
            "actions": ACTIONS,
            "branches": [{
                "modelId": "plate", "modelFile": "plates.pt", "triggerClasses": ["car", "bus", "truck"],
                "minConfidence": 0.4, "crop": True, "resizeTarget": [320, 320],
            }],
        },
    }, {"street.pt": ASSETS / "yolo11n-seg.pt", "plates.pt": ASSETS / "plates.pt"}


def main(out):
    out.mkdir(parents=True, exist_ok=True)
    camera = Camera(ASSETS / "bikes.mp4")
    redis = Redis()
    worker, browser = Worker(street=street(redis.port)), Browser()
    try:
        address = f"{worker.url}?token={urllib.parse.quote(TOKEN)}"
        page = browser.open(address, viewport={"width": 1280, "height": 800})
        bikes = camera.url.replace("/drawn", "/bikes")
        subscribe(page, "gate;street", bikes, "street.mpta")
        subscribe(page, "lobby;shapes", camera.url)
        subscribe(page, "yard;dock", "rtsp://127.0.0.1:9/dock", "street.mpta")
        wait_for_frame(page, "gate;street")
        wait_for_frame(page, "lobby;shapes")
        page.wait_for_timeout(WATCHED_MILLIS)
        page.screenshot(path=out / "page.png")
        page.screenshot(path=out / "light.png", full_page=True)
        page.emulate_media(color_scheme="dark")
        page.wait_for_timeout(2_000)
        page.screenshot(path=out / "dark.png", full_page=True)
        page.locator(".tile[data-id='gate;street'] .look").click()
        page.locator("#detail tbody tr").first.wait_for()
        page.wait_for_timeout(1_000)
        page.screenshot(path=out / "detail.png")
        page.keyboard.press("Escape")
        page.set_viewport_size({"width": 390, "height": 844})
        page.wait_for_timeout(2_000)
        page.screenshot(path=out / "phone.png", full_page=True)
    finally:
        browser.stop()
        worker.stop()
        redis.stop()
        camera.stop()


main(pathlib.Path(sys.argv[1]))
