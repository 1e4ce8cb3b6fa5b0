/**
 * Delays between attempts: exponential backoff with full jitter (Brooker, "Exponential Backoff And
 * Jitter", AWS Architecture Blog, 2015), which spreads a herd of clients best.
 */
export class Backoff {
  #attempts = 0;
  /** @type {number | null} */
  #liveSince = null;
  #random;
  #timing;

  /**
   * @param {() => number} random uniform in [0, 1)
   * @param {{firstDelay: number, longestDelay: number, settled: number}} timing milliseconds
   */
  constructor(random, timing) {
    this.#random = random;
    this.#timing = timing;
  }

  /** Whether the next delay is the first of its series. @param {number} now */
  isFresh(now) {
    return this.#attempts === 0 || this.#hasSettled(now);
  }

  /** A connection is live. Opening is not enough: a refusal is accepted first, and then closed. */
  live(/** @type {number} */ now) {
    this.#liveSince ??= now;
  }

  /** The milliseconds to wait after a loss or a failed attempt. @param {number} now */
  nextDelay(now) {
    if (this.#hasSettled(now)) this.#attempts = 0;
    this.#liveSince = null;
    const {firstDelay, longestDelay} = this.#timing;
    const bound = Math.min(longestDelay, firstDelay * 2 ** Math.min(this.#attempts, 32));
    this.#attempts += 1;
    return this.#random() * bound;
  }

  #hasSettled(/** @type {number} */ now) {
    return this.#liveSince !== null && now - this.#liveSince >= this.#timing.settled;
  }
}
