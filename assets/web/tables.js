// What there is besides cameras: models, subscriptions, what was counted, and what happened.

import { el, statePill, table, writePairs } from "./dom.js";
import { clock, count, DASH, millis, text } from "./format.js";

/** Puts a table into its place, or a sentence when there is nothing to list. */
function show(place, columns, rows, nothing) {
  const shown = rows.length > 0
    ? table(columns, rows)
    : el("p", { className: "empty" }, nothing);
  // What has the focus keeps it: a table with buttons is changed only where it differs.
  if (place.lastElementChild?.outerHTML !== shown.outerHTML) {
    if (place.lastElementChild?.matches("table, .empty")) place.lastElementChild.remove();
    place.append(shown);
  }
}

const withReason = (pill, reason) =>
  el("span", {}, pill, reason ? el("span", { className: "why" }, reason) : null);

export function showModels(place, models) {
  const columns = [
    { name: "Model" }, { name: "State" }, { name: "Networks" }, { name: "Task" }, { name: "Input" },
    { name: "Classes", kind: "number" }, { name: "On" }, { name: "Checkpoint, SHA-256" },
    { name: "Licence" }, { name: "Inputs", kind: "number" }, { name: "Last batch", kind: "number" },
  ];
  const lines = (model, read) => {
    const values = model.networks.map(read);
    return el("span", { className: "lines" }, values.length > 0 ? values.join("\n") : DASH);
  };
  const rows = models.map((model) => [
    el("span", {}, text(model.name), el("span", { className: "why" }, text(model.source))),
    withReason(statePill(model.state, model.tone), model.reason),
    lines(model, (network) => text(network.name)),
    lines(model, (network) => text(network.task)),
    lines(model, (network) => text(network.input)),
    lines(model, (network) => count(network.classes)),
    lines(model, (network) => text(network.device)),
    lines(model, (network) => text(network.sha256)),
    lines(model, (network) => text(network.license)),
    lines(model, (network) => count(network.inputs)),
    lines(model, (network) => millis(network.millis)),
  ]);
  show(place, columns, rows, "No model is in use.");
}

export function showSubscriptions(place, subscriptions, mine) {
  const columns = [
    { name: "Subscription" }, { name: "Camera" }, { name: "Model" }, { name: "State" },
    { name: "Asked for by" }, { name: "Session" },
  ];
  const rows = subscriptions.map((one) => [
    one.id,
    el("code", {}, text(one.source)),
    text(one.modelName),
    withReason(statePill(one.state, one.tone), one.reason),
    mine(one.id) ? "this page" : text(one.client),
    text(one.session),
  ]);
  show(place, columns, rows, "Nobody has subscribed.");
}

export function showTotals(place, totals) {
  let list = place.querySelector(".totals");
  if (!list) place.append(list = el("dl", { className: "totals" }));
  writePairs(list, totals.map(([name, value]) => [name, count(value)]));
}

export function showEvents(place, events) {
  const columns = [{ name: "When", kind: "when" }, { name: "What" }, { name: "Became" }];
  const rows = events.map((event) => [
    clock(event.at), event.what, withReason(statePill(event.state, event.tone), event.reason),
  ]);
  show(place, columns, rows, "Nothing has changed since this page was opened.");
}
