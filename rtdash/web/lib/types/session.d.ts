/** @param {Map<string, Position>} positions @returns {Positions} */
export function nested(positions: Map<string, Position>): Positions;
/**
 * The client's side of a session as a value: what to say, and what each message means. No I/O, no
 * clock. Mirrors `rtdash/protocol/client_session.py`; both obey the traces in `fixtures/protocol`.
 */
/** @typedef {import("../messages.js").Position} Position */
/** @typedef {import("../messages.js").ServerMessage} ServerMessage */
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
export const CHANNELS: readonly string[];
export class ClientSession {
    /**
     * Throws TypeError on a channel that does not exist.
     * @param {Iterable<Wanted>} wanted channels (of `venue`, or of the token's first venue of their
     *   kind), or pairs of venue and channel
     * @param {{venue?: string, positions?: Positions | Record<string, Position>, batchMs?: number}} [options]
     */
    constructor(wanted: Iterable<Wanted>, { venue, positions, batchMs }?: {
        venue?: string;
        positions?: Positions | Record<string, Position>;
        batchMs?: number;
    });
    /** @type {string | null} The server's name for this session. Never store it: see `connect`. */
    id: string | null;
    /** Events that came again and were dropped. */
    duplicates: number;
    /** Each (venue, channel) asked for; the venue is null until the server has named it. */
    get wanted(): Pair[];
    /** Whether a connection stands and has answered everything that was asked for. */
    get isSubscribed(): boolean;
    /** Whether missed events may still be coming. The wire does not mark their end: `endReplay`. */
    get isReplaying(): boolean;
    /** Behind the last event received, by venue and channel. @returns {Positions} */
    get positions(): Positions;
    /** A new connection stands: the requests for it are in `outgoing`. */
    connected(): void;
    /** The connection has ended; the session and its positions stay. */
    disconnected(): void;
    /** The messages to send now, in order; each is given once. */
    outgoing(): string[];
    ping(): void;
    /** Go on with another token of the same user. @param {string} token */
    authenticate(token: string): void;
    /** Nothing came for a while: what was missed has come, as far as a client can see. */
    endReplay(): void;
    /**
     * Go back to positions of before, so that the events behind them come again.
     * @param {Positions} positions
     */
    rewind(positions: Positions): void;
    /** Where a stream stands. @param {string | null} venue @param {string} channel */
    position(venue: string | null, channel: string): import("../messages.js").StreamPosition | null;
    /** Whether an event of the stream has a place to be counted from. @param {Stream} stream */
    isPlaced({ venue, channel }: Stream): boolean;
    /**
     * A stream's events begin behind `position` (null for a state channel). Names the stream's venue
     * where the application left it to the server.
     * @param {Stream} stream @param {Position | null} position @param {boolean} recovered
     */
    setPosition(stream: Stream, position: Position | null, recovered: boolean): void;
    /**
     * What a frame means, in order. Throws when it is not of the protocol.
     * @param {string} text @returns {Received[]}
     */
    receive(text: string): Received[];
    /** As `receive`, for a message that is decoded already. @param {any} body @returns {Received[]} */
    accept(body: any): Received[];
    #private;
}
export type Position = import("../messages.js").Position;
export type ServerMessage = import("../messages.js").ServerMessage;
/**
 * by venue and channel
 */
export type Positions = Record<string, Record<string, Position>>;
export type Stream = {
    venue: string;
    channel: string;
};
export type Wanted = string | [venue: string, channel: string];
export type Received = {
    is: "message";
    body: any;
    stream: Stream;
    position: Position | null;
} | {
    is: "subscribed";
    streams: Stream[];
    starts: [Stream, Position][];
} | {
    is: "answer";
    status: string;
    body: any;
} | {
    is: "refused";
    code: string;
    text: string;
    action: string | null;
    channels: string[];
    temporary: boolean;
    retryAfterMs: number;
} | {
    is: "gap";
    stream: Stream;
    position: Position;
    seq: number;
} | {
    is: "disconnect";
    code: number;
    reason: string;
    mayReturn: boolean;
    retryAfterMs: number;
    jitterMs: number;
} | {
    is: "token_expiring";
    expiresAt: string;
};
export type Pair = {
    venue: string | null;
    channel: string;
};
