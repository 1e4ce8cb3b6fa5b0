/**
 * Decides when to connect, ask for a token, ping, wait, poll and give up. No I/O, no clock, no
 * random numbers of its own: events with an instant go in, actions come out. Mirrors
 * `rtdash/client/reconnector.py`; both obey the scripts in `fixtures/client`.
 */
import {Backoff} from "./backoff.js";

/** @typedef {import("./session.js").ClientSession} ClientSession */
/** @typedef {import("./session.js").Received} Received */
/** @typedef {"connecting" | "replaying" | "live" | "polling" | "closed"} State */
/**
 * @typedef {{is: "start"} | {is: "due"} | {is: "stop"} | {is: "overflow"}
 *   | {is: "token", request: number, token: string}
 *   | {is: "no_token", request: number, reason: string}
 *   | {is: "open", attempt: number} | {is: "hear", attempt: number, text: string}
 *   | {is: "close", attempt: number, code: number, reason: string}
 *   | {is: "polled", round: number, failure?: string, refused?: boolean, retryAfterMs?: number}
 *   | {is: "wake", by: string}} Event
 * @typedef {{do: "token", request: number} | {do: "open", attempt: number, token: string}
 *   | {do: "send", text: string} | {do: "drop"} | {do: "deliver", received: Received}
 *   | {do: "poll", round: number, withStats: boolean} | {do: "stop_polling"}
 *   | {do: "latency", ms: number, serverTime: string}
 *   | {do: "state", state: State, detail: string | null, retryInMs: number | null,
 *      code: number | null}} Action
 * @typedef {{reason: string, code?: number, retryAfterMs?: number}} Loss
 */

/** Milliseconds, except `pollingAfter`, which counts failed attempts. */
export const TIMING = Object.freeze({
  tokenWithin: 10_000, openWithin: 15_000, answerWithin: 10_000,
  /** An application ping after so long without a message; lost at `silentFor`. */
  pingAfter: 7_500, silentFor: 15_000,
  /** After a wake: an answer to the ping is due in this time. */
  checkWithin: 3_000,
  /** A timer that is later than this means that the machine slept. */
  sleptAfter: 2_000,
  /** A replay is over when nothing has come for so long. */
  quiet: 500,
  pollingAfter: 3, statsEvery: 30_000, upcomingEvery: 15_000,
  firstDelay: 500, longestDelay: 30_000,
  /** A connection that was live for so long starts the backoff anew. */
  settled: 10_000,
  /** A server cannot send a client away for longer. */
  longestWait: 300_000,
  wakeJitter: 500, wakeEvery: 1_000,
  /** A page that is hidden for so long leaves; it comes back by replay. */
  hiddenFor: 300_000,
});

const TOKEN_EXPIRED = 4005;
const PROTOCOL_VIOLATION = 4502;
const FORBIDDEN = 4501;
/** Timers that conclude that something failed. After a sleep they are given another chance. */
const DEADLINES = ["token", "opening", "answer", "silence", "check"];

/** Whether a client comes back after a close with that code. @param {number} code */
export const mayReconnect = (code) => !((code >= 4500 && code <= 4999) || code === 1009);

export class Reconnector {
  /** @type {"idle" | "token" | "opening" | "open" | "waiting" | "away" | "closed"} */
  #phase = "idle";
  #attempt = 0;
  #request = 0;
  #round = 0;
  #failures = 0;
  #isRenewing = false;
  #isPolling = false;
  #isHidden = false;
  #wasLate = false;
  #heardAt = 0;
  #attemptedAt = -Infinity;
  #notBefore = -Infinity;
  #statsDue = 0;
  /** @type {number | null} */
  #pingedAt = null;
  /** @type {Extract<Received, {is: "disconnect"}> | null} */
  #farewell = null;
  /** @type {Map<string, number>} */
  #timers = new Map();
  /** @type {Action[]} */
  #actions = [];
  /** @type {string} */
  #shown = "";
  #reason = "no answer";
  #session; #random; #timing; #backoff; #isRenewable; #leavesWhenHidden;

  /**
   * @param {ClientSession} session
   * @param {{random: () => number, timing?: Partial<typeof TIMING>, isRenewable?: boolean,
   *   leavesWhenHidden?: boolean}} options `isRenewable`: the token comes from a function
   */
  constructor(session, {random, timing, isRenewable = true, leavesWhenHidden = true}) {
    this.#session = session;
    this.#random = random;
    this.#timing = {...TIMING, ...timing};
    this.#backoff = new Backoff(random, this.#timing);
    this.#isRenewable = isRenewable;
    this.#leavesWhenHidden = leavesWhenHidden;
  }

  /** When a `due` event is to come; null while nothing waits for the clock. */
  get dueAt() { return this.#timers.size ? Math.min(...this.#timers.values()) : null; }

  /** @param {number} now milliseconds of a clock that goes on while the machine sleeps
   *  @param {Event} event @returns {Action[]} */
  handle(now, event) {
    if (this.#phase !== "closed") this.#dispatch(now, event);
    return this.#actions.splice(0);
  }

  /** @param {number} now @param {Event} event */
  #dispatch(now, event) {
    switch (event.is) {
      case "start": return this.#begin(now);
      case "due": return this.#due(now);
      case "token": return this.#token(now, event.request, event.token);
      case "no_token": return this.#noToken(now, event.request, event.reason);
      case "open": return this.#opened(now, event.attempt);
      case "hear": return this.#hear(now, event.attempt, event.text);
      case "close": return this.#closed(now, event.attempt, event.code, event.reason);
      case "polled": return this.#polled(now, event);
      case "wake": return this.#wake(now, event.by);
      case "overflow":
        if (this.#phase === "open") this.#lose(now, {reason: "the messages are read too slowly"});
        return;
      case "stop": return this.#finish("closed by the application", 1000);
    }
  }

  #begin(/** @type {number} */ now) {
    this.#timers.delete("retry");
    this.#phase = "token";
    this.#attemptedAt = now;
    this.#farewell = null;
    this.#isRenewing = false;
    if (!this.#isPolling) this.#show("connecting");
    this.#askToken(now, "token");
  }

  /** @param {number} now @param {"token" | "renewal"} timer */
  #askToken(now, timer) {
    this.#timers.set(timer, now + this.#timing.tokenWithin);
    this.#actions.push({do: "token", request: ++this.#request});
  }

  /** @param {number} now @param {number} request @param {string} token */
  #token(now, request, token) {
    if (request !== this.#request) return;
    this.#wasLate = false;
    if (this.#isRenewing) {
      this.#endRenewal();
      this.#session.authenticate(token);
      this.#flush();
    } else if (this.#phase === "token") {
      this.#timers.delete("token");
      this.#phase = "opening";
      this.#failures += 1;
      this.#timers.set("opening", now + this.#timing.openWithin);
      this.#actions.push({do: "open", attempt: ++this.#attempt, token});
    }
  }

  /** @param {number} now @param {number} request @param {string} reason */
  #noToken(now, request, reason) {
    if (request !== this.#request) return;
    // Without a new token the old one still holds; the server ends the connection with it.
    if (this.#isRenewing) this.#endRenewal();
    else if (this.#phase === "token") {
      this.#lose(now, {reason: `no token could be had: ${reason}`});
    }
  }

  #endRenewal() {
    this.#isRenewing = false;
    this.#timers.delete("renewal");
  }

  /** @param {number} now @param {number} attempt */
  #opened(now, attempt) {
    if (attempt !== this.#attempt || this.#phase !== "opening") return;
    this.#phase = "open";
    this.#wasLate = false;
    this.#timers.delete("opening");
    this.#stopPolling();
    this.#heardAt = now;
    this.#pingedAt = now;
    this.#timers.set("answer", now + this.#timing.answerWithin);
    this.#timers.set("ping", now + this.#timing.pingAfter);
    this.#session.connected();
    this.#flush();
  }

  /** @param {number} now @param {number} attempt @param {string} text */
  #hear(now, attempt, text) {
    if (attempt !== this.#attempt || this.#phase !== "open") return;
    this.#heardAt = now;
    this.#wasLate = false;
    this.#timers.delete("check");
    this.#timers.delete("silence");
    let received;
    try {
      received = this.#session.receive(text);
    } catch (error) {
      return this.#lose(now, {reason: /** @type {Error} */ (error).message});
    }
    for (const one of received) {
      this.#take(now, one);
      if (this.#phase !== "open") return;
    }
    this.#flush();
    this.#settle(now);
  }

  /** @param {number} now @param {Received} received */
  #take(now, received) {
    switch (received.is) {
      case "message":
      case "subscribed":
        this.#actions.push({do: "deliver", received});
        break;
      case "gap":
        this.#lose(now, {reason: `events of ${received.stream.channel} are missing between `
          + `${received.position.seq} and ${received.seq}`});
        break;
      case "refused": this.#refused(now, received); break;
      case "disconnect": this.#farewell = received; break;
      case "token_expiring":
        if (this.#isRenewable && !this.#isRenewing) {
          this.#isRenewing = true;
          this.#askToken(now, "renewal");
        }
        break;
      case "answer":
        if (received.status === "pong" && this.#pingedAt !== null) {
          const ms = now - this.#pingedAt;
          this.#pingedAt = null;
          this.#actions.push({do: "latency", ms, serverTime: received.body.timestamp});
        }
    }
  }

  /** A refused request leaves a connection without its streams: come back, or give up.
   *  @param {number} now @param {Extract<Received, {is: "refused"}>} refusal */
  #refused(now, {code, text, action, channels, temporary, retryAfterMs}) {
    if (temporary) this.#lose(now, {reason: text, retryAfterMs});
    // The token in use is still good; the server ends the connection when it no longer is.
    else if (action === "authenticate" && !channels.length) return;
    else if (code === "forbidden" || code === "unauthenticated") this.#finish(text, FORBIDDEN);
    else this.#finish(text, PROTOCOL_VIOLATION);
  }

  /** Replay and live begin once everything is answered. */
  #settle(/** @type {number} */ now) {
    if (!this.#session.isSubscribed) return;
    if (this.#timers.delete("answer")) {
      this.#failures = 0;
      this.#backoff.live(now);
    }
    if (this.#session.isReplaying) this.#timers.set("quiet", now + this.#timing.quiet);
    else this.#timers.delete("quiet");
    this.#show(this.#session.isReplaying ? "replaying" : "live");
  }

  /** @param {number} now @param {number} attempt @param {number} code @param {string} reason */
  #closed(now, attempt, code, reason) {
    if (attempt !== this.#attempt || !["opening", "open"].includes(this.#phase)) return;
    const text = this.#phase === "opening" ? "the connection was refused"
      : code === 1006 ? "the connection broke"
        : `the server closed the connection: ${reason || "no reason given"} (close code ${code})`;
    if (!mayReconnect(code)) this.#finish(this.#farewell?.reason || reason || text, code);
    else this.#lose(now, {reason: text, code});
  }

  /** @param {number} now @param {Loss} loss */
  #lose(now, loss) {
    this.#disconnect();
    const farewell = this.#farewell;
    if (farewell && !farewell.mayReturn) return this.#finish(farewell.reason, farewell.code);
    if (loss.code === TOKEN_EXPIRED && !this.#isRenewable) {
      return this.#finish("the token has expired", TOKEN_EXPIRED);
    }
    this.#reason = farewell?.reason || loss.reason;
    const [asked, delay] = this.#delay(now, loss);
    this.#notBefore = now + asked;
    this.#timers.set("retry", now + delay);
    if (this.#failures >= this.#timing.pollingAfter && !this.#isPolling) this.#startPolling(now);
    const isShownPolling = this.#isPolling && this.#shown.startsWith("polling");
    const code = farewell?.code ?? loss.code ?? null;
    this.#show(isShownPolling ? "polling" : "connecting", this.#reason, delay, code);
  }

  /** What the server asked for, and the whole wait: backoff comes on top from the second time on.
   *  @param {number} now @param {Loss} loss @returns {[asked: number, delay: number]} */
  #delay(now, {retryAfterMs = 0}) {
    const isFresh = this.#backoff.isFresh(now);
    const backoff = this.#backoff.nextDelay(now);
    const {longestWait} = this.#timing;
    if (!this.#farewell) {
      const asked = Math.min(longestWait, retryAfterMs);
      return [asked, asked + backoff];
    }
    const {retryAfterMs: after, jitterMs} = this.#farewell;
    const asked = Math.min(longestWait, after + this.#random() * jitterMs);
    return [asked, asked + (isFresh ? 0 : backoff)];
  }

  #disconnect() {
    if (this.#phase === "opening" || this.#phase === "open") this.#actions.push({do: "drop"});
    this.#phase = "waiting";
    this.#session.disconnected();
    for (const name of [...DEADLINES, "ping", "quiet", "renewal", "retry"]) {
      this.#timers.delete(name);
    }
    this.#isRenewing = false;
  }

  /** @param {string} reason @param {number} code */
  #finish(reason, code) {
    this.#disconnect();
    this.#stopPolling();
    this.#timers.clear();
    this.#phase = "closed";
    this.#show("closed", reason, null, code);
  }

  #due(/** @type {number} */ now) {
    const first = this.dueAt;
    if (first === null || first > now) return;
    if (now - first > this.#timing.sleptAfter && !this.#wasLate) this.#postpone(now);
    for (const [name, at] of [...this.#timers].sort((a, b) => a[1] - b[1])) {
      if (at <= now && this.#timers.get(name) === at) {
        this.#timers.delete(name);
        this.#fire(now, name);
      }
    }
  }

  /** The machine slept: what was due meanwhile says nothing about the server. Check instead. */
  #postpone(/** @type {number} */ now) {
    this.#wasLate = true;
    for (const name of DEADLINES) {
      const at = this.#timers.get(name);
      if (at !== undefined && at <= now) this.#timers.set(name, now + this.#timing.checkWithin);
    }
    if (this.#phase !== "open") return;
    this.#timers.set("ping", now + this.#timing.pingAfter);
    this.#check(now);
  }

  /** @param {number} now @param {string} name */
  #fire(now, name) {
    const {answerWithin, silentFor, checkWithin, tokenWithin, openWithin} = this.#timing;
    switch (name) {
      case "token": return this.#noToken(now, this.#request, `no answer in ${tokenWithin / 1e3} s`);
      case "renewal": return this.#endRenewal();
      case "opening": return this.#lose(now, {reason: `no connection in ${openWithin / 1e3} s`});
      case "answer":
        return this.#lose(now, {
          reason: `the subscription was not answered in ${answerWithin / 1e3} s`,
        });
      case "silence":
        return this.#lose(now, {reason: `the server has been silent for ${silentFor / 1e3} s`});
      case "check":
        return this.#lose(now, {reason: `the server did not answer in ${checkWithin / 1e3} s`});
      case "ping": return this.#watchSilence(now);
      case "quiet":
        this.#session.endReplay();
        return this.#settle(now);
      case "retry": return this.#begin(now);
      case "poll": return this.#poll(now);
      case "hidden": return this.#leave();
    }
  }

  #watchSilence(/** @type {number} */ now) {
    const {pingAfter, silentFor} = this.#timing;
    const quietSince = this.#heardAt + pingAfter;
    // The timers of a hidden page are late, so silence there proves nothing.
    if (quietSince > now || this.#isHidden) {
      this.#timers.set("ping", Math.max(quietSince, now + pingAfter / 2));
      return;
    }
    this.#ping(now);
    this.#timers.set("silence", now + silentFor - pingAfter);
    this.#timers.set("ping", now + pingAfter);
  }

  #ping(/** @type {number} */ now) {
    this.#pingedAt = now;
    this.#session.ping();
    this.#flush();
  }

  #check(/** @type {number} */ now) {
    this.#timers.set("check", now + this.#timing.checkWithin);
    this.#ping(now);
  }

  /** @param {number} now @param {string} by */
  #wake(now, by) {
    if (by === "hidden") {
      this.#isHidden = true;
      if (this.#leavesWhenHidden) this.#timers.set("hidden", now + this.#timing.hiddenFor);
      return;
    }
    if (by === "visible" || by === "pageshow") {
      this.#isHidden = false;
      this.#timers.delete("hidden");
    }
    if (this.#phase === "open") {
      if (!this.#timers.has("check")) this.#check(now);
    } else if (by !== "offline" && (this.#phase === "waiting" || this.#phase === "away")) {
      if (this.#phase === "away" && this.#isHidden) return;
      this.#hasten(now, by === "asked");
    }
  }

  /** One attempt soon, yet not before the server allows it, nor twice within a second.
   *  @param {number} now @param {boolean} isAsked a person asks: no jitter, no other wait */
  #hasten(now, isAsked) {
    const {wakeJitter, wakeEvery} = this.#timing;
    const soon = isAsked ? now : Math.max(now + this.#random() * wakeJitter, this.#notBefore);
    const at = Math.max(soon, this.#attemptedAt + wakeEvery);
    if (at < (this.#timers.get("retry") ?? Infinity)) this.#timers.set("retry", at);
    this.#phase = "waiting";
    if (at <= now) this.#begin(now);
  }

  #leave() {
    this.#disconnect();
    this.#stopPolling();
    this.#phase = "away";
    this.#show("connecting", "paused while the page is hidden");
  }

  #startPolling(/** @type {number} */ now) {
    this.#isPolling = true;
    this.#statsDue = now;
    this.#poll(now);
  }

  #poll(/** @type {number} */ now) {
    const withStats = now >= this.#statsDue;
    if (withStats) this.#statsDue = now + this.#timing.statsEvery;
    this.#actions.push({do: "poll", round: ++this.#round, withStats});
  }

  /** @param {number} now @param {Extract<Event, {is: "polled"}>} event */
  #polled(now, {round, failure, refused, retryAfterMs = 0}) {
    if (round !== this.#round || !this.#isPolling) return;
    if (refused) return this.#finish(failure ?? "the token is not allowed", FORBIDDEN);
    const {upcomingEvery, longestWait} = this.#timing;
    this.#timers.set("poll", now + Math.min(longestWait, Math.max(upcomingEvery, retryAfterMs)));
    const retryAt = this.#timers.get("retry");
    const retryIn = retryAt === undefined ? null : Math.max(0, retryAt - now);
    if (failure === undefined) {
      this.#show("polling", `${this.#reason}; the server answers by REST`, retryIn);
    } else {
      this.#statsDue = now;
      this.#show("connecting", failure, retryIn);
    }
  }

  #stopPolling() {
    this.#timers.delete("poll");
    if (this.#isPolling) this.#actions.push({do: "stop_polling"});
    this.#isPolling = false;
    this.#round += 1;
  }

  #flush() {
    for (const text of this.#session.outgoing()) this.#actions.push({do: "send", text});
  }

  /** @param {State} state @param {string | null} [detail] @param {number | null} [retryInMs]
   *  @param {number | null} [code] */
  #show(state, detail = null, retryInMs = null, code = null) {
    const shown = `${state} ${detail} ${retryInMs}`;
    if (shown === this.#shown) return;
    this.#shown = shown;
    this.#actions.push({do: "state", state, detail, retryInMs, code});
  }
}
