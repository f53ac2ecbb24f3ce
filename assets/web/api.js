// What is asked of the worker over HTTP, and with which token.

const KEY = "detector-worker token";

/** The worker wants a token, or another one. */
export class TokenWanted extends Error {}

/** Takes the token out of the address bar, where it could be read over a shoulder or copied along. */
export function takeToken() {
  const address = new URL(location.href);
  const token = address.searchParams.get("token");
  if (token === null) return;
  keepToken(token);
  address.searchParams.delete("token");
  history.replaceState(null, "", address);
}

export const token = () => sessionStorage.getItem(KEY);
export const keepToken = (value) => sessionStorage.setItem(KEY, value);

/** The worker's WebSocket. A browser cannot set headers on one: the token goes into the query. */
export function socketAddress() {
  const address = new URL("ws", document.baseURI);
  address.protocol = address.protocol === "https:" ? "wss:" : "ws:";
  if (token()) address.searchParams.set("token", token());
  return address;
}

/** The worker's state, as `docs/ref/http.md` describes it. */
export async function fetchState(signal) {
  const response = await ask("state", {}, signal);
  if (!response.ok) throw new Error(`the worker answered with ${response.status}`);
  return response.json();
}

/** The models that lie ready in the worker's `models_dir`, as names for a `modelUrl`. */
export async function fetchModels(signal) {
  const response = await ask("models", {}, signal);
  if (!response.ok) throw new Error((await response.json()).error);
  return (await response.json()).models;
}

/**
 * What a subscription saw last, with the frame that it saw it in.
 *
 * `tag` is that of the answer before; null when there is nothing newer, or nothing to see.
 */
export async function fetchResults(id, width, tag, signal) {
  const path = `camera/${encodeURIComponent(id)}/results?width=${Math.round(width)}`;
  const response = await ask(path, tag ? { "If-None-Match": tag } : {}, signal);
  if (response.status !== 200) return null;
  const parts = await response.formData();
  return {
    tag: response.headers.get("ETag"),
    results: JSON.parse(await partText(parts.get("results"))),
    image: await createImageBitmap(parts.get("image")),
  };
}

// Browsers differ in whether a part with a kind of its own is a text or a file.
const partText = (part) => typeof part === "string" ? part : part.text();

async function ask(path, headers, signal) {
  if (token()) headers.Authorization = `Bearer ${token()}`;
  const response = await fetch(new URL(path, document.baseURI), { headers, signal, cache: "no-store" });
  if (response.status === 401) throw new TokenWanted();
  return response;
}
