// Detections, drawn over the frame that they were found in.

import { colorOf, css, inkOn } from "./palette.js";
import { number } from "./format.js";

const FONT = "600 12px system-ui, sans-serif";
const TAG_HEIGHT = 17;

/** What is drawn of a detection: itself, and what its branches found within it. */
function flattened(detections) {
  return detections.flatMap((detection) => {
    const branches = Object.values(detection.branchResults ?? {}).flat();
    // A classifier's box is what it looked at: there is one around it already.
    const within = branches.filter((found) => !sameBox(found.bbox, detection.bbox));
    return [detection, ...flattened(within)];
  });
}

const sameBox = (one, other) => one?.every((side, index) => Math.abs(side - other[index]) <= 2);

/** What a person reads of a detection: class, confidence, track, and what classifiers said. */
export function said(detection) {
  const parts = [`${detection.class} ${number(detection.confidence, 2)}`];
  if (detection.id !== undefined) parts.push(`#${detection.id}`);
  for (const found of Object.values(detection.branchResults ?? {})) {
    if (found[0] && sameBox(found[0].bbox, detection.bbox)) {
      parts.push(`${found[0].class} ${number(found[0].confidence, 2)}`);
    }
  }
  return parts.join(" · ");
}

/** Draws detections over a canvas that shows `region` of the camera's frame. */
export function drawOverlay(canvas, results) {
  const ratio = devicePixelRatio || 1;
  const { clientWidth: width, clientHeight: height } = canvas;
  canvas.width = width * ratio;
  canvas.height = height * ratio;
  if (!results || width === 0) return;
  const context = canvas.getContext("2d");
  context.scale(ratio, ratio);
  const [left, top, right, bottom] = results.region;
  const scale = { x: width / (right - left), y: height / (bottom - top) };
  const place = ([x, y]) => [(x - left) * scale.x, (y - top) * scale.y];

  const all = flattened(results.detections).filter(({ bbox }) => bbox);
  // The worst first, so that the best is drawn over it.
  all.reverse();
  for (const detection of all) drawShape(context, detection, place);
  const taken = [];
  for (const detection of all.reverse()) drawTag(context, detection, place, { width, height }, taken);
}

function drawShape(context, detection, place) {
  const color = colorOf(detection.class);
  context.fillStyle = css(color, 0.22);
  for (const part of detection.mask ?? []) {
    trace(context, part.map(place));
    context.fill();
  }
  if (detection.corners) {
    trace(context, detection.corners.map(place));
  } else {
    const [x1, y1] = place(detection.bbox);
    const [x2, y2] = place(detection.bbox.slice(2));
    context.beginPath();
    context.rect(x1, y1, x2 - x1, y2 - y1);
  }
  // A dark rim tells the line from a background of the same colour.
  stroke(context, "#0007", 4);
  stroke(context, css(color), 2);
  context.fillStyle = css(color);
  for (const [x, y, visibility = 1] of detection.keypoints ?? []) {
    if (visibility < 0.5) continue;
    const [atX, atY] = place([x, y]);
    context.beginPath();
    context.arc(atX, atY, 2.5, 0, 2 * Math.PI);
    context.fill();
  }
}

function trace(context, points) {
  context.beginPath();
  points.forEach(([x, y], index) => context[index ? "lineTo" : "moveTo"](x, y));
  context.closePath();
}

function stroke(context, style, width) {
  context.strokeStyle = style;
  context.lineWidth = width;
  context.stroke();
}

/** A tag above its box, else within it, else below, wherever it covers no other. */
function drawTag(context, detection, place, size, taken) {
  context.font = FONT;
  context.textBaseline = "middle";
  const text = said(detection);
  const width = Math.min(context.measureText(text).width + 10, size.width);
  const [x1, y1] = place(detection.bbox);
  const [, y2] = place(detection.bbox.slice(2));
  const x = Math.max(0, Math.min(x1 - 1, size.width - width));
  const tops = [y1 - TAG_HEIGHT + 1, y1 - 1, y1 + TAG_HEIGHT - 1, y2 - 1]
    .filter((y) => y >= 0 && y + TAG_HEIGHT <= size.height);
  const free = (y) => !taken.some((tag) =>
    x < tag.x + tag.width && tag.x < x + width && y < tag.y + TAG_HEIGHT && tag.y < y + TAG_HEIGHT);
  // A crowd: covering another tag is better than saying nothing.
  const y = tops.find(free) ?? Math.max(0, Math.min(y1, size.height - TAG_HEIGHT));
  taken.push({ x, y, width });
  const color = colorOf(detection.class);
  context.fillStyle = css(color);
  context.fillRect(x, y, width, TAG_HEIGHT);
  context.fillStyle = inkOn(color);
  context.fillText(text, x + 5, y + TAG_HEIGHT / 2 + 0.5, width - 10);
}
