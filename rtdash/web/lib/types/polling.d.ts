/** What the rounds before have seen of each venue's state, by kind of message. */
export class Poller {
    /** @param {ClientSession} session @param {(received: Received) => void} give */
    constructor(session: ClientSession, give: (received: Received) => void);
    /** @param {boolean} withStats @returns {Round} */
    round(withStats: boolean): Round;
    #private;
}
/** The token has no venue for a channel that was asked for. */
export class NoVenueError extends Error {
}
export type ClientSession = import("./session.js").ClientSession;
export type Received = import("./session.js").Received;
export type Stream = import("./session.js").Stream;
/**
 * yields the path to get, is sent its decoded body
 */
export type Round = Generator<string, void, any>;
