/**
 * Delays between attempts: exponential backoff with full jitter (Brooker, "Exponential Backoff And
 * Jitter", AWS Architecture Blog, 2015), which spreads a herd of clients best.
 */
export class Backoff {
    /**
     * @param {() => number} random uniform in [0, 1)
     * @param {{firstDelay: number, longestDelay: number, settled: number}} timing milliseconds
     */
    constructor(random: () => number, timing: {
        firstDelay: number;
        longestDelay: number;
        settled: number;
    });
    /** Whether the next delay is the first of its series. @param {number} now */
    isFresh(now: number): boolean;
    /** A connection is live. Opening is not enough: a refusal is accepted first, and then closed. */
    live(now: number): void;
    /** The milliseconds to wait after a loss or a failed attempt. @param {number} now */
    nextDelay(now: number): number;
    #private;
}
