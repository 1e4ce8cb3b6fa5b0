/**
 * `connect`: the messages of some channels, over all the connections that it takes. The only file
 * that touches sockets, timers and the browser; what to do is decided in `reconnect.js`.
 */
import {restUrl, socketUrl} from "./addresses.js";
import {NoVenueError, Poller} from "./polling.js";
import {Reconnector, TIMING} from "./reconnect.js";
import {ClientSession, nested} from "./session.js";
import {Store} from "./store.js";

/** @typedef {import("./session.js").Position} Position */
/** @typedef {import("./session.js").Positions} Positions */
/** @typedef {import("./session.js").Wanted} Wanted */
/** @typedef {import("./session.js").Received} Received */
/** @typedef {import("./reconnect.js").Action} Action */
/** @typedef {import("./reconnect.js").Event} MachineEvent */
/** @typedef {import("./reconnect.js").State} State */
/** @typedef {string | (() => string | Promise<string>)} TokenSource asked before each attempt */
/**
 * @typedef {object} Options
 * @property {TokenSource} token
 * @property {string} [venue] of channels that name none; default: the token's first of their kind
 * @property {Positions | Record<string, Position>} [positions] where to go on from
 * @property {number} [batchMs] let the server collect messages for 1 to 1000 ms
 * @property {Partial<typeof TIMING>} [timing]
 * @property {"leave" | "stay"} [hidden] what a page does that is hidden for five minutes
 * @property {AbortSignal} [signal] closes the connection
 * @property {typeof globalThis.WebSocket} [WebSocket]
 * @property {typeof globalThis.fetch} [fetch]
 */
/** @typedef {{type: "connection", state: State, detail: string | null, retryInMs: number | null,
 *   code: number | null}} ConnectionChange */

const QUEUE_LIMIT = 10_000;
/** A late timer shows that the machine slept, so one is never far away. */
const LONGEST_TIMER_MS = 2_000;
/** RFC 6455 section 4.1: what a subprotocol may be made of. */
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
const NOTHING = () => {};

/** The connection has ended for good; `code` is the close code that says why. */
export class ConnectionClosedError extends Error {
  name = "ConnectionClosedError";
  /** @param {string} message @param {number | null} code */
  constructor(message, code) {
    super(message);
    this.code = code;
  }
}

/**
 * Follow channels of a server. Throws TypeError on what can never work.
 * @param {string | URL} url @param {Iterable<Wanted>} channels @param {Options} options
 */
export function connect(url, channels, options) {
  return new Connection(url, channels, options);
}

export class Connection {
  /** @type {State} */
  state = "connecting";
  /** @type {string | null} Why, in words. */
  detail = null;
  /** @type {number | null} Until the next attempt, as of the last change. */
  retryInMs = null;
  /** @type {number | null} Of the last ping. */
  latencyMs = null;
  /** The server's clock minus this machine's, as of the last ping. */
  clockOffsetMs = 0;
  /** @type {number | null} By `Date.now()`. */
  lastMessageAt = null;
  /** State of the venues from the messages given out. */
  store = new Store();
  #now = steadyClock();
  #rest; #socketUrl; #token; #fetch; #WebSocket; #session; #machine; #poller;
  /** @type {Map<string, Position>} */
  #positions = new Map();
  /** @type {(Received | ConnectionChange)[]} */
  #queue = [];
  /** @type {Map<string, Set<(value: any) => void>>} */
  #handlers = new Map();
  /** @type {Set<(snapshot: any) => void>} */
  #subscribers = new Set();
  #hasConsumer = false;
  #isIterated = false;
  #isNotifying = false;
  #wakeReader = NOTHING;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;
  #timerAt = Infinity;
  /** @type {WebSocket | null} */
  #socket = null;
  #ended = new AbortController();
  #polling = new AbortController();
  /** @type {any} */
  #snapshot = null;

  /** @param {string | URL} url @param {Iterable<Wanted>} channels @param {Options} options */
  constructor(url, channels, options) {
    const {token, timing, hidden = "leave", signal} = options;
    const base = globalThis.location?.href;
    this.#rest = restUrl(url, base);
    this.#socketUrl = socketUrl(url, base);
    this.#token = token;
    this.#fetch = options.fetch ?? globalThis.fetch.bind(globalThis);
    this.#WebSocket = options.WebSocket ?? globalThis.WebSocket;
    if (!this.#WebSocket) throw new TypeError("there is no WebSocket here: give one, or use Node 22");
    this.#session = new ClientSession(channels, options);
    this.#poller = new Poller(this.#session, (received) => this.#deliver(received));
    this.#machine = new Reconnector(this.#session, {
      random: Math.random, timing, isRenewable: typeof token === "function",
      leavesWhenHidden: hidden === "leave",
    });
    signal?.addEventListener("abort", () => this.close(), {signal: this.#ended.signal});
    this.#listen();
    // Later, so that a caller that closes in the same turn has never opened a socket.
    queueMicrotask(() => signal?.aborted ? this.close() : this.#handle({is: "start"}));
  }

  /** Behind the last message given out, by venue and channel: give them to the next `connect`. */
  get positions() { return nested(this.#positions); }

  /** Events that came again and were dropped. */
  get duplicates() { return this.#session.duplicates; }

  /**
   * Call `fn` with each message of a type, with each (`"message"`), or with each change of the
   * connection (`"connection"`). @param {string} type @param {(value: any) => void} fn
   * @returns {() => void} takes the handler off
   */
  on = (type, fn) => {
    const handlers = this.#handlers.get(type) ?? new Set();
    this.#handlers.set(type, handlers.add(fn));
    this.#consume();
    return () => void handlers.delete(fn);
  };

  /** For stores of frameworks: `fn` is called now and, once a turn, after changes.
   *  @param {(snapshot: any) => void} fn @returns {() => void} */
  subscribe = (fn) => {
    this.#subscribers.add(fn);
    this.#consume();
    this.#call(fn, this.getSnapshot());
    return () => void this.#subscribers.delete(fn);
  };

  /** Connection and venues as one frozen value, the same one until something changes. */
  getSnapshot = () => {
    this.#snapshot ??= Object.freeze({
      connection: Object.freeze({
        state: this.state, detail: this.detail, retryInMs: this.retryInMs,
      }),
      venues: this.store.snapshot(),
    });
    return this.#snapshot;
  };

  /** Try now instead of waiting. */
  reconnect = () => this.#handle({is: "wake", by: "asked"});

  /** End for good. What was received and not given out yet is dropped. */
  close = () => this.#handle({is: "stop"});

  async [Symbol.asyncDispose ?? Symbol.for("Symbol.asyncDispose")]() { this.close(); }

  /** Each message once and in order, and the changes of the connection. One reader only. */
  async *[Symbol.asyncIterator]() {
    if (this.#isIterated) throw new TypeError("the connection is being iterated over already");
    this.#isIterated = this.#hasConsumer = true;
    try {
      for (;;) {
        const item = this.#queue.shift();
        if (item) {
          const value = this.#give(item);
          if (value) yield value;
        } else if (this.state === "closed") {
          if (this.#ended.signal.reason.code === 1000) return;
          throw this.#ended.signal.reason;
        } else await new Promise((resolve) => { this.#wakeReader = () => resolve(null); });
      }
    } finally {
      this.#isIterated = false;
    }
  }

  /** @param {MachineEvent} event */
  #handle(event) {
    for (const action of this.#machine.handle(this.#now(), event)) this.#act(action);
    this.#arm();
  }

  #arm() {
    const due = this.#machine.dueAt;
    if (due === this.#timerAt) return;
    clearTimeout(this.#timer);
    this.#timerAt = due ?? Infinity;
    if (due === null) return;
    const wait = Math.min(LONGEST_TIMER_MS, Math.max(0, due - this.#now()));
    this.#timer = setTimeout(() => {
      this.#timerAt = Infinity;
      this.#handle({is: "due"});
    }, wait);
  }

  /** @param {Action} action */
  #act(action) {
    switch (action.do) {
      case "token": return void this.#askToken(action.request);
      case "open": return this.#open(action.attempt, action.token);
      case "send": return this.#socket?.send(action.text);
      case "drop": return this.#drop();
      case "deliver": return this.#deliver(action.received);
      case "poll": return void this.#poll(action.round, action.withStats);
      case "stop_polling": return this.#polling.abort();
      case "latency":
        this.latencyMs = action.ms;
        this.clockOffsetMs = Date.parse(action.serverTime) - (Date.now() - action.ms / 2);
        return;
      case "state": return this.#change(action);
    }
  }

  /** @param {number} request */
  async #askToken(request) {
    try {
      this.#handle({is: "token", request, token: await this.#presentToken()});
    } catch (error) {
      this.#handle({is: "no_token", request, reason: wordsOf(error)});
    }
  }

  async #presentToken() {
    const token = (typeof this.#token === "function" ? await this.#token() : this.#token)?.trim();
    // Checked before the constructor of WebSocket: its SyntaxError shows the token in the console.
    if (!token || !TOKEN.test(token)) throw new Error("what was given is no token");
    return token;
  }

  /** @param {number} attempt @param {string} token */
  #open(attempt, token) {
    const socket = new this.#WebSocket(this.#socketUrl, ["rtdash.v1", `bearer.${token}`]);
    this.#socket = socket;
    socket.onopen = () => this.#handle({is: "open", attempt});
    socket.onmessage = ({data}) => {
      this.lastMessageAt = Date.now();
      this.#handle({is: "hear", attempt, text: String(data)});
    };
    socket.onclose = ({code, reason}) => this.#handle({is: "close", attempt, code, reason});
    socket.onerror = NOTHING; // a close always follows, and says no less
  }

  #drop() {
    const socket = this.#socket;
    this.#socket = null;
    if (!socket) return;
    socket.onopen = socket.onmessage = socket.onclose = null;
    socket.close(1000);
  }

  /** @param {Extract<Action, {do: "state"}>} action */
  #change({state, detail, retryInMs, code}) {
    Object.assign(this, {state, detail, retryInMs});
    this.#enqueue({type: "connection", state, detail, retryInMs, code});
    if (state !== "closed") return;
    if (code === 1000) this.#queue.length = 0;
    this.#ended.abort(new ConnectionClosedError(detail ?? "closed", code));
    clearTimeout(this.#timer);
    this.#wakeReader();
  }

  /** @param {Received} received */
  #deliver(received) { this.#enqueue(received); }

  /** @param {Received | ConnectionChange} item */
  #enqueue(item) {
    if (this.#ended.signal.aborted) return; // a handler of an earlier message of the frame closed it
    this.#queue.push(item);
    this.#wakeReader();
    this.#pump();
    if (this.#queue.length > QUEUE_LIMIT) this.#overflow();
  }

  /** The reader is slow: drop what waits; it comes again from the positions given out. */
  #overflow() {
    for (const item of this.#queue.splice(0)) {
      if ("is" in item && item.is === "subscribed") this.#note(item.starts);
    }
    this.#session.rewind(this.positions);
    this.#handle({is: "overflow"});
  }

  #consume() {
    this.#hasConsumer = true;
    queueMicrotask(() => this.#pump());
  }

  #pump() {
    while (this.#hasConsumer && !this.#isIterated && this.#queue.length) {
      this.#give(/** @type {Received} */ (this.#queue.shift()));
    }
  }

  /** Give an item out: from here on it counts as taken. @param {Received | ConnectionChange} item
   *  @returns {any} the message, where the item is one */
  #give(item) {
    if ("type" in item) {
      this.#emit("connection", item);
      return item;
    }
    if (item.is === "subscribed") return this.#note(item.starts);
    if (item.is !== "message") return undefined;
    const {body, position, stream} = item;
    if (position) this.#positions.set(`${stream.venue}\n${stream.channel}`, position);
    this.store.apply(body);
    this.#emit("message", body);
    this.#emit(body.type, body);
    return body;
  }

  /** @param {[import("./session.js").Stream, Position][]} starts @returns {undefined} */
  #note(starts) {
    for (const [{venue, channel}, position] of starts) {
      const at = `${venue}\n${channel}`;
      if (!this.#positions.has(at)) this.#positions.set(at, position);
    }
  }

  /** @param {string} type @param {any} value */
  #emit(type, value) {
    for (const handler of [...this.#handlers.get(type) ?? []]) this.#call(handler, value);
    this.#snapshot = null;
    if (this.#isNotifying || !this.#subscribers.size) return;
    this.#isNotifying = true;
    queueMicrotask(() => {
      this.#isNotifying = false;
      for (const fn of [...this.#subscribers]) this.#call(fn, this.getSnapshot());
    });
  }

  /** A fault of a handler never stops the feed. @param {(value: any) => void} fn
   *  @param {any} value */
  #call(fn, value) {
    try {
      fn(value);
    } catch (error) {
      console.error(error);
    }
  }

  /** @param {number} round @param {boolean} withStats */
  async #poll(round, withStats) {
    this.#polling = new AbortController();
    const {signal} = this.#polling;
    try {
      const steps = this.#poller.round(withStats);
      for (let step = steps.next(); !step.done;) {
        const body = await this.#get(step.value, signal);
        if (signal.aborted) return;
        this.lastMessageAt = Date.now();
        step = steps.next(body);
      }
      this.#handle({is: "polled", round});
    } catch (error) {
      if (signal.aborted) return;
      const refused = error instanceof NoVenueError
        || (error instanceof HttpError && [401, 403].includes(error.status));
      const retryAfterMs = error instanceof HttpError ? error.retryAfterMs : 0;
      this.#handle({is: "polled", round, failure: wordsOf(error), refused, retryAfterMs});
    }
  }

  /** @param {string} path @param {AbortSignal} signal */
  async #get(path, signal) {
    const headers = {Authorization: `Bearer ${await this.#presentToken()}`};
    // AbortSignal.any would do, and is younger than some browsers on a wall.
    const ends = new AbortController();
    const abort = () => ends.abort();
    signal.addEventListener("abort", abort);
    const timer = setTimeout(abort, TIMING.silentFor);
    try {
      const response = await this.#fetch(this.#rest + path, {
        headers, signal: ends.signal, cache: "no-store", credentials: "omit", redirect: "error",
      });
      const body = await response.json().catch(() => null);
      if (!response.ok || body === null || typeof body !== "object") {
        throw new HttpError(response, body);
      }
      return body;
    } catch (error) {
      if (error instanceof HttpError) throw error;
      throw new Error("the server can't be reached, or does not allow the origin of this page");
    } finally {
      clearTimeout(timer);
      signal.removeEventListener("abort", abort);
    }
  }

  #listen() {
    const {signal} = this.#ended;
    /** @param {EventTarget | undefined} target @param {string} type @param {() => string} by */
    const wake = (target, type, by) => target?.addEventListener?.(
      type, () => this.#handle({is: "wake", by: by()}), {signal});
    wake(globalThis, "online", () => "online");
    wake(globalThis, "offline", () => "offline");
    wake(globalThis, "pageshow", () => "pageshow");
    wake(globalThis.document, "resume", () => "resume");
    wake(globalThis.document, "visibilitychange",
      () => document.visibilityState === "hidden" ? "hidden" : "visible");
    if (globalThis.document?.visibilityState === "hidden") {
      queueMicrotask(() => this.#handle({is: "wake", by: "hidden"}));
    }
  }
}

/** An answer other than 2xx, or one that is not of rtdash. */
class HttpError extends Error {
  /** @param {Response} response @param {any} body */
  constructor(response, body) {
    super(response.ok || !body?.title
      ? `HTTP ${response.status}: this does not seem to be rtdash`
      : `HTTP ${response.status}: ${body.title}${body.detail ? `: ${body.detail}` : ""}`);
    this.status = response.status;
    this.retryAfterMs = (Number(response.headers.get("Retry-After")) || 0) * 1000;
  }
}

/** @param {unknown} error */
const wordsOf = (error) => error instanceof Error ? error.message : String(error);

/** Milliseconds that go on while the machine sleeps and never go back. */
function steadyClock() {
  let at = 0;
  let [steady, wall] = [performance.now(), Date.now()];
  return () => {
    const [steadyNow, wallNow] = [performance.now(), Date.now()];
    at += Math.max(steadyNow - steady, wallNow - wall, 0);
    [steady, wall] = [steadyNow, wallNow];
    return at;
  };
}
