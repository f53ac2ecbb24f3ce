// What was measured in the last minutes. Kept by the page: the worker keeps no history.

/** How far back charts go. */
export const SPAN_MILLIS = 5 * 60_000;

/** What is charted: key, title, unit, and how a value is read out of what the worker says. */
export const MEASURES = [
  { key: "fps", title: "Camera frames a second", unit: "/s", decimals: 1 },
  { key: "age", title: "Age of the newest frame", unit: " ms", decimals: 0 },
  { key: "inference", title: "Inference", unit: " ms", decimals: 0 },
  { key: "drops", title: "Frames left out a second", unit: "/s", decimals: 1 },
];

/** Measurements of every subscription, by its identifier. */
export class History {
  #series = new Map();
  #drops = new Map();
  #colors = 0;

  /** Takes what the worker said at a time. A subscription that is gone is forgotten. */
  note(subscriptions, now) {
    for (const one of subscriptions) {
      const series = this.#series.get(one.id) ?? this.#begin(one.id);
      series.points.push({
        at: now,
        fps: one.fps,
        age: one.ageMs,
        inference: one.inferenceMs,
        drops: this.#rate(one.id, one.dropped, now),
      });
      while (series.points[0].at < now - SPAN_MILLIS) series.points.shift();
    }
    const held = new Set(subscriptions.map((one) => one.id));
    for (const id of this.#series.keys()) {
      if (held.has(id)) continue;
      this.#series.delete(id);
      this.#drops.delete(id);
    }
  }

  /** All series: identifier, colour and points, oldest first. */
  all() {
    return [...this.#series.values()];
  }

  of(id) {
    return this.#series.get(id);
  }

  #begin(id) {
    const series = { id, color: this.#colors++, points: [] };
    this.#series.set(id, series);
    return series;
  }

  /** How fast a counter grew since it was looked at last. A counter that began anew says nothing. */
  #rate(id, total, now) {
    const before = this.#drops.get(id);
    this.#drops.set(id, { total, at: now });
    if (!before || !(total >= before.total) || now <= before.at) return undefined;
    return (total - before.total) * 1000 / (now - before.at);
  }
}
