/**
 * The client's side of a session as a value: what to say, and what each message means. No I/O, no
 * clock. Mirrors `rtdash/protocol/client_session.py`; both obey the traces in `fixtures/protocol`.
 */

/** @typedef {import("./messages.js").Position} Position */
/** @typedef {import("./messages.js").ServerMessage} ServerMessage */
/** @typedef {Record<string, Record<string, Position>>} Positions by venue and channel */
/** @typedef {{venue: string, channel: string}} Stream */
/** @typedef {string | [venue: string, channel: string]} Wanted */
/**
 * @typedef {{is: "message", body: any, stream: Stream, position: Position | null}
 *   | {is: "subscribed", streams: Stream[], starts: [Stream, Position][]}
 *   | {is: "answer", status: string, body: any}
 *   | {is: "refused", code: string, text: string, action: string | null, channels: string[],
 *      temporary: boolean, retryAfterMs: number}
 *   | {is: "gap", stream: Stream, position: Position, seq: number}
 *   | {is: "disconnect", code: number, reason: string, mayReturn: boolean, retryAfterMs: number,
 *      jitterMs: number}
 *   | {is: "token_expiring", expiresAt: string}} Received
 */
/** @typedef {{venue: string | null, channel: string}} Pair */

export const CHANNELS = Object.freeze([
  "hotel_stats", "hotel_reservations", "hotel_notifications",
  "restaurant_stats", "restaurant_reservations", "restaurant_notifications",
]);

export class ClientSession {
  /** @type {string | null} The server's name for this session. Never store it: see `connect`. */
  id = null;
  /** Events that came again and were dropped. */
  duplicates = 0;
  /** @type {Map<string, Position>} */
  #positions = new Map();
  /** @type {Map<string, Position>} Positions that the application gave. */
  #given = new Map();
  /** @type {Map<string, Pair>} */
  #wanted = new Map();
  /** @type {Map<string, Stream>} */
  #followed = new Map();
  /** @type {Set<string>} */
  #replaying = new Set();
  /** @type {string[]} */
  #outgoing = [];
  #unanswered = 0;
  #isConnected = false;
  /** @type {string | null} The server's time on this connection. */
  #connectedAt = null;
  #venue;
  #batchMs;

  /**
   * Throws TypeError on a channel that does not exist.
   * @param {Iterable<Wanted>} wanted channels (of `venue`, or of the token's first venue of their
   *   kind), or pairs of venue and channel
   * @param {{venue?: string, positions?: Positions | Record<string, Position>, batchMs?: number}} [options]
   */
  constructor(wanted, {venue, positions = {}, batchMs} = {}) {
    this.#venue = venue ?? null;
    this.#batchMs = batchMs;
    for (const [name, value] of Object.entries(positions)) {
      if ("epoch" in value) {
        this.#given.set(key(null, known(name)), /** @type {Position} */ (value));
      } else {
        for (const [channel, position] of Object.entries(value)) {
          this.#given.set(key(name, known(channel)), position);
        }
      }
    }
    for (const one of wanted) {
      const [at, channel] = typeof one === "string" ? [null, one] : one;
      this.#want(at ?? this.#impliedVenue(known(channel)), known(channel));
    }
  }

  /** Each (venue, channel) asked for; the venue is null until the server has named it. */
  get wanted() { return [...this.#wanted.values()]; }

  /** Whether a connection stands and has answered everything that was asked for. */
  get isSubscribed() { return this.#isConnected && this.#unanswered === 0; }

  /** Whether missed events may still be coming. The wire does not mark their end: `endReplay`. */
  get isReplaying() { return this.#replaying.size > 0; }

  /** Behind the last event received, by venue and channel. @returns {Positions} */
  get positions() { return nested(this.#positions); }

  /** A new connection stands: the requests for it are in `outgoing`. */
  connected() {
    this.#isConnected = true;
    this.#outgoing.length = 0;
    this.#replaying.clear();
    this.#connectedAt = null;
    this.#unanswered = 0;
    if (this.id !== null) this.#resume(this.id);
    this.#subscribe([...this.#wanted].filter(([k]) => !this.#followed.has(k)).map(([, p]) => p));
    // The server's time on this connection separates old events from new ones.
    this.ping();
  }

  /** The connection has ended; the session and its positions stay. */
  disconnected() {
    this.#isConnected = false;
    this.#replaying.clear();
  }

  /** The messages to send now, in order; each is given once. */
  outgoing() { return this.#outgoing.splice(0); }

  ping() { this.#send({action: "ping"}); }

  /** Go on with another token of the same user. @param {string} token */
  authenticate(token) { this.#send({action: "authenticate", token}); }

  /** Nothing came for a while: what was missed has come, as far as a client can see. */
  endReplay() { this.#replaying.clear(); }

  /**
   * Go back to positions of before, so that the events behind them come again.
   * @param {Positions} positions
   */
  rewind(positions) {
    for (const [venue, channels] of Object.entries(positions)) {
      for (const [channel, position] of Object.entries(channels)) {
        this.#positions.set(key(venue, channel), position);
      }
    }
  }

  /** Where a stream stands. @param {string | null} venue @param {string} channel */
  position(venue, channel) {
    const at = key(venue, channel);
    return venue === null
      ? this.#given.get(at) ?? this.#given.get(key(this.#venue, channel)) ?? null
      : this.#positions.get(at) ?? this.#given.get(at) ?? null;
  }

  /** Whether an event of the stream has a place to be counted from. @param {Stream} stream */
  isPlaced({venue, channel}) { return this.#positions.has(key(venue, channel)); }

  /**
   * A stream's events begin behind `position` (null for a state channel). Names the stream's venue
   * where the application left it to the server.
   * @param {Stream} stream @param {Position | null} position @param {boolean} recovered
   */
  setPosition(stream, position, recovered) {
    const {venue, channel} = stream;
    const at = key(venue, channel);
    const unnamed = key(null, channel);
    if (!this.#wanted.has(at) && this.#wanted.has(unnamed)) {
      const pairs = [...this.#wanted].map(([k, pair]) => k === unnamed ? stream : pair);
      this.#wanted = new Map(pairs.map((pair) => [key(pair.venue, pair.channel), pair]));
    }
    const given = this.#given.get(unnamed);
    this.#given.delete(unnamed);
    const held = this.#positions.get(at) ?? this.#given.get(at) ?? given;
    if (position === null) return;
    // Our own position wins over the server's belief. If the server begins earlier, the events
    // between are duplicates; if it begins later, the first event will show the gap.
    const own = recovered && held !== undefined && held.epoch === position.epoch;
    this.#positions.set(at, own ? held : position);
  }

  /**
   * What a frame means, in order. Throws when it is not of the protocol.
   * @param {string} text @returns {Received[]}
   */
  receive(text) {
    try {
      return this.accept(JSON.parse(text));
    } catch (error) {
      throw new Error(`the server sent what is not of this protocol (${error})`);
    }
  }

  /** As `receive`, for a message that is decoded already. @param {any} body @returns {Received[]} */
  accept(body) {
    if ("status" in body) return this.#answer(body);
    switch (body.type) {
      case "batch": return this.#batch(body.messages);
      case "disconnect":
        return [{
          is: "disconnect", code: Number(body.code), reason: String(body.reason ?? ""),
          mayReturn: body.reconnect ?? true, retryAfterMs: body.retryAfterMs ?? 0,
          jitterMs: body.jitterMs ?? 0,
        }];
      case "token_expiring": return [{is: "token_expiring", expiresAt: body.expiresAt}];
      case "reset": return [this.#reset(body)];
      default:
        if (typeof body.type !== "string") throw new Error("a message without a type");
        return this.#message(body);
    }
  }

  /** @param {any[]} messages @returns {Received[]} */
  #batch(messages) {
    /** @type {Received[]} */
    const received = [];
    for (const message of messages) {
      received.push(...this.accept(message));
      // The connection ends with a gap: what is behind it must not count as received.
      if (received.at(-1)?.is === "gap") break;
    }
    return received;
  }

  /** @param {any} body @returns {Received[]} */
  #message(body) {
    if (!("channel" in body)) return []; // a kind of message that is younger than this client
    const stream = {venue: body.venue, channel: body.channel};
    if (body.seq === undefined) return [{is: "message", body, stream, position: null}];
    const at = key(stream.venue, stream.channel);
    const before = this.#positions.get(at);
    if (!before) throw new Error(`an event of ${stream.channel}, which was not subscribed`);
    if (body.seq <= before.seq) {
      this.duplicates += 1;
      return [];
    }
    if (body.seq > before.seq + 1) return [{is: "gap", stream, position: before, seq: body.seq}];
    const position = {epoch: before.epoch, seq: body.seq};
    this.#positions.set(at, position);
    // RFC 3339 in UTC with milliseconds sorts as text: an event that is younger than this
    // connection ends the replay of its stream.
    if (this.#connectedAt !== null && body.timestamp >= this.#connectedAt) {
      this.#replaying.delete(at);
    }
    return [{is: "message", body, stream, position}];
  }

  /** @param {any} body @returns {Received} */
  #reset(body) {
    const stream = {venue: body.venue, channel: body.channel};
    const position = {epoch: body.position.epoch, seq: body.position.seq};
    this.#positions.set(key(stream.venue, stream.channel), position);
    this.#replaying.delete(key(stream.venue, stream.channel));
    return {is: "message", body, stream, position};
  }

  /** @param {any} body @returns {Received[]} */
  #answer(body) {
    switch (body.status) {
      case "subscribed":
      case "resumed": return [this.#subscribed(body)];
      case "error": return this.#refused(body);
      case "pong": this.#connectedAt = body.timestamp;
    }
    return [{is: "answer", status: body.status, body}];
  }

  /** @param {any} body @returns {Received} */
  #subscribed(body) {
    this.id = body.session ?? this.id;
    this.#unanswered = Math.max(0, this.#unanswered - 1);
    /** @type {Stream[]} */
    const streams = body.channels.map((/** @type {string} */ channel) =>
      ({venue: body.venues?.[channel] ?? body.venue, channel}));
    for (const stream of streams) {
      const at = key(stream.venue, stream.channel);
      const recovered = body.recovered?.[stream.channel] ?? false;
      this.setPosition(stream, body.positions?.[stream.channel] ?? null, recovered);
      this.#followed.set(at, stream);
      if (recovered) this.#replaying.add(at);
    }
    /** @type {[Stream, Position][]} */
    const starts = [];
    for (const stream of streams) {
      const position = this.#positions.get(key(stream.venue, stream.channel));
      if (position) starts.push([stream, position]);
    }
    return {is: "subscribed", streams, starts};
  }

  /** @param {any} body @returns {Received[]} */
  #refused(body) {
    if (body.code !== "session_unknown") {
      return [{
        is: "refused", code: String(body.code), text: String(body.message ?? ""),
        action: body.action ?? null, channels: body.channels ?? [],
        temporary: Boolean(body.temporary), retryAfterMs: body.retryAfterMs ?? 0,
      }];
    }
    // It ran out while this client was away. Positions are the client's, and outlive it.
    this.id = null;
    const lost = [...this.#followed.values()];
    this.#unanswered -= venues(lost).size;
    this.#followed.clear();
    this.#subscribe(lost);
    return [];
  }

  /** @param {Pair[]} pairs */
  #subscribe(pairs) {
    for (const [venue, channels] of grouped(pairs)) {
      /** @type {Record<string, Position>} */
      const positions = {};
      for (const channel of channels) {
        const position = this.position(venue, channel);
        if (position) positions[channel] = position;
      }
      this.#unanswered += 1;
      this.#send({
        action: "subscribe", channels, venue: venue ?? this.#venue,
        positions: Object.keys(positions).length ? positions : null, batch: this.#batchMs,
      });
    }
  }

  /** @param {string} session */
  #resume(session) {
    const positions = this.positions;
    this.#unanswered += venues(this.#followed.values()).size;
    this.#send({
      action: "resume", session, positions: Object.keys(positions).length ? positions : null,
    });
  }

  /** A plain channel means the venue of the position that was given for it, where there is one. */
  #impliedVenue(/** @type {string} */ channel) {
    const at = [...this.#given.keys()].filter((k) => k.endsWith(`\n${channel}`));
    const venue = at.length === 1 && this.#venue === null ? at[0]?.split("\n")[0] : "";
    return venue || null;
  }

  /** @param {string | null} venue @param {string} channel */
  #want(venue, channel) { this.#wanted.set(key(venue, channel), {venue, channel}); }

  /** @param {Record<string, unknown>} fields */
  #send(fields) {
    const said = Object.entries(fields).filter(([, value]) => value != null);
    this.#outgoing.push(JSON.stringify(Object.fromEntries(said)));
  }
}

/** @param {string | null} venue @param {string} channel */
const key = (venue, channel) => `${venue ?? ""}\n${channel}`;

/** @param {Iterable<Stream>} streams */
const venues = (streams) => new Set([...streams].map((stream) => stream.venue));

/** @param {string} channel @returns {string} */
function known(channel) {
  if (!CHANNELS.includes(channel)) {
    throw new TypeError(`${channel} is no channel: choose of ${CHANNELS.join(", ")}`);
  }
  return channel;
}

/** @param {Pair[]} pairs @returns {Map<string | null, string[]>} */
function grouped(pairs) {
  const groups = new Map();
  for (const {venue, channel} of pairs) {
    groups.set(venue, [...groups.get(venue) ?? [], channel]);
  }
  return groups;
}

/** @param {Map<string, Position>} positions @returns {Positions} */
export function nested(positions) {
  /** @type {Positions} */
  const byVenue = {};
  for (const [at, position] of positions) {
    const [venue = "", channel = ""] = at.split("\n");
    (byVenue[venue] ??= {})[channel] = position;
  }
  return byVenue;
}
