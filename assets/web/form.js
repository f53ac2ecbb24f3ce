// The dialogs that ask: for a camera to watch, for the token.

import { el } from "./dom.js";

/** Opens the dialog that asks for a camera, and hands what it is told to `subscribe`. */
export class WatchForm {
  #asked;

  constructor(dialog, subscribe) {
    this.dialog = dialog;
    this.form = dialog.querySelector("form");
    this.error = dialog.querySelector(".error");
    dialog.querySelector("[data-close]").addEventListener("click", () => dialog.close());
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.error.textContent = "";
      const payload = payloadOf(new FormData(this.form));
      this.#asked = payload.subscriptionIdentifier;
      subscribe(payload);
    });
  }

  /** `free` is a name that nobody uses. */
  open(free) {
    const { id } = this.form.elements;
    if (!id.value || id.value === this.#asked) id.value = free;
    this.error.textContent = "";
    this.#asked = undefined;
    this.dialog.showModal();
  }

  /** Offers models: those that are `used`, by their addresses, and those that lie `ready`, by their names. */
  offer(ready, used) {
    const nameOf = (path) => ready.find((name) => path.endsWith(`/${name}`)) ?? path;
    const named = used.map((source) => source.includes("://") ? source : nameOf(source));
    const models = [...new Set([...named, ...ready])];
    this.dialog.querySelector("datalist").replaceChildren(...models.map((value) => el("option", { value })));
    const { model } = this.form.elements;
    if (!model.value && models.length > 0) model.value = models[0];
  }

  /** Looks whether what was asked for is there, and closes. */
  settle(ids) {
    if (this.dialog.open && ids.has(this.#asked)) this.dialog.close();
  }

  /** Says why it was refused. */
  refuse({ code, message }) {
    this.error.textContent = `${message} (${code})`;
  }
}

function payloadOf(data) {
  const read = (name) => data.get(name).trim();
  // The archive's own name, without a signature behind it.
  const file = read("model").split("?")[0].split("/").findLast(Boolean) ?? read("model");
  const payload = {
    subscriptionIdentifier: read("id"),
    modelUrl: read("model"),
    modelId: file,
    modelName: file.replace(/\.mpta$/, ""),
  };
  const interval = Number(read("interval"));
  if (interval) Object.assign(payload, { snapshotUrl: read("camera"), snapshotInterval: interval });
  else payload.rtspUrl = read("camera");
  if (read("crop")) {
    const [cropX1, cropY1, cropX2, cropY2] = read("crop").split(",").map(Number);
    Object.assign(payload, { cropX1, cropY1, cropX2, cropY2 });
  }
  return payload;
}

/** Asks for the token until `keep` was given one. */
export function askForToken(dialog, wrong, keep) {
  if (dialog.open) return;
  dialog.querySelector(".error").textContent = wrong ? "That is not the token of this worker." : "";
  dialog.querySelector("form").onsubmit = () => {
    keep(new FormData(dialog.querySelector("form")).get("token"));
  };
  // Without it there is nothing to see behind the dialog.
  dialog.oncancel = (event) => event.preventDefault();
  dialog.showModal();
}
