// What there is besides cameras: models, subscriptions, actions, what was counted, and what happened.

import { el, spanning, statePill, table, writePairs } from "./dom.js";
import { bytes, clock, count, DASH, millis, text } from "./format.js";

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

/** A text, and below it, smaller, what is said of it. */
const withMore = (content, more) =>
  el("span", {}, content, more ? el("span", { className: "why" }, more) : null);

export function showModels(place, models) {
  const columns = [
    { name: "Model" }, { name: "State" }, { name: "Network" }, { name: "Comes from" },
    { name: "Licence" }, { name: "SHA-256" }, { name: "On" },
    { name: "Inputs", kind: "number" }, { name: "Last batch", kind: "number" },
  ];
  // Each network has a line; those of one model share what is said of the model.
  const rows = models.flatMap((model) => {
    const networks = model.networks.length > 0 ? model.networks : [{}];
    return networks.map((network, index) => [
      index > 0 ? null : spanning(networks.length, withMore(text(model.name), text(model.source))),
      index > 0 ? null : spanning(networks.length, withReason(statePill(model.state, model.tone), model.reason)),
      withMore(text(network.name), workOf(network)),
      withMore(text(network.made), network.trained),
      el("span", { className: "licence" }, network.made === undefined ? DASH : network.licence ?? "not stated"),
      el("code", { className: "whole", title: network.sha256 ?? "" }, text(network.sha256?.slice(0, 12))),
      el("span", { className: "device" }, text(network.device)),
      count(network.inputs),
      millis(network.millis),
    ]);
  });
  show(place, columns, rows, "No model is in use.");
}

/** What a network does, in a few words. */
function workOf({ task, input, classes }) {
  const named = classes === undefined || classes === null ? undefined
    : `${count(classes)} ${classes === 1 ? "class" : "classes"}`;
  return [task, input, named].filter(Boolean).join(", ");
}

/** The last actions; above them how often which outcome was theirs, and where they go. */
export function showActions({ totals, servers, recent }, actions) {
  const { waiting, waitingBytes } = actions;
  showTotals(totals, [
    ["waiting", waiting],
    ["their size", bytes(waitingBytes)],
  ]);
  const counted = [{ name: "Action" }, ...actions.outcomes.map((name) => ({ name, kind: "number" }))];
  const counts = actions.counts.map(({ type, counts }) =>
    [el("code", { className: "whole" }, type), ...counts.map((number) => count(number ?? 0))]);
  show(totals, counted, counts, "No model has had an action executed.");
  const known = actions.servers.map((server) => [
    el("code", {}, server.server),
    withReason(statePill(server.state, server.tone), server.reason),
    server.since ? clock(server.since) : "",
  ]);
  servers.hidden = known.length === 0;
  show(servers, [{ name: "Server" }, { name: "State" }, { name: "Since", kind: "when" }], known, "");
  const columns = [
    { name: "When", kind: "when" }, { name: "Action" }, { name: "For" }, { name: "Node" },
    { name: "Became" }, { name: "Times", kind: "number" },
  ];
  const rows = actions.recent.map((action) => [
    clock(action.at),
    el("code", { className: "whole" }, action.type),
    withMore(action.id, action.modelName),
    action.node,
    withReason(statePill(action.outcome, action.tone), action.reason),
    count(action.times),
  ]);
  show(recent, columns, rows, "Nothing yet.");
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
  writePairs(list, totals.map(([name, value]) => [name, typeof value === "string" ? value : count(value)]));
}

export function showEvents(place, events) {
  const columns = [{ name: "When", kind: "when" }, { name: "What" }, { name: "Became" }];
  const rows = events.map((event) => [
    clock(event.at), event.what, withReason(statePill(event.state, event.tone), event.reason),
  ]);
  show(place, columns, rows, "Nothing has changed since this page was opened.");
}
