import assert from "node:assert/strict";
import {execFile} from "node:child_process";
import test from "node:test";
import {promisify} from "node:util";
import {ConnectionClosedError, connect} from "../../rtdash/web/lib/rtdash.js";
import {CHANNEL, FakeSocket, QUICK, VENUE, until} from "./fakes.mjs";

const URL_ = "http://server.example:8000";
const OPTIONS = {token: "t.o.k", timing: QUICK, WebSocket: FakeSocket};
const LIMIT = {timeout: 20_000};

/** A connection whose first socket is there, closed with the test. */
async function begin(t, options = {}) {
  FakeSocket.reset();
  const first = FakeSocket.next();
  const live = connect(URL_, [CHANNEL], {...OPTIONS, ...options});
  t.after(() => live.close());
  return {live, socket: await first};
}

test("the token goes as a subprotocol, and never into the address", LIMIT, async (t) => {
  const {socket} = await begin(t);
  assert.equal(socket.url, "ws://server.example:8000/ws");
  assert.deepEqual(socket.protocols, ["rtdash.v1", "bearer.t.o.k"]);
});

test("each attempt asks the token function: by timer, and by wake", LIMIT, async (t) => {
  let asked = 0;
  const {live, socket} = await begin(t, {token: async () => `t${++asked}`});
  const second = FakeSocket.next();
  socket.end();
  assert.deepEqual((await second).protocols[1], "bearer.t2");
  const third = FakeSocket.next();
  FakeSocket.all.at(-1).end();
  live.reconnect();
  assert.deepEqual((await third).protocols[1], "bearer.t3");
});

test("a token that can not stand in a subprotocol never reaches the constructor", LIMIT, async (t) => {
  for (const token of ["a b", "a\nb,", "tök", "a,b", ""]) {
    FakeSocket.reset();
    const live = connect(URL_, [CHANNEL], {...OPTIONS, token});
    t.after(() => live.close());
    await until(() => live.detail !== null);
    assert.match(live.detail, /what was given is no token/);
    assert.ok(!token || !live.detail.includes(token));
    assert.equal(FakeSocket.all.length, 0);
    live.close();
  }
});

test("a token source that never answers is told", LIMIT, async (t) => {
  const live = connect(URL_, [CHANNEL], {...OPTIONS, timing: {...QUICK, tokenWithin: 5},
    token: () => new Promise(() => {})});
  t.after(() => live.close());
  await until(() => live.detail !== null);
  assert.match(live.detail, /no token could be had: no answer/);
});

test("close, then every kind of wake: no socket", LIMIT, async (t) => {
  const {live} = await begin(t);
  live.close();
  const {length} = FakeSocket.all;
  for (const type of ["online", "pageshow"]) globalThis.dispatchEvent?.(new Event(type));
  live.reconnect();
  await new Promise((resolve) => setTimeout(resolve, 20));
  assert.equal(FakeSocket.all.length, length);
  assert.equal(live.state, "closed");
});

test("connect, close, connect in one turn: one socket", LIMIT, async (t) => {
  FakeSocket.reset();
  connect(URL_, [CHANNEL], OPTIONS).close();
  const live = connect(URL_, [CHANNEL], OPTIONS);
  t.after(() => live.close());
  live.subscribe(() => {})();
  live.subscribe(() => {});
  await until(() => FakeSocket.all.length);
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(FakeSocket.all.length, 1);
});

test("closed in the handler of event k, a new client goes on with k + 1", LIMIT, async (t) => {
  const {live, socket} = await begin(t);
  const seen = [];
  live.on("new_reservation", ({seq}) => {
    seen.push(seq);
    if (seq === 2) live.close();
  });
  socket.live();
  socket.say({type: "batch", messages: [1, 2, 3].map((seq) => ({type: "new_reservation",
    timestamp: "2026-01-02T03:04:06.000Z", channel: CHANNEL, venue: VENUE, seq, operationId: null,
    reservation: {id: `r${seq}`, version: 1}}))});
  assert.deepEqual(seen, [1, 2]);
  assert.equal(live.positions[VENUE][CHANNEL].seq, 2);
  const next = FakeSocket.next();
  const again = connect(URL_, [[VENUE, CHANNEL]], {...OPTIONS, positions: live.positions});
  t.after(() => again.close());
  again.on("new_reservation", ({seq}) => seen.push(seq));
  (await next).live();
  FakeSocket.all.at(-1).event(2).event(3);
  assert.deepEqual(seen, [1, 2, 3]);
});

test("what an older socket says late is ignored", LIMIT, async (t) => {
  const {live, socket} = await begin(t);
  const seen = [];
  live.on("new_reservation", ({seq}) => seen.push(seq));
  const {onmessage, onclose} = socket.live();
  const next = FakeSocket.next();
  socket.end();
  (await next).live();
  onmessage({data: JSON.stringify({type: "new_reservation", timestamp: "", channel: CHANNEL,
    venue: VENUE, seq: 1, reservation: {}})});
  onclose({code: 4500, reason: "late"});
  assert.deepEqual(seen, []);
  FakeSocket.all.at(-1).event(1);
  assert.deepEqual(seen, [1]);
});

test("five outages: every event once", LIMIT, async (t) => {
  let {live, socket} = await begin(t);
  const seen = [];
  live.on("new_reservation", ({seq}) => seen.push(seq));
  for (let outage = 0; outage < 5; outage += 1) {
    socket.live().event(outage * 2 + 1).event(outage * 2 + 2);
    const next = FakeSocket.next();
    socket.end();
    socket = await next;
  }
  assert.deepEqual(seen, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
  assert.equal(live.duplicates, 0);
});

test("an expired token that is fixed ends in closed, and says so", LIMIT, async (t) => {
  const {live, socket} = await begin(t);
  const changes = [];
  live.on("connection", (change) => changes.push(change));
  socket.live();
  socket.end(4005, "the token has expired");
  await until(() => changes.at(-1)?.state === "closed");
  assert.equal(changes.at(-1).code, 4005);
  await assert.rejects(async () => { for await (const _ of live) void _; }, ConnectionClosedError);
});

test("the session is held in memory only: two tabs must not take it from each other", LIMIT, async (t) => {
  const touched = [];
  for (const name of ["sessionStorage", "localStorage"]) {
    Object.defineProperty(globalThis, name, {configurable: true, get: () => touched.push(name)});
    t.after(() => delete globalThis[name]);
  }
  const {socket} = await begin(t);
  socket.live().event(1);
  assert.deepEqual(touched, []);
});

test("a thousand reconnects leave no listener, no timer and no socket behind", LIMIT, async (t) => {
  const counts = new Map();
  const {addEventListener} = EventTarget.prototype;
  t.after(() => { EventTarget.prototype.addEventListener = addEventListener; });
  EventTarget.prototype.addEventListener = function count(type, ...more) {
    counts.set(type, (counts.get(type) ?? 0) + 1);
    return addEventListener.call(this, type, ...more);
  };
  let {live, socket} = await begin(t, {timing: {...QUICK, firstDelay: 0, longestDelay: 0}});
  const before = [...counts];
  for (let n = 0; n < 1000; n += 1) {
    const next = FakeSocket.next();
    socket.live();
    socket.end();
    socket = await next;
  }
  assert.deepEqual([...counts], before);
  const open = FakeSocket.all.filter((one) => one.closedWith === null);
  assert.ok(open.length <= 1);
  live.close();
  assert.equal(process.getActiveResourcesInfo().filter((kind) => kind === "Timeout").length <= 1, true);
});

test("Node exits after close", LIMIT, async () => {
  const program = `
    const {connect} = await import(${JSON.stringify(new URL("../../rtdash/web/lib/rtdash.js", import.meta.url).href)});
    class Socket { constructor() { setTimeout(() => this.onopen(), 1); } send() {} close() {} }
    const live = connect("http://127.0.0.1:1", ["hotel_stats"], {token: "t", WebSocket: Socket});
    setTimeout(() => live.close(), 30);`;
  await promisify(execFile)(process.execPath, ["--input-type=module", "-e", program], {timeout: 15_000});
});

test("a handler that throws stops neither the feed nor the other handlers", LIMIT, async (t) => {
  const {error} = console;
  const told = [];
  console.error = (one) => told.push(one);
  t.after(() => { console.error = error; });
  const {live, socket} = await begin(t);
  const seen = [];
  live.on("message", () => { throw new Error("mine"); });
  live.on("message", ({seq}) => seen.push(seq));
  socket.live().event(1).event(2);
  await until(() => seen.length === 2);
  assert.equal(told.length, 2);
});

test("as an iterator: every message, and the end", LIMIT, async (t) => {
  const {live, socket} = await begin(t);
  const seen = [];
  const reading = (async () => {
    for await (const item of live) {
      if (item.type === "connection") continue;
      seen.push(item.seq);
      assert.equal(live.positions[VENUE][CHANNEL].seq, item.seq);
      if (item.seq === 3) live.close();
    }
  })();
  socket.live().event(1).event(2).event(3).event(4);
  await reading;
  assert.deepEqual(seen, [1, 2, 3]);
});

test("messages wait for the first reader", LIMIT, async (t) => {
  const {live, socket} = await begin(t);
  socket.live().event(1).event(2);
  assert.deepEqual(live.positions, {});
  const seen = [];
  live.on("new_reservation", ({seq}) => seen.push(seq));
  await until(() => seen.length === 2);
  assert.equal(live.positions[VENUE][CHANNEL].seq, 2);
});

test("a reader that is too slow gets everything, from its own position", LIMIT, async (t) => {
  const {live, socket} = await begin(t);
  const next = FakeSocket.next();
  socket.live();
  for (let seq = 1; seq <= 10_001; seq += 1) socket.event(seq);
  const second = await next;
  second.open();
  assert.equal(second.sent[0].positions[VENUE][CHANNEL].seq, 0);
  assert.equal(socket.closedWith, 1000);
});

test("for frameworks: called at once, then once a turn; the snapshot stays until something changes", LIMIT, async (t) => {
  const {live, socket} = await begin(t);
  const calls = [];
  const {subscribe, getSnapshot} = live;
  const stop = subscribe((snapshot) => calls.push(snapshot));
  assert.equal(calls.length, 1);
  await new Promise((resolve) => setImmediate(resolve));
  socket.live();
  await new Promise((resolve) => setImmediate(resolve));
  const before = calls.length;
  socket.event(1).event(2).event(3);
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(calls.length, before + 1);
  assert.equal(getSnapshot(), getSnapshot());
  assert.deepEqual(calls.at(-1).venues[VENUE].reservations.map((row) => row.id), ["r3", "r2", "r1"]);
  stop();
  socket.event(4);
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(calls.length, before + 1);
});

test("a signal closes it, also before it has begun", LIMIT, async (t) => {
  const abort = new AbortController();
  const {live} = await begin(t, {signal: abort.signal});
  abort.abort();
  assert.equal(live.state, "closed");
  FakeSocket.reset();
  const never = connect(URL_, [CHANNEL], {...OPTIONS, signal: AbortSignal.abort()});
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(never.state, "closed");
  assert.equal(FakeSocket.all.length, 0);
});

/** A server by REST: answers by path; undefined stands for one that is away. */
function restOf(answers) {
  return async (url, {headers, redirect, credentials}) => {
    assert.deepEqual([redirect, credentials], ["error", "omit"]);
    assert.equal(headers.Authorization, "Bearer t.o.k");
    const path = url.slice(URL_.length);
    const [, answer] = Object.entries(answers).find(([start]) => path.startsWith(start)) ?? [];
    if (answer === undefined) throw new TypeError("fetch failed");
    const {status = 200, body} = answer(new URL(url));
    return new Response(typeof body === "string" ? body : JSON.stringify(body), {status});
  };
}

async function refuse(times) {
  for (let n = 0; n < times; n += 1) {
    const next = FakeSocket.next();
    FakeSocket.all.at(-1).end();
    if (n < times - 1) await next;
  }
}

const PROFILE = () => ({body: {venues: [{id: VENUE, kind: "restaurant"}]}});

test("no socket to be had: the same events by REST, from the same positions, and back", LIMIT, async (t) => {
  const asked = [];
  const {live, socket} = await begin(t, {fetch: restOf({
    "/api/user/profile": PROFILE,
    "/api/channels": (url) => {
      const after = Number(url.searchParams.get("after"));
      asked.push(after);
      const events = [2, 3].filter((seq) => seq > after).map((seq) => ({type: "new_reservation",
        timestamp: "2026-01-02T03:04:06.000Z", channel: CHANNEL, venue: VENUE, seq,
        operationId: null, reservation: {id: `r${seq}`, version: 1}}));
      return {body: {events, position: {epoch: "e", seq: 3}, recovered: true}};
    },
  }), timing: {...QUICK, longestDelay: 50, firstDelay: 50}});
  const seen = [];
  live.on("new_reservation", ({seq}) => seen.push(seq));
  socket.live().event(1);
  await refuse(4);
  await until(() => live.state === "polling");
  assert.deepEqual(seen, [1, 2, 3]);
  assert.equal(asked[0], 1);
  assert.equal(live.positions[VENUE][CHANNEL].seq, 3);
  const back = FakeSocket.next();
  (await back).open();
  assert.equal(FakeSocket.all.at(-1).sent[0].positions[VENUE][CHANNEL].seq, 3);
});

for (const [name, answers, state, detail] of [
  ["the server is away, or does not allow this origin", {}, "connecting", /can't be reached, or does not allow the origin/],
  ["the token is bad", {"/api/user/profile": () => ({status: 401, body: {title: "A valid token is needed"}})}, "closed", /401: A valid token/],
  ["no WebSocket gets through", {"/api/user/profile": PROFILE, "/api/channels": () => ({body: {events: [], position: {epoch: "e", seq: 0}, recovered: null}})}, "polling", /refused; the server answers by REST/],
  ["something else answers", {"/api/user/profile": () => ({body: "<html>Log in</html>"})}, "connecting", /does not seem to be rtdash/],
  ["the token is for no such venue", {"/api/user/profile": () => ({body: {venues: []}})}, "closed", /for no restaurant/],
]) {
  test(`why there is no connection, after the third failure: ${name}`, LIMIT, async (t) => {
    const {live} = await begin(t, {fetch: restOf(answers), timing: {...QUICK, firstDelay: 200, longestDelay: 200}});
    live.on("connection", () => {});
    await refuse(2);
    await until(() => FakeSocket.all.length === 3);
    FakeSocket.all.at(-1).end();
    await until(() => detail.test(live.detail ?? ""));
    assert.equal(live.state, state);
  });
}
