/**
 * The JavaScript client: an ES module without dependencies, for browsers and Node 18 or later (which takes it
 * for a module if the copy is named coinslot.mjs).
 *
 *   import { API } from "./coinslot.js";
 *
 *   const api = new API("127.0.0.1", 3000); // and { token } where the server asks for one
 *   await api.saveData({ timestamp: Date.now() });
 *   api.on("change", (event) => console.log(event));
 *   await api.followChanges();
 */

const EVENTS = "/wsapi/interaction_data";
const RETRIES = 8; // of a save; following goes on until closed
const FIRST_PAUSE_MS = 250;
const LAST_PAUSE_MS = 60_000;
const TIMEOUT_MS = 60_000;
const TRY_AGAIN = [429, 502, 503, 504]; // 502 and 504 are a proxy's words for a server that is away
const SILENCE_MS = 45_000; // a stream is dead without three of the server's comments, one every 15 s

const { crypto = (await import("node:crypto")).webcrypto } = globalThis; // in Node 18 it is no global

/** The server cannot be reached, or cannot take this now. */
export class Unavailable extends Error {
  constructor(message, retryAfterMs) {
    super(message);
    this.retryAfterMs = retryAfterMs;
  }
}

/** The server refused, and would again. `events` tells the faults of single events: [{index, reason}]. */
export class Refused extends Error {
  constructor(status, what, events = []) {
    super([`${what} (${status})`, ...events.map((event) => event.reason)].join("; "));
    this.status = status;
    this.events = events;
  }
}

/** Changes were missed: the feed has let go of some that came after the cursor `after`. */
export class FeedGap extends Error {
  constructor({ after, oldest }) {
    super(`changes were missed: the feed now begins at ${oldest}, later than what followed ${after}`);
    this.after = after;
    this.oldest = oldest;
  }
}

/**
 * One server. Every verb returns a promise; those of the original library also take its callback(error, result).
 *
 * Emits `change` with an event and its cursor, and `error` with what disturbs following: Unavailable before it
 * connects again, FeedGap before it goes on, Refused when it is over.
 */
export class API {
  #url;
  #credentials;
  #listeners = { change: new Set(), error: new Set() };
  #closing = new AbortController();
  #following = null;

  /** `host` is a name, an address, or the whole URL of the server. */
  constructor(host = "127.0.0.1", port = 3000, { token } = {}) {
    // fetch would repeat in its error what cannot be a header.
    if (token && !/^[\w.~+/-]+=*$/.test(token)) throw new TypeError("this cannot be a token");
    this.#credentials = token ? { Authorization: `Bearer ${token}` } : {};
    const name = host.includes(":") ? `[${host}]` : host;
    this.#url = host.includes("://") ? host.replace(/\/+$/, "") : `http://${name}:${port}`;
  }

  on(name, listener) {
    this.#listeners[name].add(listener);
    return this;
  }

  off(name, listener) {
    this.#listeners[name].delete(listener);
    return this;
  }

  /** Save an event; its result is the event's `_id`, set here if need be, so that trying again stores it once. */
  saveData(event, callback) {
    return settle(this.#save(JSON.stringify({ _id: newId(), ...event })), callback);
  }

  /** The events with start <= timestamp <= end by timestamp; `limit` and `order: "desc"` are taken too. */
  fetchRange(range, callback) {
    if (typeof range === "function") return this.fetchRange({}, range);
    return settle(this.#ask(EVENTS, range), callback);
  }

  /** How many events are stored. */
  count(callback) {
    return settle(this.#ask(`${EVENTS}/count`), callback);
  }

  /**
   * Emit each change from now on, from the cursor `after` on, or what is stored from the timestamp `start` on.
   *
   * The promise is kept once nothing more can be missed. Lost connections are made again where they ended: a
   * change may come twice, none goes missing without a FeedGap.
   */
  followChanges({ after, start } = {}) {
    this.#following ??= new Promise((begun, failed) => this.#follow({ after, start }, begun, failed));
    this.#following.catch(() => {}); // listeners of `error` were told; nobody need wait for the promise
    return this.#following;
  }

  /** End following and all waits. */
  close() {
    this.#closing.abort();
  }

  async #save(body) {
    const request = { method: "POST", body, headers: { "Content-Type": "application/json" } };
    for (let failures = 1; ; failures++) {
      try {
        const { ids } = await this.#ask(EVENTS, {}, request, 201);
        return ids[0];
      } catch (error) {
        if (!(error instanceof Unavailable) || failures > RETRIES || this.#closing.signal.aborted) throw error;
        await pause(failures, error, this.#closing.signal);
      }
    }
  }

  #ask(path, query = {}, options = {}, success = 200) {
    return this.#talk(path, query, { ...options, signal: AbortSignal.timeout(TIMEOUT_MS) }, async (response) => {
      if (response.status !== success) throw await refusal(response);
      return response.json();
    });
  }

  /** What `read` makes of the response; all that fetch throws on the way is Unavailable. */
  async #talk(path, query, { headers, ...options }, read) {
    const given = Object.entries(query).filter(([, value]) => value !== undefined && value !== null);
    const search = given.length ? `?${new URLSearchParams(given)}` : "";
    const request = { ...options, headers: { ...headers, ...this.#credentials } };
    try {
      return await read(await fetch(`${this.#url}${path}${search}`, request));
    } catch (error) {
      if (error instanceof Unavailable || error instanceof Refused) throw error;
      throw new Unavailable(`${this.#url} cannot be reached: ${error.cause?.message ?? error.message}`);
    }
  }

  async #follow(where, begun, failed) {
    const closing = this.#closing.signal;
    for (let failures = 1; !closing.aborted; failures++) {
      try {
        await this.#listen(where, (message) => {
          failures = 0;
          if (message.id) where = { after: message.id };
          if (message.event === "cursor") begun();
          else if (message.event === "gap") this.#emit("error", new FeedGap(JSON.parse(message.data)));
          else this.#emit("change", JSON.parse(message.data), message.id);
        });
      } catch (error) {
        if (closing.aborted) break;
        this.#emit("error", error);
        if (error instanceof Refused) return failed(error);
        await pause(failures, error, closing);
      }
    }
    failed(new Unavailable("the client is closed"));
  }

  /** Tell `tell` each message of one connection; ends by throwing. */
  async #listen(where, tell) {
    const connection = new AbortController();
    const end = () => connection.abort();
    let watchdog = setTimeout(end, SILENCE_MS);
    this.#closing.signal.addEventListener("abort", end);
    try {
      const options = { headers: { Accept: "text/event-stream" }, signal: connection.signal };
      await this.#talk(`${EVENTS}/stream`, where, options, async (response) => {
        if (response.status !== 200) throw await refusal(response);
        const parse = parser(tell);
        const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
        for (let part = await reader.read(); !part.done; part = await reader.read()) {
          clearTimeout(watchdog);
          watchdog = setTimeout(end, SILENCE_MS);
          parse(part.value);
        }
        throw new Unavailable("the server ended the stream");
      });
    } finally {
      clearTimeout(watchdog);
      this.#closing.signal.removeEventListener("abort", end);
      end();
    }
  }

  #emit(name, ...values) {
    for (const listener of this.#listeners[name]) {
      try {
        listener(...values);
      } catch (error) {
        setTimeout(() => { throw error; }); // it is the page's own, and must not pass for a lost connection
      }
    }
  }
}

export default API;

function newId() {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

function settle(promise, callback) {
  if (callback) promise.then((result) => callback(null, result), callback);
  return promise;
}

/** Takes server-sent events in pieces of text, and tells {id, event, data} once each is whole. */
function parser(tell) {
  let rest = "";
  let message = {};
  return (text) => {
    const lines = (rest + text).split("\n");
    rest = lines.pop();
    for (const line of lines) {
      const colon = line.indexOf(":");
      if (colon > 0) message[line.slice(0, colon)] = line.slice(colon + 1).replace(/^ /, "");
      else if (line === "" && "data" in message) {
        tell(message);
        message = {};
      }
    }
  };
}

/** What an answer that is no success means. */
async function refusal(response) {
  const { error } = await response.json().catch(() => ({}));
  const what = error?.what ?? response.statusText;
  if (!TRY_AGAIN.includes(response.status)) return new Refused(response.status, what, error?.events);
  const seconds = response.headers.get("Retry-After");
  return new Unavailable(`${what} (${response.status})`, /^\d+$/.test(seconds) ? seconds * 1000 : undefined);
}

/** Wait before trying again, or until `closing` is aborted. */
function pause(failures, error, closing) {
  const wish = error.retryAfterMs ?? FIRST_PAUSE_MS * 2 ** (failures - 1);
  // Spread out, lest all who were turned away together come back together.
  const pauseMs = Math.min(wish, LAST_PAUSE_MS) * (1 + Math.random() / 4);
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      closing.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, pauseMs);
    closing.addEventListener("abort", done);
  });
}
