"""Someone opens the page and watches cameras. It shows what there is, and says what is wrong."""

import re
import unittest
import urllib.parse

from playwright.sync_api import expect

from stand import (
    PATIENCE_MILLIS, TOKEN, Browser, Camera, Redis, Worker, acting, subscribe, tile, wait_for_frame,
    wait_for_state)

# Where the overlay's lines are, beside where the coloured shapes of the picture are: for each shape,
# whether a line runs along all four of its sides.
LINES_AROUND_SHAPES = """(name) => {
    const tile = document.querySelector(`.tile[data-id='${name}']`);
    const [picture, overlay] = tile.querySelectorAll("canvas");
    const { width, height } = picture;
    const pixels = picture.getContext("2d").getImageData(0, 0, width, height).data;
    const colored = (x, y) => {
        const at = (y * width + x) * 4;
        const [red, green, blue] = pixels.subarray(at, at + 3);
        return Math.max(red, green, blue) - Math.min(red, green, blue) > 80;
    };
    // Each shape has columns of its own.
    const shapes = [];
    let shape = null;
    for (let x = 0; x < width; x++) {
        const rows = [...Array(height).keys()].filter((y) => colored(x, y));
        if (rows.length < 3) { shape = null; continue; }
        if (!shape) shapes.push(shape = { x1: x, x2: x, y1: height, y2: 0 });
        shape.x2 = x;
        shape.y1 = Math.min(shape.y1, rows[0]);
        shape.y2 = Math.max(shape.y2, rows.at(-1));
    }
    const scaled = document.createElement("canvas");
    Object.assign(scaled, { width, height });
    scaled.getContext("2d").drawImage(overlay, 0, 0, width, height);
    const lines = scaled.getContext("2d").getImageData(0, 0, width, height).data;
    const line = (x, y, dx, dy) => {
        for (let off = -7; off <= 7; off++) {
            const [atX, atY] = [Math.round(x + off * dx), Math.round(y + off * dy)];
            if (lines[(atY * width + atX) * 4 + 3] > 100) return true;
        }
        return false;
    };
    return shapes.filter((shape) => shape.x2 - shape.x1 > 12).map(({ x1, x2, y1, y2 }) => {
        const [x, y] = [(x1 + x2) / 2, (y1 + y2) / 2];
        return line(x1, y, 1, 0) && line(x2, y, 1, 0) && line(x, y1, 0, 1) && line(x, y2, 0, 1);
    });
}"""

# What a camera of the real world may be known to do.
KNOWN = {
    "codec": "H.265", "transport": "udp", "keyIntervalMs": 2500, "clockOffsetMs": -1250,
    "faults": {"blocks": 2, "packets_lost": 1234}, "integrity": "smeared",
}


class Page(unittest.TestCase):
    """Each test begins with a worker that watches nothing."""

    @classmethod
    def setUpClass(cls):
        cls.browser = Browser()
        cls.addClassCleanup(cls.browser.stop)
        cls.redis = Redis()
        cls.addClassCleanup(cls.redis.stop)
        cls.worker = Worker(acting=acting(cls.redis.port))
        cls.addClassCleanup(cls.worker.stop)
        cls.address = f"{cls.worker.url}?token={urllib.parse.quote(TOKEN)}"

    def open(self, **options):
        self.worker.wait_until_nothing_is_watched()
        page = self.browser.open(self.address, **options)
        self.addCleanup(page.context.close)
        return page

    def camera(self, **options):
        camera = Camera(**options)
        self.addCleanup(lambda: camera.process.poll() is None and camera.stop())
        return camera

    def test_what_a_camera_shows_is_seen_with_boxes_on_the_objects(self):
        camera, page = self.camera(), self.open()
        subscribe(page, "boxes;drawn", camera.url)
        wait_for_state(page, "boxes;drawn", "running")
        first = wait_for_frame(page, "boxes;drawn")
        self.assertGreater(wait_for_frame(page, "boxes;drawn", after=first), first)
        # A shape may be missed in one frame, never in many.
        around = page.wait_for_function(
            f"(name) => {{ const all = ({LINES_AROUND_SHAPES})(name);"
            " return all.length > 0 && all.every(Boolean) ? all : false; }", arg="boxes;drawn")
        self.assertGreater(len(around.json_value()), 0)
        expect(tile(page, "boxes;drawn").locator(".seen")).to_contain_text("square")
        expect(page.locator("#verdict")).to_contain_text("running")
        expect(page.locator("#models")).to_contain_text("colors.mpta")
        expect(page.locator("#subscriptions")).to_contain_text("this page")
        self.assertEqual(page.complaints, [])

    def test_a_camera_that_dies_is_said_to_be_away_and_comes_back(self):
        camera, page = self.camera(), self.open()
        subscribe(page, "page;flaky", camera.url)
        wait_for_state(page, "page;flaky", "running")
        last = wait_for_frame(page, "page;flaky")
        address = camera.address
        camera.stop()
        wait_for_state(page, "page;flaky", "reconnecting", "stalled")
        expect(tile(page, "page;flaky").locator(".told")).not_to_be_empty()
        expect(page.locator("#verdict")).not_to_have_attribute("data-tone", "good")
        self.camera(listen=address)
        wait_for_state(page, "page;flaky", "running")
        wait_for_frame(page, "page;flaky", after=last)
        expect(page.locator("#events")).to_contain_text(re.compile("reconnecting|stalled"))
        self.assertEqual(page.complaints, [])

    def test_a_camera_that_waits_or_shows_nothing_useful_says_so_and_why(self):
        camera, page = self.camera(), self.open()
        subscribe(page, "states;drawn", camera.url)
        wait_for_state(page, "states;drawn", "running")
        # The states that a camera of the simulator does not get into are written into what the worker says.
        said = {}

        def say(route):
            answer = route.fetch()
            state = answer.json()
            for one in state["subscriptions"]:
                one.update(said)
            for one in state["cameras"]:
                one.update(KNOWN)
            route.fulfill(response=answer, json=state)

        page.route(re.compile("/state$"), say)
        shown = tile(page, "states;drawn")
        for state, words, tone in (
                ("queued", "queued", "busy"),
                ("waiting_for_key_frame", "waiting for a key frame", "warn"),
                ("frozen", "frozen", "warn"), ("covered", "covered", "warn"), ("damaged", "damaged", "warn")):
            said.update(state=state, reason=f"because it is {state}")
            wait_for_state(page, "states;drawn", words)
            expect(shown).to_have_attribute("data-tone", tone)
            expect(shown.locator(".state")).to_have_text(words)
            expect(shown.locator(".told")).to_have_text(f"because it is {state}")
            expect(page.locator("#verdict")).to_have_attribute("data-tone", tone)
            expect(page.locator("#events tbody tr").first).to_contain_text(words)
        shown.locator(".look").click()
        detail = page.locator("#detail")
        expect(detail.locator(".state")).to_have_text("damaged")
        for fact, value in (
                ("Codec", "H.265"), ("Transport", "udp"), ("Between key frames", "2.5 s"),
                ("Its clock", "1250 ms behind the worker's"),
                ("Pictures with faults", "packets lost: 1\u202f234, blocks: 2"),
                ("Suspected fault", "smeared")):
            expect(detail.locator(f"dt:text-is(\"{fact}\") + dd")).to_have_text(value)
        page.unroute_all(behavior="wait")
        self.assertEqual(page.complaints, [])

    def test_a_model_says_where_it_comes_from_and_under_which_licence(self):
        camera, page = self.camera(), self.open()
        subscribe(page, "models;drawn", camera.url)
        wait_for_state(page, "models;drawn", "running")
        rows = page.locator("#models tbody tr")
        for name, classes in (("shape", "2 classes"), ("color", "3 classes")):
            row = rows.filter(has_text="Ultralytics").filter(has_text=name).filter(has_text=classes)
            expect(row.first).to_contain_text("YOLOv8, Ultralytics 8.4.190", timeout=PATIENCE_MILLIS)
            expect(row.first).to_contain_text("2026-11-24, trained on pictures drawn by make.py")
            expect(row.first).to_contain_text("MIT OR Apache-2.0")
        self.assertEqual(page.complaints, [])

    def test_the_last_actions_are_told_and_why_one_was_not_done(self):
        camera, page = self.camera(), self.open()
        subscribe(page, "acts;drawn", camera.url, "acting.mpta")
        wait_for_state(page, "acts;drawn", "running")
        recent = page.locator("#actions tbody tr").filter(has_text="acts;drawn")
        saved = recent.filter(has_text="redis_save_image").first
        expect(saved).to_contain_text("executed", timeout=PATIENCE_MILLIS)
        expect(saved).to_contain_text("shape")
        refused = recent.filter(has_text="redis_publish").first
        expect(refused).to_contain_text("refused", timeout=PATIENCE_MILLIS)
        expect(refused).to_contain_text("run this command")
        totals = page.locator("#action-totals tbody tr").filter(has_text="redis_save_image")
        expect(totals).to_contain_text(re.compile("redis_save_image[1-9]"))
        server = page.locator("#action-servers tbody tr").filter(has_text=f":{self.redis.port}/")
        expect(server).to_contain_text("there")
        self.assertEqual(page.complaints, [])

    def test_everything_can_be_done_by_keyboard(self):
        camera, page = self.camera(), self.open()
        for name in ("keys;left", "keys;right"):
            subscribe(page, name, camera.url)
        for name in ("keys;left", "keys;right"):
            wait_for_state(page, name, "running")
        press = page.keyboard.press
        page.locator("#cameras").focus()
        press("/")
        expect(page.locator("#filter")).to_be_focused()
        page.keyboard.type("keys;")
        press("Tab")
        page.locator(".tile:not([hidden]) .look").first.focus()
        press("ArrowRight")
        expect(tile(page, "keys;right").locator(".look")).to_be_focused()
        press("ArrowLeft")
        press("Enter")
        detail = page.locator("#detail")
        expect(detail.locator("h2")).to_have_text("keys;left")
        expect(detail.locator("tbody tr").first).to_be_visible(timeout=PATIENCE_MILLIS)
        press("p")
        expect(detail.get_by_role("button", name="Go on")).to_be_visible()
        press("Escape")
        expect(detail).to_be_hidden()
        expect(tile(page, "keys;left").locator(".look")).to_be_focused()
        press("n")
        expect(page.locator("#watch")).to_be_visible()
        press("Escape")
        self.assertEqual(page.complaints, [])

    def test_what_is_refused_says_why_and_what_was_asked_for_can_be_ended(self):
        camera, page = self.camera(), self.open()
        page.get_by_role("button", name="Watch a camera").click()
        page.get_by_label("Name", exact=True).fill("refused;drawn")
        page.get_by_label("Camera", exact=True).fill("gopher://camera/")
        page.get_by_label("Model", exact=True).fill("colors.mpta")
        page.get_by_role("button", name="Watch", exact=True).click()
        expect(page.locator("#watch-error")).to_contain_text("scheme gopher")
        page.get_by_label("Camera", exact=True).fill(camera.url)
        page.get_by_role("button", name="Watch", exact=True).click()
        tile(page, "refused;drawn").locator(".look").click()
        page.get_by_role("button", name="Stop watching").click()
        expect(tile(page, "refused;drawn")).to_have_count(0, timeout=PATIENCE_MILLIS)
        self.assertEqual(page.complaints, [])

    def test_the_models_that_lie_ready_are_offered(self):
        page = self.open()
        page.get_by_role("button", name="Watch a camera").click()
        expect(page.locator("#known-models option[value='colors.mpta']")).to_have_count(1)
        expect(page.get_by_label("Model", exact=True)).not_to_have_value("")
        self.assertEqual(page.complaints, [])

    def test_the_token_is_asked_for_kept_and_taken_out_of_the_address(self):
        page = self.browser.open(self.worker.url)
        self.addCleanup(page.context.close)
        expect(page.locator("#token")).to_be_visible()
        page.get_by_label("Token", exact=True).fill("wrong")
        page.get_by_role("button", name="Open").click()
        expect(page.locator("#token-error")).to_contain_text("not the token")
        page.get_by_label("Token", exact=True).fill(TOKEN)
        page.get_by_role("button", name="Open").click()
        expect(page.locator("#verdict")).not_to_have_text("locked")
        page.goto(self.address)
        self.assertEqual(page.url, self.worker.url)
        page.reload()
        expect(page.locator("#facts")).to_contain_text("up")
        expect(page.locator("#token")).to_be_hidden()

    def test_a_class_has_the_colour_that_it_has_in_pictures_of_the_worker(self):
        page = self.open()
        color = page.evaluate("import('./page/palette.js').then(({ colorOf }) => colorOf('person'))")
        self.assertEqual(color, [232, 67, 4])

    def test_a_phone_shows_it_without_scrolling_sideways(self):
        camera = self.camera()
        page = self.open(viewport={"width": 360, "height": 740}, device_scale_factor=2)
        subscribe(page, "phone;drawn", camera.url)
        wait_for_frame(page, "phone;drawn")
        overflow = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        self.assertLessEqual(page.evaluate(overflow), 0)

    def test_a_camera_that_nobody_sees_is_not_asked_for(self):
        camera, page = self.camera(), self.open()
        subscribe(page, "unseen;drawn", camera.url)
        wait_for_frame(page, "unseen;drawn")
        asked = []
        page.locator("#filter").fill("something else")
        expect(tile(page, "unseen;drawn")).to_be_hidden()
        page.on("request", lambda request: asked.append(request.url))
        # The state is asked for again and again: three times are enough to know.
        for _ in range(3):
            page.wait_for_event("request", lambda request: request.url.endswith("/state"))
        self.assertEqual([url for url in asked if "/camera/" in url], [])


class Locked(unittest.TestCase):
    def test_a_page_that_may_not_subscribe_does_not_offer_to(self):
        browser, worker = Browser(), Worker(may_subscribe=False)
        self.addCleanup(browser.stop)
        self.addCleanup(worker.stop)
        page = browser.open(f"{worker.url}?token={urllib.parse.quote(TOKEN)}")
        expect(page.locator("#no-tiles")).to_contain_text("No camera is watched")
        expect(page.get_by_role("button", name="Watch a camera")).to_be_hidden()


if __name__ == "__main__":
    unittest.main()
