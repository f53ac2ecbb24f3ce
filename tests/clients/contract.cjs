// Drives a running worker through its contract, knowing nothing of it but the documentation.
//
// Usage: node contract.cjs WS_URL CAMERA_URL MODEL_URL
//
// Needs the package ws, found through NODE_PATH.

"use strict";
const assert = require("node:assert");
const WebSocket = require("ws");

const PATIENCE_MS = 60_000;
const [worker, camera, model] = process.argv.slice(2);

class Client {
  constructor(url) {
    this.socket = new WebSocket(url);
    this.messages = [];
    this.arrived = () => {};
    this.socket.on("message", (data) => {
      this.messages.push(JSON.parse(data.toString()));
      this.arrived();
    });
    this.opened = new Promise((resolve, reject) => {
      this.socket.once("open", resolve);
      this.socket.once("error", reject);
    });
  }

  say(type, payload, fields = {}) {
    this.socket.send(JSON.stringify({ type, ...fields, ...(payload && { payload }) }));
  }

  // The next message that is as wanted.
  async waitFor(what, wanted) {
    const deadline = Date.now() + PATIENCE_MS;
    for (;;) {
      while (this.messages.length > 0) {
        const message = this.messages.shift();
        if (wanted(message)) {
          console.log("ok:", what);
          return message;
        }
      }
      const left = deadline - Date.now();
      assert(left > 0, `no ${what} in time`);
      await new Promise((resolve) => {
        const timer = setTimeout(resolve, left);
        this.arrived = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  }

  error(code) {
    return this.waitFor(code, (m) => m.type === "error" && m.code === code);
  }
}

const entries = (message) =>
  message.type === "stateReport"
    ? message.cameraConnections.map((entry) => entry.subscriptionIdentifier).sort().join(" ")
    : null;

const subscription = (subscriptionIdentifier, more = {}) => ({
  subscriptionIdentifier,
  rtspUrl: camera,
  modelUrl: model,
  modelId: "seven",
  modelName: "Colours",
  ...more,
});

async function main() {
  const client = new Client(worker);
  await client.opened;
  await client.waitFor("a report at once", (m) => entries(m) === "");
  client.say("subscribe", subscription("gate;cam"));
  const seen = await client.waitFor("a detection", (m) => m.type === "imageDetection");
  assert.strictEqual(seen.data.modelId, "seven");
  assert.match(seen.timestamp, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);

  client.say("setSessionId", { displayIdentifier: "gate", sessionId: "s-1" });
  await client.waitFor("a session", (m) => m.type === "imageDetection" && m.sessionId === "s-1");
  client.say("patchSession", { sessionId: "s-1", data: { plate: "XY-1" } });
  await client.waitFor("a patch is merged", (m) => m.type === "patchSessionResult" && m.success);

  client.socket.send("[".repeat(100_000));
  await client.error("invalid_message");
  client.socket.send(Buffer.from([0, 1]));
  await client.error("invalid_message");
  client.say("unsubscribe", { subscriptionIdentifier: "nobody" });
  await client.error("unknown_subscription");

  const wanted = [subscription("gate;cam"), subscription("office;cam")];
  client.say("setSubscriptionList", undefined, { subscriptions: wanted });
  await client.waitFor("a list adds", (m) => entries(m) === "gate;cam office;cam");
  client.say("unsubscribe", { subscriptionIdentifier: "office;cam" });
  await client.waitFor("one ends", (m) => entries(m) === "gate;cam");
  client.say("setSubscriptionList", { subscriptions: [] });
  await client.waitFor("an empty list ends all", (m) => entries(m) === "");
  client.socket.close();
  console.log("the contract holds");
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
