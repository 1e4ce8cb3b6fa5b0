import assert from "node:assert/strict";
import test from "node:test";

Object.defineProperty(globalThis, "location", {value: {search: ""}, configurable: true});
Object.defineProperty(globalThis, "navigator", {value: {languages: ["en"]}, configurable: true});
Object.defineProperty(globalThis, "window", {value: globalThis, configurable: true});
const {formats} = await import("../../rtdash/web/page/words.js");

const digits = (currency, amount) =>
  formats({timezone: "UTC", currency}).money(amount).replace(/[^\d.,]/g, "");

test("no amount is rounded, whatever the browser knows of its currency", () => {
  assert.equal(digits("EUR", 12.5), "12.50");
  assert.equal(digits("EUR", 120), "120");
  assert.equal(digits("KWD", 12.505), "12.505");
  assert.equal(digits("IQD", 12.505), "12.505");
  assert.equal(digits("HUF", 12.55), "12.55");
});
