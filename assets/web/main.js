// The page: asks the worker how it is once a second, and shows it.

import { fetchModels, fetchState, keepToken, takeToken, token, TokenWanted } from "./api.js";
import { Chart } from "./chart.js";
import { Client } from "./client.js";
import { Detail } from "./detail.js";
import { el, write, writePairs } from "./dom.js";
import { askForToken, WatchForm } from "./form.js";
import { History, MEASURES } from "./history.js";
import { lineColor } from "./palette.js";
import { showActions, showEvents, showModels, showSubscriptions, showTotals } from "./tables.js";
import { Tile } from "./tile.js";
import { Events, factsOf, readState, verdictOf } from "./world.js";

const PERIOD_MILLIS = 1_000;
/** Afterwards someone else watches it too, and it is shown again. */
const ENDING_MILLIS = 3_000;
/** An answer that takes longer is given up. */
const PATIENCE_MILLIS = 5_000;

const at = (id) => document.getElementById(id);
const maySubscribe = document.documentElement.dataset.maySubscribe === "true";

const WATCHING_NOTHING = maySubscribe
  ? "No camera is watched. Press “Watch a camera” to see one here; a CMS subscribes over the WebSocket at this address."
  : "No camera is watched. A CMS subscribes over the WebSocket at this address.";

const history = new History();
const events = new Events();
const tiles = new Map();
const charts = MEASURES.map((measure) => new Chart(measure));
/** What this page has ended, and until when the worker may still speak of it. */
const ending = new Map();
let world = null;
let marked;

const client = new Client((error) => {
  form.refuse(error);
  events.refused(error);
});
const form = new WatchForm(at("watch"), (payload) => client.subscribe(payload));
const detail = new Detail(at("detail"), {
  history,
  mayEnd: (id) => client.holds(id),
  end: (id) => {
    tiles.get(id)?.remove();
    tiles.delete(id);
    ending.set(id, Date.now() + ENDING_MILLIS);
    client.unsubscribe(id);
  },
});
const observer = new IntersectionObserver((entries) => {
  for (const { target, isIntersecting } of entries) {
    tiles.get(target.dataset.id)?.setOnScreen(isIntersecting);
  }
});

function open(id) {
  const subscription = world?.subscriptions.find((one) => one.id === id);
  if (subscription) detail.open(subscription);
}

function showTiles(subscriptions) {
  const grid = at("tiles");
  const held = new Set(subscriptions.map((one) => one.id));
  for (const [id, tile] of tiles) {
    if (held.has(id)) continue;
    tile.remove();
    tiles.delete(id);
  }
  subscriptions.forEach((subscription, index) => {
    let tile = tiles.get(subscription.id);
    if (!tile) {
      tile = new Tile(subscription, { open, observer });
      tile.element.addEventListener("pointerenter", () => mark(subscription.id));
      tile.element.addEventListener("pointerleave", () => mark(undefined));
      tiles.set(subscription.id, tile);
      grid.insertBefore(tile.element, grid.children[index] ?? null);
    }
    tile.element.hidden = !isWanted(subscription);
    tile.update(subscription);
  });
  const shown = subscriptions.filter(isWanted).length;
  at("no-tiles").hidden = shown > 0;
  write(at("no-tiles"), subscriptions.length > 0
    ? "No camera is like that."
    : WATCHING_NOTHING);
}

function isWanted(subscription) {
  if (at("troubled").checked && subscription.tone === "good") return false;
  const { id, state, modelName } = subscription;
  return `${id} ${state} ${modelName}`.toLowerCase().includes(at("filter").value.trim().toLowerCase());
}

function mark(id) {
  marked = id;
  showCharts();
}

function showCharts() {
  const series = history.all();
  for (const chart of charts) chart.draw(series, Date.now(), marked);
  const legend = at("legend");
  const ids = series.map((one) => one.id).join("\n");
  if (legend.dataset.ids === ids) return;
  legend.dataset.ids = ids;
  legend.replaceChildren(...series.map((one) => {
    const line = el("i");
    line.style.background = lineColor(one.color);
    const entry = el("li", {}, line, one.id);
    entry.addEventListener("pointerenter", () => mark(one.id));
    entry.addEventListener("pointerleave", () => mark(undefined));
    return entry;
  }));
}

function showVerdict({ tone, words }) {
  at("verdict").dataset.tone = tone;
  write(at("verdict"), words);
  const name = world?.worker.workerId ?? "detector-worker";
  document.title = tone === "good" ? name : `${words} · ${name}`;
}

function show() {
  const { worker, subscriptions } = world;
  write(at("worker"), worker.workerId ?? "detector-worker");
  showVerdict(verdictOf(subscriptions));
  writePairs(at("facts"), factsOf(worker));
  showTiles(subscriptions);
  showCharts();
  detail.update(subscriptions.find((one) => one.id === detail.id));
  form.settle(new Set(subscriptions.map((one) => one.id)));
  showModels(at("models"), world.models);
  showSubscriptions(at("subscriptions"), subscriptions, (id) => client.holds(id));
  showActions({ totals: at("action-totals"), servers: at("action-servers"), recent: at("actions") }, world.actions);
  showTotals(at("totals"), world.totals);
  showEvents(at("events"), events.all());
}

async function refresh() {
  let state;
  try {
    state = await fetchState(AbortSignal.timeout(PATIENCE_MILLIS));
  } catch (error) {
    if (error instanceof TokenWanted) lock();
    else showVerdict({ tone: "bad", words: "the worker does not answer" });
    return;
  }
  world = readState(state, world);
  world.subscriptions = world.subscriptions.filter(({ id }) => !(ending.get(id) > Date.now()));
  history.note(world.subscriptions, Date.now());
  events.note(world);
  show();
}

function lock() {
  showVerdict({ tone: "warn", words: "locked" });
  askForToken(at("token"), token() !== null, (given) => {
    keepToken(given);
    refresh();
  });
}

async function refreshAgainAndAgain() {
  for (;;) {
    const began = performance.now();
    if (!document.hidden && !at("token").open) await refresh();
    await new Promise((resolve) =>
      setTimeout(resolve, Math.max(100, PERIOD_MILLIS - (performance.now() - began))));
  }
}

async function openForm() {
  const ids = new Set(world?.subscriptions.map((one) => one.id));
  let number = 1;
  while (ids.has(`page;camera-${number}`)) number += 1;
  form.open(`page;camera-${number}`);
  const used = world?.models.map((model) => model.source).filter(Boolean) ?? [];
  try {
    form.offer(await fetchModels(AbortSignal.timeout(PATIENCE_MILLIS)), used);
  } catch (error) {
    form.offer([], used);
    if (!(error instanceof TokenWanted)) events.refused({ code: "models_not_listed", message: error.message });
  }
}

/** Left and right, up and down among the tiles, as the eye goes. */
function step(key, from) {
  const shown = [...tiles.values()].map((tile) => tile.view.element)
    .filter((element) => element.offsetParent !== null)
    .sort((one, other) => one.compareDocumentPosition(other) & Node.DOCUMENT_POSITION_FOLLOWING ? -1 : 1);
  const index = shown.indexOf(from);
  if (index < 0) return false;
  const row = shown.filter((element) => element.offsetTop === shown[0].offsetTop).length;
  const by = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -row, ArrowDown: row }[key];
  shown[index + by]?.focus();
  return true;
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.matches("input")) return;
  const { key, target } = event;
  if (key.startsWith("Arrow")) {
    if (step(key, target)) event.preventDefault();
  } else if (document.querySelector("dialog[open]")) {
    if (key === "p" && detail.id) detail.togglePause();
  } else if (key === "/") {
    event.preventDefault();
    at("filter").focus();
  } else if (key === "n" && maySubscribe) {
    event.preventDefault();
    openForm();
  }
});

at("filter").addEventListener("input", () => world && showTiles(world.subscriptions));
at("troubled").addEventListener("change", () => world && showTiles(world.subscriptions));
at("add").hidden = !maySubscribe;
at("add").addEventListener("click", openForm);
at("trends").append(...charts.map((chart) => chart.element));

takeToken();
refreshAgainAndAgain();
