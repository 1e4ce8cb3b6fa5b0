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
export const TIMING: Readonly<{
    tokenWithin: 10000;
    openWithin: 15000;
    answerWithin: 10000;
    /** An application ping after so long without a message; lost at `silentFor`. */
    pingAfter: 7500;
    silentFor: 15000;
    /** After a wake: an answer to the ping is due in this time. */
    checkWithin: 3000;
    /** A timer that is later than this means that the machine slept. */
    sleptAfter: 2000;
    /** A replay is over when nothing has come for so long. */
    quiet: 500;
    pollingAfter: 3;
    statsEvery: 30000;
    upcomingEvery: 15000;
    firstDelay: 500;
    longestDelay: 30000;
    /** A connection that was live for so long starts the backoff anew. */
    settled: 10000;
    /** A server cannot send a client away for longer. */
    longestWait: 300000;
    wakeJitter: 500;
    wakeEvery: 1000;
    /** A page that is hidden for so long leaves; it comes back by replay. */
    hiddenFor: 300000;
}>;
export function mayReconnect(code: number): boolean;
export class Reconnector {
    /**
     * @param {ClientSession} session
     * @param {{random: () => number, timing?: Partial<typeof TIMING>, isRenewable?: boolean,
     *   leavesWhenHidden?: boolean}} options `isRenewable`: the token comes from a function
     */
    constructor(session: ClientSession, { random, timing, isRenewable, leavesWhenHidden }: {
        random: () => number;
        timing?: Partial<typeof TIMING>;
        isRenewable?: boolean;
        leavesWhenHidden?: boolean;
    });
    /** When a `due` event is to come; null while nothing waits for the clock. */
    get dueAt(): number | null;
    /** @param {number} now milliseconds of a clock that goes on while the machine sleeps
     *  @param {Event} event @returns {Action[]} */
    handle(now: number, event: Event): Action[];
    #private;
}
export type ClientSession = import("./session.js").ClientSession;
export type Received = import("./session.js").Received;
export type State = "connecting" | "replaying" | "live" | "polling" | "closed";
export type Event = {
    is: "start";
} | {
    is: "due";
} | {
    is: "stop";
} | {
    is: "overflow";
} | {
    is: "token";
    request: number;
    token: string;
} | {
    is: "no_token";
    request: number;
    reason: string;
} | {
    is: "open";
    attempt: number;
} | {
    is: "hear";
    attempt: number;
    text: string;
} | {
    is: "close";
    attempt: number;
    code: number;
    reason: string;
} | {
    is: "polled";
    round: number;
    failure?: string;
    refused?: boolean;
    retryAfterMs?: number;
} | {
    is: "wake";
    by: string;
};
export type Action = {
    do: "token";
    request: number;
} | {
    do: "open";
    attempt: number;
    token: string;
} | {
    do: "send";
    text: string;
} | {
    do: "drop";
} | {
    do: "deliver";
    received: Received;
} | {
    do: "poll";
    round: number;
    withStats: boolean;
} | {
    do: "stop_polling";
} | {
    do: "latency";
    ms: number;
    serverTime: string;
} | {
    do: "state";
    state: State;
    detail: string | null;
    retryInMs: number | null;
    code: number | null;
};
export type Loss = {
    reason: string;
    code?: number;
    retryAfterMs?: number;
};
