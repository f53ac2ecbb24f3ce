// Lines over the last minutes.

import { el, write } from "./dom.js";
import { number } from "./format.js";
import { SPAN_MILLIS } from "./history.js";
import { lineColor } from "./palette.js";

/** A gap in time that is no line: the page was asleep, or the worker away. */
const GAP_MILLIS = 5_000;
const LEFT = 40;
const BOTTOM = 16;
const TOP = 6;

/** A chart of one measure, of any number of series. */
export class Chart {
  constructor(measure) {
    this.measure = measure;
    this.now = el("span");
    this.canvas = el("canvas", { role: "img" });
    this.element = el("figure", { className: "chart", dataset: { measure: measure.key } },
      el("figcaption", {}, measure.title, this.now), this.canvas);
  }

  /** Draws the series as they are now. With `marked`, the others stand back. */
  draw(series, now, marked) {
    const { measure, canvas } = this;
    const newest = series.map((one) => one.points.at(-1)?.[measure.key]).filter(Number.isFinite);
    const summary = newest.length === 0 ? "" : newest.length === 1
      ? number(newest[0], measure.decimals, measure.unit)
      : `${number(Math.min(...newest), measure.decimals)} to ${number(Math.max(...newest), measure.decimals, measure.unit)}`;
    write(this.now, summary);
    canvas.ariaLabel = `${measure.title}: ${summary || "nothing measured yet"}`;

    const ratio = devicePixelRatio || 1;
    const { clientWidth: width, clientHeight: height } = canvas;
    if (width === 0) return;
    canvas.width = width * ratio;
    canvas.height = height * ratio;
    const context = canvas.getContext("2d");
    context.scale(ratio, ratio);
    const top = niceTop(series, measure.key);
    const x = (at) => LEFT + (width - LEFT - 4) * (1 - (now - at) / SPAN_MILLIS);
    const y = (value) => TOP + (height - TOP - BOTTOM) * (1 - value / top);
    drawGrid(context, { width, height, top, y, color: getComputedStyle(canvas) });
    for (const one of series) {
      const back = marked !== undefined && marked !== one.id;
      context.globalAlpha = back ? 0.15 : 1;
      context.strokeStyle = lineColor(one.color);
      context.lineWidth = marked === one.id ? 2.2 : 1.4;
      context.lineJoin = "round";
      drawLine(context, one.points, measure.key, x, y);
    }
    context.globalAlpha = 1;
  }
}

/** The next of 1, 2, 5, 10, 20, ... that no value exceeds. */
function niceTop(series, key) {
  let largest = 0;
  for (const { points } of series) {
    for (const point of points) {
      if (point[key] > largest) largest = point[key];
    }
  }
  const ten = 10 ** Math.floor(Math.log10(largest || 1));
  return [1, 2, 5, 10].map((step) => step * ten).find((step) => step >= largest) ?? 1;
}

function drawGrid(context, { width, height, top, y, color }) {
  context.font = "10px system-ui, sans-serif";
  context.fillStyle = color.getPropertyValue("--quiet");
  context.strokeStyle = color.getPropertyValue("--edge");
  context.lineWidth = 1;
  context.textBaseline = "middle";
  context.textAlign = "right";
  for (const part of [0, 0.5, 1]) {
    const at = Math.round(y(top * part)) + 0.5;
    context.beginPath();
    context.moveTo(LEFT, at);
    context.lineTo(width - 4, at);
    context.stroke();
    context.fillText(String(+(top * part).toPrecision(3)), LEFT - 6, at);
  }
  context.textBaseline = "alphabetic";
  context.textAlign = "left";
  context.fillText("5 min ago", LEFT, height - 3);
  context.textAlign = "right";
  context.fillText("now", width - 4, height - 3);
}

function drawLine(context, points, key, x, y) {
  context.beginPath();
  let before;
  for (const point of points) {
    if (!Number.isFinite(point[key])) {
      before = undefined;
      continue;
    }
    const joined = before !== undefined && point.at - before < GAP_MILLIS;
    context[joined ? "lineTo" : "moveTo"](x(point.at), y(point[key]));
    before = point.at;
  }
  context.stroke();
}
