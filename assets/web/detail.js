// One camera, large: the picture, every detection in it, and how it did in the last minutes.

import { Chart } from "./chart.js";
import { el, statePill, table, write } from "./dom.js";
import { count, DASH, millis, number, text } from "./format.js";
import { MEASURES } from "./history.js";
import { Picture } from "./tile.js";
import { colorOf, css } from "./palette.js";

/** As often as most cameras are sampled is more than an eye needs. */
const PERIOD_MILLIS = 150;

/** The dialog that shows one camera. */
export class Detail {
  #subscription;
  #paused = false;

  constructor(dialog, { history, mayEnd, end }) {
    Object.assign(this, { dialog, history, mayEnd, end });
    dialog.addEventListener("close", () => this.#leave());
    dialog.addEventListener("click", (event) => {
      if (event.target === dialog) dialog.close();
    });
  }

  /** Opens it on a subscription. */
  open(subscription) {
    this.#leave();
    this.#paused = false;
    this.title = el("h2", { id: "detail-title" }, subscription.id);
    this.state = statePill("", "busy");
    this.pause = el("button", { type: "button", className: "small", ariaKeyShortcuts: "p" }, "Pause");
    this.pause.addEventListener("click", () => this.togglePause());
    this.ending = el("button", { type: "button", className: "small" }, "Stop watching");
    this.ending.addEventListener("click", () => {
      this.end(this.#subscription.id);
      this.dialog.close();
    });
    const close = el("button", { type: "button", className: "small" }, "Close");
    close.addEventListener("click", () => this.dialog.close());
    this.view = new Picture(subscription.id, {
      periodMillis: PERIOD_MILLIS, tag: "div", label: `What ${subscription.id} shows`,
    });
    this.view.onresults = (results) => this.#list(results);
    this.found = el("div", { className: "scroll" });
    this.charts = MEASURES.map((measure) => new Chart(measure));
    this.pairs = el("dl", { className: "pairs" });
    this.dialog.replaceChildren(el("div", {},
      el("div", { className: "heading" }, this.title, this.state,
        el("div", { className: "tools" }, this.ending, this.pause, close)),
      this.view.element,
      this.found,
      el("div", { className: "charts" }, ...this.charts.map((chart) => chart.element)),
      this.pairs));
    this.#list(null);
    if (!this.dialog.open) this.dialog.showModal();
    this.update(subscription);
  }

  /** Shows how it is doing now; closes when it is gone. */
  update(subscription) {
    if (!this.dialog.open) return;
    if (!subscription) {
      this.dialog.close();
      return;
    }
    this.#subscription = subscription;
    const { state, tone, reason } = subscription;
    this.dialog.dataset.tone = tone;
    this.state.dataset.tone = tone;
    write(this.state, state);
    write(this.view.told, tone === "good" ? "" : reason ?? "");
    this.ending.hidden = !this.mayEnd(subscription.id);
    this.#look();
    const series = this.history.of(subscription.id);
    for (const chart of this.charts) chart.draw(series ? [series] : [], Date.now());
    this.pairs.replaceChildren(...facts(subscription).flatMap(([name, value]) =>
      [el("dt", {}, name), el("dd", {}, value)]));
  }

  /** The identifier of what is shown; undefined when it is closed. */
  get id() {
    return this.dialog.open ? this.#subscription?.id : undefined;
  }

  /** Holds the picture, to look at it in peace. */
  togglePause() {
    this.#paused = !this.#paused;
    write(this.pause, this.#paused ? "Go on" : "Pause");
    this.#look();
  }

  #look() {
    this.view.looking.want(!this.#paused && Number.isFinite(this.#subscription.ageMs));
  }

  #leave() {
    this.view?.looking.want(false);
  }

  #list(results) {
    if (!results?.detections.length) {
      const nothing = results ? "Nothing is found in this frame." : "No results yet.";
      this.found.replaceChildren(el("p", { className: "empty" }, nothing));
      return;
    }
    const columns = [
      { name: "Class" }, { name: "Confidence", kind: "number" }, { name: "Track", kind: "number" },
      { name: "Box: left, top, right, bottom" }, { name: "Branches" },
    ];
    this.found.replaceChildren(table(columns, results.detections.map(row)));
  }
}

function row(detection) {
  const mark = el("i");
  mark.style.background = css(colorOf(detection.class));
  const branches = Object.entries(detection.branchResults ?? {}).map(([name, found]) => {
    const best = found[0];
    return `${name}: ${best ? `${best.class} ${number(best.confidence, 2)}` : "nothing"}`;
  });
  return [
    el("span", { className: "seen" }, el("span", {}, mark, detection.class)),
    number(detection.confidence, 3),
    text(detection.id),
    detection.bbox?.join(", ") ?? DASH,
    branches.join(", ") || DASH,
  ];
}

function lastError(error) {
  return error ? `${error.reason}, ${new Date(error.timestamp).toLocaleString()}` : DASH;
}

/** How often each fault was found. */
function counted(faults) {
  return faults.map(({ fault, times }) => `${fault}: ${count(times)}`).join(", ") || "none";
}

/** How far a clock is ahead of the worker's. */
function ahead(offsetMs) {
  if (!Number.isFinite(offsetMs)) return DASH;
  const off = millis(Math.abs(offsetMs));
  return offsetMs < 0 ? `${off} behind the worker's` : `${off} ahead of the worker's`;
}

function facts(subscription) {
  return [
    ["Camera", text(subscription.source)],
    ["Its frames", text(subscription.size)],
    ["Codec", text(subscription.codec)],
    ["Transport", text(subscription.transport)],
    ["Between key frames", number(subscription.keyIntervalMs / 1000, 1, " s")],
    ["Its clock", ahead(subscription.clockOffsetMs)],
    ["Model", `${text(subscription.modelName)} (${text(subscription.modelId)})`],
    ["Crop", subscription.crop ? subscription.crop.join(", ") : "all of the frame"],
    ["Session", text(subscription.session)],
    ["Frames looked at", count(subscription.finished)],
    ["Frames left out", count(subscription.dropped)],
    ["Frames that failed", count(subscription.failed)],
    ["Opened again", count(subscription.reconnects)],
    ["Pictures with faults", counted(subscription.faults)],
    ["Suspected fault", subscription.suspicion ?? "none"],
    ["Went wrong last", lastError(subscription.lastError)],
    ["Age of the newest frame", millis(subscription.ageMs)],
    ["From frame to results", millis(subscription.resultAgeMs)],
  ];
}
