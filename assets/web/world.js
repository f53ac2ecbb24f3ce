// What the worker says at `/state`, in the words of the page. Every key of `/state` that the page
// reads is named here and nowhere else; a key that is missing is a dash on the page.

import { bytes, DASH, duration, percent } from "./format.js";

/** How good a state is. What the page does not know yet is worth a look. */
const TONES = {
  running: "good", ready: "good",
  connecting: "busy", queued: "busy", model_loading: "busy", fetching: "busy", loading: "busy",
  waiting_for_key_frame: "warn", frozen: "warn", covered: "warn", damaged: "warn",
  stalled: "warn", reconnecting: "warn",
  failed: "bad", model_failed: "bad",
};
const toneOf = (state) => TONES[state] ?? "warn";

/** Changes that are remembered. */
const MOST_EVENTS = 100;

/** Reads `/state`. `before` is what the page knew a moment ago, for what is counted by time. */
export function readState(state, before) {
  const at = Date.now();
  const views = byId(state.views);
  const cameras = byId(state.cameras);
  const sessions = new Map(state.displays?.map((display) => [display.displayIdentifier, display.sessionId]));
  const known = new Map(before?.subscriptions.map((one) => [one.id, one]));
  const subscriptions = new Map();
  for (const one of state.subscriptions ?? []) {
    const id = one.subscriptionIdentifier;
    // Two clients may hold the same identifier; they hold it for the same thing then.
    const also = subscriptions.get(id);
    if (also) {
      also.client = [also.client, one.client].filter(Boolean).join(", ");
      continue;
    }
    const view = views.get(one.view) ?? {};
    const camera = cameras.get(view.camera) ?? {};
    const read = readSubscription(one, view, camera, sessions);
    subscriptions.set(id, { ...read, at, resultsPerSecond: rate(read.finished, at, known.get(id)) });
  }
  return {
    worker: state,
    subscriptions: [...subscriptions.values()]
      .sort((one, other) => one.id.localeCompare(other.id, undefined, { numeric: true })),
    models: readModels(state),
    actions: readActions(state.actions ?? {}),
    totals: readTotals(state.counters ?? {}),
    device: { losses: state.device?.losses ?? 0, lastLoss: state.device?.lastLoss ?? undefined },
  };
}

const byId = (entries = []) => new Map(entries.map((entry) => [entry.id, entry]));

function readSubscription(one, view, camera, sessions) {
  const id = one.subscriptionIdentifier;
  const [display, name = display] = id.split(/;(.*)/s);
  const { crop } = view;
  return {
    id, display, camera: name,
    state: words(one.state), tone: toneOf(one.state), reason: one.reason ?? undefined,
    modelId: one.modelId, modelName: one.modelName, client: one.client, session: sessions.get(display),
    source: camera.source,
    size: camera.width ? `${camera.width} × ${camera.height}` : undefined,
    crop: crop ? [crop.cropX1, crop.cropY1, crop.cropX2, crop.cropY2] : undefined,
    fps: camera.fps,
    ageMs: camera.frameAgeMs ?? undefined,
    inferenceMs: view.passesFinished > 0 ? view.lastInferenceMs : undefined,
    resultAgeMs: view.passesFinished > 0 ? view.lastFrameAgeMs : undefined,
    finished: view.passesFinished,
    dropped: view.framesLeftOut,
    failed: view.inferencesFailed,
    reconnects: camera.reconnects,
    faults: readFaults(camera.faults),
    suspicion: camera.integrity ? words(camera.integrity) : undefined,
    codec: camera.codec,
    transport: camera.transport,
    keyIntervalMs: camera.keyIntervalMs ?? undefined,
    clockOffsetMs: camera.clockOffsetMs ?? undefined,
    lastError: camera.lastError,
  };
}

/** What was wrong with pictures, in words, the most frequent first. */
function readFaults(faults = {}) {
  return Object.entries(faults)
    .map(([fault, times]) => ({ fault: words(fault), times }))
    .sort((one, other) => other.times - one.times);
}

const words = (state) => state?.replaceAll("_", " ").replace("for key", "for a key") ?? DASH;

const sum = (...values) => values.reduce((all, value) => value === undefined ? all : (all ?? 0) + value, undefined);

/** How fast a counter grows, smoothed over a few looks. */
function rate(total, at, before) {
  if (!before || !(total >= before.finished)) return undefined;
  const now = (total - before.finished) * 1000 / Math.max(at - before.at, 1);
  return (before.resultsPerSecond ?? now) * 0.7 + now * 0.3;
}

function readModels({ models = [], networks, subscriptions = [], views = [] }) {
  const running = byId(networks);
  return models.map((model) => {
    const watching = new Set(views.filter((view) => view.model === model.id).map((view) => view.id));
    const named = subscriptions.find((one) => watching.has(one.view));
    return {
      name: named?.modelName,
      source: model.source,
      state: model.idle && model.state === "ready" ? "idle" : words(model.state),
      tone: toneOf(model.state),
      reason: model.reason ?? progressOf(model, running),
      networks: (model.nodes ?? []).map((node) => {
        const network = running.get(node.network) ?? {};
        return {
          name: node.modelId,
          task: network.task,
          classes: network.classes,
          input: network.inputWidth ? `${network.inputWidth} × ${network.inputHeight}` : undefined,
          device: network.fallback ? `${network.device}: ${network.fallback}` : network.device,
          sha256: node.sha256 ?? undefined,
          ...readProvenance(network.provenance),
          inputs: network.inputs,
          millis: network.batches > 0 ? network.lastBatchMs : undefined,
        };
      }),
    };
  });
}

/** How far a model is on its way to being ready. */
function progressOf({ state, fetchedBytes, totalBytes, nodes = [] }, networks) {
  if (state === "fetching" && typeof fetchedBytes === "number") {
    return totalBytes ? `${bytes(fetchedBytes)} of ${bytes(totalBytes)}` : bytes(fetchedBytes);
  }
  const steps = nodes.map((node) => networks.get(node.network)?.step).filter((step) => step && step !== "waiting");
  return state === "loading" ? steps[0] : undefined;
}

/** Where a network comes from, in two lines, and what its weights may be used for. */
function readProvenance(provenance) {
  if (!provenance) return {};
  const { family, scale, version, date, licence, trainedFrom, trainedOn } = provenance;
  const made = [
    family ? `${family}${scale ?? ""}` : undefined,
    version ? `Ultralytics ${version}` : undefined,
  ];
  const trained = [
    date ? date.slice(0, 10) : undefined,
    trainedOn ? `trained on ${trainedOn}` : undefined,
    trainedFrom ? `from ${trainedFrom}` : undefined,
  ];
  const said = (parts) => parts.filter(Boolean).join(", ");
  return { made: said(made), trained: said(trained), licence: licence ?? undefined };
}

/** How much an outcome of an action is worth a look. What is not named here is a failure. */
const OUTCOME_TONES = {
  executed: "good", cooling_down: "busy", missing_branch: "busy",
  missing_value: "warn", expired: "warn", crowded_out: "warn", answer_lost: "warn", ended: "warn",
};
const outcomeTone = (outcome) => OUTCOME_TONES[outcome] ?? "bad";

function readActions({ outcomes = {}, waiting, waitingBytes, servers = [], recent = [] }) {
  const seen = new Set(Object.values(outcomes).flatMap((counts) => Object.keys(counts)));
  // What was done first, then as the alphabet has it.
  const order = [...seen].sort((one, other) =>
    (other === "executed") - (one === "executed") || one.localeCompare(other));
  return {
    waiting, waitingBytes,
    outcomes: order.map(words),
    counts: Object.entries(outcomes).map(([type, counts]) => ({ type, counts: order.map((name) => counts[name]) })),
    servers: servers.map(({ server, away }) => ({
      server,
      state: away ? "away" : "there",
      tone: away ? "bad" : "good",
      reason: away?.reason,
      since: away ? new Date(away.timestamp) : undefined,
    })),
    recent: recent.map((action) => ({
      at: new Date(action.timestamp),
      type: action.type,
      id: action.subscriptionIdentifier,
      modelName: action.modelName,
      node: action.node,
      outcome: words(action.outcome),
      tone: outcomeTone(action.outcome),
      reason: action.reason ?? undefined,
      times: action.times,
    })),
  };
}

function readTotals(counters) {
  return [
    ["clients so far", counters.clientsConnected],
    ["turned away", counters.connectionsTurnedAway],
    ["messages read", counters.messagesReceived],
    ["refused", sum(...Object.values(counters.messagesRefused ?? {}))],
    ["detections sent", counters.imageDetections],
    ["not read in time", sum(counters.droppedReplies, counters.droppedHeartbeats, counters.droppedDetections)],
  ];
}

/** What stands at the top: name and value. */
export function factsOf(worker) {
  const facts = [
    ["version", worker.version ?? DASH],
    ["up", duration(worker.uptimeSecs)],
    ["cameras", `${worker.cameras?.length ?? DASH} of ${worker.capacity ?? DASH}`],
    ["CPU", percent(worker.cpuUsage)],
    ["memory", percent(worker.memoryUsage)],
  ];
  if (worker.gpuUsage > 0 || worker.gpuMemoryUsage > 0) {
    facts.push(["GPU", percent(worker.gpuUsage)], ["its memory", percent(worker.gpuMemoryUsage)]);
  }
  if (worker.device) facts.push(["on", worker.device.name]);
  return facts;
}

/** All cameras in a few words. */
export function verdictOf(subscriptions) {
  const running = subscriptions.filter((one) => one.tone === "good").length;
  const all = subscriptions.length;
  if (all === 0) return { tone: "busy", words: "watching nothing" };
  if (running === all) return { tone: "good", words: all === 1 ? "running" : `all ${all} running` };
  const worst = ["bad", "warn", "busy"].find((tone) => subscriptions.some((one) => one.tone === tone));
  return { tone: worst, words: `${running} of ${all} running` };
}

/** What went wrong last before the page was opened, and what changed since, newest first. */
export class Events {
  #events = [];
  #states;
  #losses = 0;

  all() {
    return this.#events;
  }

  /** Notes every subscription, model and server that is in another state than before. */
  note({ subscriptions, models, actions, device }) {
    const now = new Map([
      ...subscriptions.map((one) => [one.id, one]),
      ...models.map((model) => [model.source, model]),
      ...actions.servers.map((server) => [server.server, server]),
    ]);
    if (!this.#states) this.#begin(subscriptions, actions.servers);
    if (device.losses > this.#losses) {
      this.#add({ what: "the device", state: "lost", tone: "bad", reason: device.lastLoss });
    }
    this.#losses = device.losses;
    for (const [what, { state, tone, reason }] of now) {
      const before = this.#states.get(what);
      if (before !== undefined && before !== state) this.#add({ what, state, tone, reason });
      this.#states.set(what, state);
    }
    for (const what of this.#states.keys()) {
      if (now.has(what)) continue;
      this.#states.delete(what);
      this.#add({ what, state: "gone", tone: "busy" });
    }
  }

  /** Notes what the worker refused to do for this page. */
  refused({ subscriptionIdentifier, code, message }) {
    this.#add({ what: subscriptionIdentifier ?? "this page", state: words(code), tone: "warn", reason: message });
  }

  /** What the worker remembers of the time before. */
  #begin(subscriptions, servers) {
    this.#states = new Map();
    const failed = subscriptions.filter((one) => one.lastError).map(({ id, lastError }) =>
      ({ at: new Date(lastError.timestamp), what: id, reason: lastError.reason }));
    const away = servers.filter((server) => server.since).map(({ server, since, reason }) =>
      ({ at: since, what: server, reason }));
    for (const event of [...failed, ...away].sort((one, other) => one.at - other.at)) {
      this.#add({ state: "went wrong", tone: "warn", ...event });
    }
  }

  #add(event) {
    this.#events.unshift({ at: new Date(), ...event });
    this.#events.length = Math.min(this.#events.length, MOST_EVENTS);
  }
}
