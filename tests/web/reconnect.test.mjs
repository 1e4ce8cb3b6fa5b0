import assert from "node:assert/strict";
import test from "node:test";
import {Backoff} from "../../rtdash/web/lib/backoff.js";
import {TIMING, mayReconnect} from "../../rtdash/web/lib/reconnect.js";
import {SCRIPTS, matches, play} from "./scripts.mjs";

for (const script of SCRIPTS) {
  test(`${script.name}: ${script.about}`, () => {
    for (const {step, actions} of play(script)) {
      assert.ok(matches(step.expect, actions),
        `${JSON.stringify(step)}\ncame: ${JSON.stringify(actions)}`);
    }
  });
}

test("accepted and closed a hundred times, as a refusal is: the delays grow to their bound", () => {
  const backoff = new Backoff(() => 1, TIMING);
  const delays = Array.from({length: 100}, (_, n) => backoff.nextDelay(n * 60_000));
  assert.deepEqual(delays.slice(0, 8), [500, 1000, 2000, 4000, 8000, 16000, 30000, 30000]);
  assert.ok(delays.slice(8).every((delay) => delay === TIMING.longestDelay));
});

test("full jitter: a delay is anything between nothing and its bound", () => {
  assert.equal(new Backoff(() => 0, TIMING).nextDelay(0), 0);
  assert.equal(new Backoff(() => 0.25, TIMING).nextDelay(0), 125);
});

test("close codes say whether to come back", () => {
  for (const code of [1000, 1001, 1006, 1011, 1012, 4001, 4005, 4007, 4499]) assert.ok(mayReconnect(code));
  for (const code of [1009, 4500, 4501, 4502, 4504, 4505, 4999]) assert.ok(!mayReconnect(code));
});
