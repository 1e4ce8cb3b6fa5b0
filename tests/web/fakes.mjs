/** A socket that a test plays the server of. */
export const CHANNEL = "restaurant_reservations";
export const VENUE = "harbour-grill";

export class FakeSocket {
  static all = [];
  static waiting = [];
  sent = [];
  closedWith = null;

  constructor(url, protocols) {
    Object.assign(this, {url, protocols});
    FakeSocket.all.push(this);
    FakeSocket.waiting.splice(0).forEach((resolve) => resolve(this));
  }

  /** The next socket that is made. */
  static next() { return new Promise((resolve) => FakeSocket.waiting.push(resolve)); }

  static reset() { FakeSocket.all = []; FakeSocket.waiting = []; }

  send(text) { this.sent.push(JSON.parse(text)); }

  close(code) { this.closedWith = code; }

  open() { this.onopen?.(); }

  say(body) { this.onmessage?.({data: JSON.stringify(body)}); }

  end(code = 1006, reason = "") { this.onclose?.({code, reason}); }

  /** Open, and answer what was asked: live from `seq` on. */
  live(seq = 0) {
    this.open();
    const asked = this.sent[0];
    const resumes = asked.action === "resume";
    const recovered = resumes || asked.positions ? {[CHANNEL]: true} : {};
    const own = resumes ? asked.positions?.[VENUE]?.[CHANNEL] : asked.positions?.[CHANNEL];
    this.say({status: resumes ? "resumed" : "subscribed", ...resumes ? {venue: VENUE} : {},
      channels: [CHANNEL], venues: {[CHANNEL]: VENUE}, session: "s1",
      positions: {[CHANNEL]: {epoch: "e", seq: own?.seq ?? seq}}, recovered});
    this.say({status: "pong", timestamp: "2026-01-02T03:04:05.000Z"});
    return this;
  }

  event(seq) {
    this.say({type: "new_reservation", timestamp: "2026-01-02T03:04:06.000Z", channel: CHANNEL,
      venue: VENUE, seq, operationId: `op-${seq}`, reservation: {id: `r${seq}`, version: 1}});
    return this;
  }
}

/** Short times, so that no test waits. */
export const QUICK = {firstDelay: 1, longestDelay: 2, quiet: 1, wakeJitter: 1, wakeEvery: 1};

/** Until a condition holds; the test's own timeout is the bound. */
export async function until(condition) {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 1));
}
