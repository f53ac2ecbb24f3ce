// Looks at what is on the screen, again and again, and at nothing else.
//
// A viewer asks for the next frame when the last has come, so a slow network or a slow phone sees
// fewer frames and the worker does no more than is seen. Few requests run at once, whatever the
// number of tiles; a page in the background asks for nothing.

import { fetchResults } from "./api.js";

/** Requests for frames that run at once. Browsers allow six of one host; the state needs one. */
const AT_ONCE = 4;
/** After an answer without a picture. */
const PATIENCE_MILLIS = 1_000;

let running = 0;
const waiting = [];

async function turn() {
  if (running >= AT_ONCE) await new Promise((resolve) => waiting.push(resolve));
  running += 1;
}

function done() {
  running -= 1;
  waiting.shift()?.();
}

const pause = (millis) => new Promise((resolve) => setTimeout(resolve, millis));

function shown() {
  if (!document.hidden) return Promise.resolve();
  return new Promise((resolve) => document.addEventListener("visibilitychange", resolve, { once: true }));
}

/** Looks at one subscription while it is wanted. */
export class Looking {
  #wanted = false;
  #looping = false;
  #asking;

  /**
   * `width` says how many pixels are worth asking for, `see` takes what came.
   */
  constructor({ id, width, periodMillis, see }) {
    Object.assign(this, { id, width, periodMillis, see });
  }

  /** Whether there is something to see, and someone who sees it. */
  want(wanted) {
    this.#wanted = wanted;
    if (!wanted) this.#asking?.abort();
    else if (!this.#looping) this.#loop();
  }

  async #loop() {
    this.#looping = true;
    let tag = null;
    while (this.#wanted) {
      const began = performance.now();
      let seen = null;
      await shown();
      await turn();
      try {
        this.#asking = new AbortController();
        if (this.#wanted) seen = await fetchResults(this.id, this.width(), tag, this.#asking.signal);
      } catch {
        // Not wanted any more; or the worker is away or wants a token, which the state says.
        if (this.#wanted) await pause(PATIENCE_MILLIS);
      } finally {
        done();
      }
      if (seen && this.#wanted) {
        tag = seen.tag;
        this.see(seen);
      } else {
        seen?.image.close();
      }
      await pause(Math.max(50, this.periodMillis - (performance.now() - began)));
    }
    this.#looping = false;
  }
}
