/**
 * State of venues from their messages: figures, reservations by id (the higher version wins),
 * notices. Bounded: a page that stands for months holds no more than one that was just opened.
 */

/** @typedef {import("./messages.js").Reservation} Reservation */
/** @typedef {import("./messages.js").Stats} Stats */
/** @typedef {import("./messages.js").Availability} Availability */
/** @typedef {import("./messages.js").Notification} Notice */

export const ROWS_KEPT = 500;
export const NOTICES_KEPT = 100;

/** What is known of one venue; null where nothing has come yet. */
export class Venue {
  /** @type {Stats | null} */
  stats = null;
  /** @type {Availability | null} */
  availability = null;
  /** @type {string | null} */
  currency = null;
  /** @type {string | null} */
  businessDate = null;
  /** @type {Map<string, Reservation>} The newest last. */
  rows = new Map();
  /** @type {Reservation[] | null} Soonest first; only while polling, and where the page asks. */
  upcoming = null;
  /** @type {Notice[]} The newest first. */
  notices = [];
  /** Resets so far: each asks for a reload by REST. */
  resets = 0;

  /** Take a message in. @param {any} body @returns {boolean} whether anything changed */
  apply(body) {
    if (body.currency) this.currency = body.currency;
    if (body.businessDate) this.businessDate = body.businessDate;
    switch (body.type) {
      case "stats_update": this.stats = body.stats; return true;
      case "room_availability_update": this.availability = body.availability; return true;
      case "new_reservation":
      case "reservation_update": return this.put(body.reservation);
      case "upcoming_reservations": this.upcoming = body.reservations; return true;
      case "notification":
        this.notices = [body, ...this.notices].slice(0, NOTICES_KEPT);
        return true;
      case "reset": this.resets += 1; return true;
      default: return false;
    }
  }

  /**
   * Take in what was before the messages, the oldest first: rows and notices of the log.
   * @param {Reservation[]} rows @param {Notice[]} notices
   */
  seed(rows, notices) {
    const newer = this.rows;
    this.rows = new Map();
    for (const row of [...rows, ...newer.values()]) this.put(row);
    const known = new Set(this.notices.map((notice) => notice.seq));
    const missing = notices.filter((notice) => !known.has(notice.seq)).reverse();
    this.notices = [...this.notices, ...missing].slice(0, NOTICES_KEPT);
  }

  /**
   * Take a reservation in, from a message or a list. False for a version that is not newer.
   * @param {Reservation} row
   */
  put(row) {
    const known = this.rows.get(row.id);
    if (known && known.version >= row.version) return false;
    this.rows.set(row.id, row);
    if (this.rows.size > ROWS_KEPT) {
      for (const id of this.rows.keys()) {
        this.rows.delete(id);
        break;
      }
    }
    return true;
  }
}

/** The venues of a connection, by id. */
export class Store {
  /** @type {Map<string, Venue>} */
  venues = new Map();

  /** @param {string} id */
  venue(id) {
    let venue = this.venues.get(id);
    if (!venue) this.venues.set(id, venue = new Venue());
    return venue;
  }

  /** @param {any} body @returns {boolean} whether anything changed */
  apply(body) {
    return typeof body.venue === "string" && this.venue(body.venue).apply(body);
  }

  /** A frozen copy for frameworks that compare by identity. */
  snapshot() {
    const venues = [...this.venues].map(([id, one]) => [id, Object.freeze({
      stats: one.stats, availability: one.availability, currency: one.currency,
      businessDate: one.businessDate, reservations: [...one.rows.values()].reverse(),
      upcoming: one.upcoming, notices: one.notices, resets: one.resets,
    })]);
    return Object.freeze(Object.fromEntries(venues));
  }
}
