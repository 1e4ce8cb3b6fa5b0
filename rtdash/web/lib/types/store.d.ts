/**
 * State of venues from their messages: figures, reservations by id (the higher version wins),
 * notices. Bounded: a page that stands for months holds no more than one that was just opened.
 */
/** @typedef {import("../messages.js").Reservation} Reservation */
/** @typedef {import("../messages.js").Stats} Stats */
/** @typedef {import("../messages.js").Availability} Availability */
/** @typedef {import("../messages.js").Notification} Notice */
export const ROWS_KEPT: 500;
export const NOTICES_KEPT: 100;
/** What is known of one venue; null where nothing has come yet. */
export class Venue {
    /** @type {Stats | null} */
    stats: Stats | null;
    /** @type {Availability | null} */
    availability: Availability | null;
    /** @type {string | null} */
    currency: string | null;
    /** @type {string | null} */
    businessDate: string | null;
    /** @type {Map<string, Reservation>} The newest last. */
    rows: Map<string, Reservation>;
    /** @type {Reservation[] | null} Soonest first; only while polling, and where the page asks. */
    upcoming: Reservation[] | null;
    /** @type {Notice[]} The newest first. */
    notices: Notice[];
    /** Resets so far: each asks for a reload by REST. */
    resets: number;
    /** Take a message in. @param {any} body @returns {boolean} whether anything changed */
    apply(body: any): boolean;
    /**
     * Take in what was before the messages, the oldest first: rows and notices of the log.
     * @param {Reservation[]} rows @param {Notice[]} notices
     */
    seed(rows: Reservation[], notices: Notice[]): void;
    /**
     * Take a reservation in, from a message or a list. False for a version that is not newer.
     * @param {Reservation} row
     */
    put(row: Reservation): boolean;
}
/** The venues of a connection, by id. */
export class Store {
    /** @type {Map<string, Venue>} */
    venues: Map<string, Venue>;
    /** @param {string} id */
    venue(id: string): Venue;
    /** @param {any} body @returns {boolean} whether anything changed */
    apply(body: any): boolean;
    /** A frozen copy for frameworks that compare by identity. */
    snapshot(): any;
}
export type Reservation = import("../messages.js").Reservation;
export type Stats = import("../messages.js").Stats;
export type Availability = import("../messages.js").Availability;
export type Notice = import("../messages.js").Notification;
