import assert from "node:assert/strict";
import {readFileSync, readdirSync} from "node:fs";
import test from "node:test";
import {ClientSession} from "../../rtdash/web/lib/session.js";

const FOLDER = new URL("../../fixtures/protocol/", import.meta.url);
const TRACES = readdirSync(FOLDER).filter((name) => name.endsWith(".json")).sort()
  .map((name) => ({name, ...JSON.parse(readFileSync(new URL(name, FOLDER), "utf8"))}));
const SAMPLES = {string: "words", integer: 41, instant: "2026-01-02T03:04:05.678Z", any: {id: "r1"}};

/** A message of a trace with something in place of what differs from run to run. */
function filled(value, known) {
  if (Array.isArray(value)) return value.map((one) => filled(one, known));
  if (typeof value === "object" && value !== null) {
    return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, filled(v, known)]));
  }
  const found = typeof value === "string" && value.match(/^<(?:(\w+)=)?(\w+)(?:\+(\d+))?>$/);
  if (!found) return value;
  const [, name, word, more] = found;
  if (name) return known[name] ??= SAMPLES[word];
  return more ? known[word] + Number(more) : known[word] ?? SAMPLES[word];
}

for (const {name, about, steps} of TRACES) {
  test(`${name}: ${about}`, () => {
    const known = {};
    let session = new ClientSession(["restaurant_reservations"]);
    const received = [];
    for (const step of steps) {
      const asks = step.send?.action === "subscribe" ? filled(step.send, known) : null;
      if (step.connect) session.connected();
      else if (asks && (!session.positions["harbour-grill"] || asks.positions)) {
        try {
          session = new ClientSession(asks.channels, {venue: asks.venue, positions: asks.positions,
            batchMs: asks.batch});
          session.connected();
        } catch (error) {
          assert.ok(error instanceof TypeError); // a channel that this client would not ask for
        }
      } else if (step.expect) received.push(...session.receive(JSON.stringify(filled(step.expect, known))));
    }
    const gaps = received.filter((one) => one.is === "gap");
    assert.equal(gaps.length, steps.some((step) => step.lost) ? 1 : 0);
    for (const one of received) {
      if (one.is === "message" && one.body.seq) assert.equal(one.position.seq, one.body.seq);
    }
  });
}

for (const name of ["subscribe.json", "subscribe-state.json", "reset.json"]) {
  test(`the client's own request is that of ${name}`, () => {
    const {steps} = TRACES.find((trace) => trace.name === name);
    const {id, ...request} = steps.find((step) => step.send?.action === "subscribe").send;
    const session = new ClientSession(request.channels, request);
    session.connected();
    assert.deepEqual(JSON.parse(session.outgoing()[0]), request);
  });
}

const subscribed = (seq, recovered = {}) => JSON.stringify({
  status: "subscribed", channels: ["hotel_reservations"], venues: {hotel_reservations: "h"},
  session: "s", positions: {hotel_reservations: {epoch: "e", seq}}, recovered,
});
const event = (seq) => ({type: "new_reservation", timestamp: "2026-01-02T03:04:05.000Z",
  channel: "hotel_reservations", venue: "h", seq, reservation: {}});

test("a channel that does not exist is refused at once", () => {
  assert.throws(() => new ClientSession(["hotel_stat"]), /hotel_stat is no channel/);
});

test("an event that came before is dropped, and counted", () => {
  const session = new ClientSession(["hotel_reservations"]);
  session.connected();
  session.receive(subscribed(3));
  assert.equal(session.receive(JSON.stringify(event(4))).length, 1);
  assert.equal(session.receive(JSON.stringify(event(4))).length, 0);
  assert.equal(session.duplicates, 1);
});

test("our own position wins over the server's belief", () => {
  const session = new ClientSession([["h", "hotel_reservations"]],
    {positions: {h: {hotel_reservations: {epoch: "e", seq: 7}}}});
  session.connected();
  session.receive(subscribed(5, {hotel_reservations: true}));
  assert.equal(session.receive(JSON.stringify(event(6))).length, 0);
  assert.equal(session.receive(JSON.stringify(event(8)))[0].position.seq, 8);
});

test("a channel without a venue means that of its position", () => {
  const session = new ClientSession(["hotel_reservations"],
    {positions: {h: {hotel_reservations: {epoch: "e", seq: 7}}}});
  session.connected();
  assert.equal(JSON.parse(session.outgoing()[0]).venue, "h");
});

test("what is not of the protocol throws, whatever it is", () => {
  for (const text of ["", "{", "[]", "1", "null", "{}", "\"status\"", JSON.stringify(event(1)),
    "{\"status\":\"subscribed\"}", "{\"type\":\"reset\"}"]) {
    const session = new ClientSession(["hotel_reservations"]);
    session.connected();
    assert.throws(() => session.receive(text), /not of this protocol/, text);
  }
});

test("a younger kind of message is passed over", () => {
  const session = new ClientSession(["hotel_reservations"]);
  assert.deepEqual(session.receive("{\"type\":\"weather\"}"), []);
});
