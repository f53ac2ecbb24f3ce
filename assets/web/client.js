// Subscribing from the page, as a CMS does: over the WebSocket, and only for as long as it is open.

import { socketAddress } from "./api.js";

const RETRY_MILLIS = 2_000;

/** A client of the worker that watches cameras for this page. */
export class Client {
  #held = new Map();
  #socket;

  /** `refused` is told what the worker did not do, and why. */
  constructor(refused) {
    this.refused = refused;
  }

  /** Whether this page asked for a subscription, and so may end it. */
  holds(id) {
    return this.#held.has(id);
  }

  subscribe(payload) {
    this.#held.set(payload.subscriptionIdentifier, payload);
    this.#send({ type: "subscribe", payload });
  }

  unsubscribe(id) {
    this.#held.delete(id);
    this.#send({ type: "unsubscribe", payload: { subscriptionIdentifier: id } });
  }

  #send(message) {
    if (this.#socket?.readyState === WebSocket.OPEN) {
      this.#socket.send(JSON.stringify(message));
    } else {
      // Everything that is held is asked for when it opens.
      this.#connect();
    }
  }

  #connect() {
    if (this.#socket && this.#socket.readyState <= WebSocket.OPEN) return;
    const socket = this.#socket = new WebSocket(socketAddress());
    socket.addEventListener("open", () => {
      for (const payload of this.#held.values()) this.#send({ type: "subscribe", payload });
    });
    socket.addEventListener("message", ({ data }) => {
      const message = JSON.parse(data);
      if (message.type !== "error") return;
      // What was refused is not asked for again; what fails later is the camera's state.
      if (message.subscriptionIdentifier) this.#held.delete(message.subscriptionIdentifier);
      this.refused(message);
    });
    socket.addEventListener("close", () => {
      if (this.#held.size > 0) setTimeout(() => this.#connect(), RETRY_MILLIS);
    });
  }
}
