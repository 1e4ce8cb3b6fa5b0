import assert from "node:assert/strict";
import test from "node:test";
import {restUrl, socketUrl} from "../../rtdash/web/lib/addresses.js";
import {NOTICES_KEPT, ROWS_KEPT, Store, Venue} from "../../rtdash/web/lib/store.js";

const row = (id, version = 1) => ({id, version, status: `v${version}`});

test("a reservation of a lower version never overwrites one of a higher", () => {
  const venue = new Venue();
  assert.ok(venue.put(row("a", 2)));
  assert.ok(!venue.put(row("a", 1)));
  assert.ok(!venue.put(row("a", 2)));
  assert.ok(venue.put(row("a", 3)));
  assert.equal(venue.rows.get("a").version, 3);
});

test("a change keeps its place, and the oldest rows go", () => {
  const venue = new Venue();
  for (let n = 0; n < ROWS_KEPT + 10; n += 1) venue.put(row(`r${n}`));
  assert.equal(venue.rows.size, ROWS_KEPT);
  venue.put(row("r20", 2));
  assert.equal([...venue.rows.keys()][10], "r20");
});

test("what was before the messages goes before them, and never over them", () => {
  const venue = new Venue();
  venue.apply({type: "new_reservation", venue: "h", reservation: row("new")});
  venue.apply({type: "reservation_update", venue: "h", reservation: row("old", 5)});
  venue.apply({type: "notification", seq: 9, title: "live"});
  venue.seed([row("older"), row("old", 4)], [{seq: 8, title: "before"}, {seq: 9, title: "live"}]);
  assert.deepEqual([...venue.rows.values()].map((one) => [one.id, one.version]),
    [["older", 1], ["old", 5], ["new", 1]]);
  assert.deepEqual(venue.notices.map((one) => one.seq), [9, 8]);
});

test("notices are bounded, resets counted, figures the latest", () => {
  const store = new Store();
  for (let seq = 1; seq <= NOTICES_KEPT + 5; seq += 1) {
    store.apply({type: "notification", venue: "h", seq});
  }
  store.apply({type: "reset", venue: "h"});
  store.apply({type: "stats_update", venue: "h", stats: {reservationsToday: 3}, currency: "EUR",
    businessDate: "2026-01-02"});
  const {h} = store.snapshot();
  assert.equal(h.notices.length, NOTICES_KEPT);
  assert.equal(h.notices[0].seq, NOTICES_KEPT + 5);
  assert.deepEqual([h.resets, h.stats.reservationsToday, h.currency, h.businessDate],
    [1, 3, "EUR", "2026-01-02"]);
  assert.ok(!store.apply({type: "weather"}));
});

for (const [given, socket, rest] of [
  ["http://host:8000", "ws://host:8000/ws", "http://host:8000"],
  ["https://host/", "wss://host/ws", "https://host"],
  ["https://host/base/", "wss://host/base/ws", "https://host/base"],
  ["wss://host/ws", "wss://host/ws", "https://host"],
  ["ws://host", "ws://host/ws", "http://host"],
]) {
  test(`the addresses of ${given}`, () => {
    assert.equal(socketUrl(given), socket);
    assert.equal(restUrl(given), rest);
  });
}

test("an address relative to the page", () => {
  assert.equal(socketUrl("/", "https://host/dashboard"), "wss://host/ws");
});

test("an address with a token in it is refused, and not repeated", () => {
  for (const url of ["http://host/?token=secret", "http://user:secret@host/"]) {
    assert.throws(() => socketUrl(url), (error) => !error.message.includes("secret"));
  }
  assert.throws(() => socketUrl("ftp://host"), TypeError);
});
