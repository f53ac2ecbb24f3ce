// A camera as someone sees it: the picture, what was found in it, and how it is doing.

import { el, statePill, write, writePairs } from "./dom.js";
import { millis, number } from "./format.js";
import { Looking } from "./looking.js";
import { drawOverlay, said } from "./overlay.js";
import { colorOf, css } from "./palette.js";

/** Two pictures a second are enough to see what goes on in many. */
const PERIOD_MILLIS = 500;
/** Detections that are named below a picture. */
const NAMED = 4;

/** A picture with its detections, kept fresh while it can be seen. */
export class Picture {
  #drawn = { width: 0, results: null };

  constructor(id, { periodMillis, label, tag = "button" }) {
    this.picture = el("canvas", { className: "picture" });
    this.overlay = el("canvas", { className: "overlay" });
    this.told = el("span", { className: "told" });
    this.nothing = el("span", { className: "nothing" }, "no picture yet");
    this.frame = el("span", { className: "frame", hidden: true }, this.picture, this.overlay);
    this.element = el(tag, { className: "look", ariaLabel: label }, this.nothing, this.frame, this.told);
    if (tag === "button") this.element.type = "button";
    this.looking = new Looking({
      id,
      periodMillis,
      width: () => Math.max(64, this.element.clientWidth * (devicePixelRatio || 1)),
      see: (seen) => this.#see(seen),
    });
    new ResizeObserver(() => this.#redraw()).observe(this.element);
  }

  /** What is called with the results of each new frame. */
  onresults = () => {};

  get results() {
    return this.#drawn.results;
  }

  #see({ results, image }) {
    this.picture.width = image.width;
    this.picture.height = image.height;
    this.picture.getContext("2d").drawImage(image, 0, 0);
    this.frame.style.setProperty("--ratio", image.width / image.height);
    image.close();
    this.frame.hidden = false;
    this.nothing.hidden = true;
    this.#drawn = { results };
    this.element.dataset.frame = results.frame;
    this.#redraw();
    this.onresults(results);
  }

  #redraw() {
    drawOverlay(this.overlay, this.#drawn.results);
  }
}

/** A tile of the grid. */
export class Tile {
  #onScreen = false;
  #hasFrame = false;

  constructor(subscription, { open, observer }) {
    this.id = subscription.id;
    this.view = new Picture(subscription.id, { periodMillis: PERIOD_MILLIS, label: "" });
    this.state = statePill("", "busy");
    this.name = el("span", { className: "name" }, subscription.camera, " ",
      el("small", {}, `on ${subscription.display}`));
    this.figures = el("dl", { className: "figures" });
    this.seen = el("p", { className: "seen" });
    this.element = el("article", { className: "tile", dataset: { id: subscription.id } },
      this.view.element,
      el("div", { className: "caption" }, this.name, this.state, this.figures, this.seen));
    this.view.element.addEventListener("click", () => open(this.id));
    this.view.onresults = (results) => this.#name(results.detections);
    observer.observe(this.element);
    this.update(subscription);
  }

  /** Shows how the subscription is doing now. */
  update(subscription) {
    const { state, tone, reason } = subscription;
    this.subscription = subscription;
    this.element.dataset.tone = tone;
    this.element.dataset.state = state;
    this.state.dataset.tone = tone;
    write(this.state, state);
    write(this.view.told, tone === "good" ? "" : reason ?? "");
    this.view.element.ariaLabel = `${subscription.camera} on ${subscription.display}: ${state}. Open`;
    writePairs(this.figures, [
      ["camera", number(subscription.fps, 1, "/s")],
      ["results", number(subscription.resultsPerSecond, 1, "/s")],
      ["age", millis(subscription.ageMs)],
      ["inference", millis(subscription.inferenceMs)],
    ]);
    this.#hasFrame = Number.isFinite(subscription.ageMs);
    this.#look();
  }

  /** Whether it is on the screen. */
  setOnScreen(onScreen) {
    this.#onScreen = onScreen;
    this.#look();
  }

  remove() {
    this.#hasFrame = false;
    this.#look();
    this.element.remove();
  }

  #look() {
    this.view.looking.want(this.#onScreen && this.#hasFrame && !this.element.hidden);
  }

  #name(detections) {
    const named = detections.slice(0, NAMED).map((detection) => {
      const mark = el("i");
      mark.style.background = css(colorOf(detection.class));
      return el("span", {}, mark, said(detection));
    });
    const more = detections.length - named.length;
    this.seen.replaceChildren(...named, more > 0 ? `and ${more} more` : "");
  }
}
