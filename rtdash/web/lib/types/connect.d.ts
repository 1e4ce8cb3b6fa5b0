/**
 * Follow channels of a server. Throws TypeError on what can never work.
 * @param {string | URL} url @param {Iterable<Wanted>} channels @param {Options} options
 */
export function connect(url: string | URL, channels: Iterable<Wanted>, options: Options): Connection;
/** The connection has ended for good; `code` is the close code that says why. */
export class ConnectionClosedError extends Error {
    /** @param {string} message @param {number | null} code */
    constructor(message: string, code: number | null);
    code: number | null;
}
export class Connection {
    /** @param {string | URL} url @param {Iterable<Wanted>} channels @param {Options} options */
    constructor(url: string | URL, channels: Iterable<Wanted>, options: Options);
    /** @type {State} */
    state: State;
    /** @type {string | null} Why, in words. */
    detail: string | null;
    /** @type {number | null} Until the next attempt, as of the last change. */
    retryInMs: number | null;
    /** @type {number | null} Of the last ping. */
    latencyMs: number | null;
    /** The server's clock minus this machine's, as of the last ping. */
    clockOffsetMs: number;
    /** @type {number | null} By `Date.now()`. */
    lastMessageAt: number | null;
    /** State of the venues from the messages given out. */
    store: Store;
    /** Behind the last message given out, by venue and channel: give them to the next `connect`. */
    get positions(): import("./session.js").Positions;
    /** Events that came again and were dropped. */
    get duplicates(): number;
    /**
     * Call `fn` with each message of a type, with each (`"message"`), or with each change of the
     * connection (`"connection"`). @param {string} type @param {(value: any) => void} fn
     * @returns {() => void} takes the handler off
     */
    on: (type: string, fn: (value: any) => void) => () => void;
    /** For stores of frameworks: `fn` is called now and, once a turn, after changes.
     *  @param {(snapshot: any) => void} fn @returns {() => void} */
    subscribe: (fn: (snapshot: any) => void) => () => void;
    /** Connection and venues as one frozen value, the same one until something changes. */
    getSnapshot: () => any;
    /** Try now instead of waiting. */
    reconnect: () => void;
    /** End for good. What was received and not given out yet is dropped. */
    close: () => void;
    /** Each message once and in order, and the changes of the connection. One reader only. */
    [Symbol.asyncIterator](): AsyncGenerator<any, void, unknown>;
    #private;
}
export type Position = import("./session.js").Position;
export type Positions = import("./session.js").Positions;
export type Wanted = import("./session.js").Wanted;
export type Received = import("./session.js").Received;
export type Action = import("./reconnect.js").Action;
export type MachineEvent = import("./reconnect.js").Event;
export type State = import("./reconnect.js").State;
/**
 * asked before each attempt
 */
export type TokenSource = string | (() => string | Promise<string>);
export type Options = {
    token: TokenSource;
    /**
     * of channels that name none; default: the token's first of their kind
     */
    venue?: string | undefined;
    /**
     * where to go on from
     */
    positions?: Record<string, import("../messages.js").StreamPosition> | import("./session.js").Positions | undefined;
    /**
     * let the server collect messages for 1 to 1000 ms
     */
    batchMs?: number | undefined;
    timing?: Partial<Readonly<{
        tokenWithin: 10000;
        openWithin: 15000;
        answerWithin: 10000;
        pingAfter: 7500;
        silentFor: 15000;
        checkWithin: 3000;
        sleptAfter: 2000;
        quiet: 500;
        pollingAfter: 3;
        statsEvery: 30000;
        upcomingEvery: 15000;
        firstDelay: 500;
        longestDelay: 30000;
        settled: 10000;
        longestWait: 300000;
        wakeJitter: 500;
        wakeEvery: 1000;
        hiddenFor: 300000;
    }>> | undefined;
    /**
     * what a page does that is hidden for five minutes
     */
    hidden?: "leave" | "stay" | undefined;
    /**
     * closes the connection
     */
    signal?: AbortSignal | undefined;
    WebSocket?: {
        new (url: string | URL, protocols?: string | string[]): WebSocket;
        prototype: WebSocket;
        readonly CONNECTING: 0;
        readonly OPEN: 1;
        readonly CLOSING: 2;
        readonly CLOSED: 3;
    } | undefined;
    fetch?: typeof fetch | undefined;
};
export type ConnectionChange = {
    type: "connection";
    state: State;
    detail: string | null;
    retryInMs: number | null;
    code: number | null;
};
import { Store } from "./store.js";
