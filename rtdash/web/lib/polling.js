/**
 * The fallback: one round of reading the same channels over REST from the same positions, as a
 * generator that yields paths and takes their bodies. No I/O. What has not changed is not repeated.
 */

/** @typedef {import("./session.js").ClientSession} ClientSession */
/** @typedef {import("./session.js").Received} Received */
/** @typedef {import("./session.js").Stream} Stream */
/** @typedef {Generator<string, void, any>} Round yields the path to get, is sent its decoded body */

const PAGE = 500;

/** What the rounds before have seen of each venue's state, by kind of message. */
export class Poller {
  /** @type {Map<string, string>} */
  #latest = new Map();
  #session;
  #give;

  /** @param {ClientSession} session @param {(received: Received) => void} give */
  constructor(session, give) {
    this.#session = session;
    this.#give = give;
  }

  /** @param {boolean} withStats @returns {Round} */
  *round(withStats) {
    // The profile comes first: it shows a bad token, unlike a server that is away, and names venues.
    const profile = yield "/api/user/profile";
    this.#nameVenues(profile.venues);
    for (const {venue, channel} of this.#session.wanted) {
      const stream = {venue: /** @type {string} */ (venue), channel};
      if (!channel.endsWith("_stats")) yield* this.#events(stream);
      else if (withStats) yield* this.#state(stream);
      if (channel.endsWith("_notifications")) yield* this.#upcoming(stream);
    }
  }

  /** A channel without a venue means the first venue of its kind, as on the socket.
   *  @param {{id: string, kind: string}[]} venues */
  #nameVenues(venues) {
    for (const {venue, channel} of this.#session.wanted) {
      if (venue !== null) continue;
      const kind = channel.split("_")[0];
      const first = venues.find((one) => one.kind === kind);
      if (!first) throw new NoVenueError(`the token is for no ${kind}, so there is no ${channel}`);
      this.#session.setPosition({venue: first.id, channel}, null, false);
    }
  }

  /** Everything after our position, page by page. @param {Stream} stream @returns {Round} */
  *#events(stream) {
    for (;;) {
      const position = this.#session.position(stream.venue, stream.channel);
      const after = position ? `&after=${position.seq}&epoch=${encodeURIComponent(position.epoch)}` : "";
      const page = yield `/api/channels/${stream.channel}/events?limit=${PAGE}`
        + `&venue=${encodeURIComponent(stream.venue)}${after}`;
      const {events} = page;
      if (page.reset) this.#put({type: "reset", ...stream, ...page.reset});
      else if (!this.#session.isPlaced(stream)) {
        const first = events.length ? events[0].seq - 1 : page.position.seq;
        const start = {epoch: page.position.epoch, seq: first};
        this.#session.setPosition(stream, position ?? start, position !== null);
      }
      for (const event of events) this.#put(event);
      if (events.length < PAGE) return;
    }
  }

  /** @param {Stream} stream @returns {Round} */
  *#state(stream) {
    const at = encodeURIComponent(stream.venue);
    const {events} = yield `/api/channels/${stream.channel}/events?venue=${at}`;
    for (const message of events) this.#putIfNew(message);
  }

  /** Messages of type `upcoming_reservations` exist only here. @param {Stream} stream
   *  @returns {Round} */
  *#upcoming(stream) {
    const at = encodeURIComponent(stream.venue);
    const {reservations} = yield `/api/reservations/upcoming?venue=${at}`;
    this.#putIfNew({type: "upcoming_reservations", reservations, ...stream});
  }

  #putIfNew(/** @type {any} */ message) {
    const key = `${message.venue} ${message.type}`;
    const text = JSON.stringify(message);
    if (this.#latest.get(key) === text) return;
    this.#latest.set(key, text);
    this.#put(message);
  }

  #put(/** @type {any} */ message) {
    for (const received of this.#session.accept(message)) {
      if (received.is === "message") this.#give(received);
    }
  }
}

/** The token has no venue for a channel that was asked for. */
export class NoVenueError extends Error {}
