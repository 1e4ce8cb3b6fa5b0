/** Plays a script of fixtures/client against the reconnect machine (fixtures/client/README.md). */
import {readFileSync, readdirSync} from "node:fs";
import {Reconnector} from "../../rtdash/web/lib/reconnect.js";
import {ClientSession} from "../../rtdash/web/lib/session.js";

const FOLDER = new URL("../../fixtures/client/", import.meta.url);

export const SCRIPTS = readdirSync(FOLDER).filter((name) => name.endsWith(".json")).sort()
  .map((name) => ({name, ...JSON.parse(readFileSync(new URL(name, FOLDER), "utf8"))}));

/** The actions of each step, as the script writes them. */
export function* play({options = {}, steps}) {
  const session = new ClientSession(options.channels ?? ["restaurant_reservations"], {
    venue: options.venue ?? "harbour-grill", positions: options.positions,
  });
  const machine = new Reconnector(session, {
    random: () => options.random ?? 0.5, isRenewable: options.token !== "fixed",
    leavesWhenHidden: options.hidden !== "stay",
  });
  const seen = {request: 0, attempt: 0, round: 0};
  const note = (actions) => {
    for (const action of actions) {
      if (action.do === "token") seen.request = action.request;
      if (action.do === "open") seen.attempt = action.attempt;
      if (action.do === "poll") seen.round = action.round;
    }
    return actions.map(written);
  };
  for (const step of steps) {
    const actions = [];
    while (!step.slept && machine.dueAt !== null && machine.dueAt < step.at) {
      actions.push(...note(machine.handle(machine.dueAt, {is: "due"})));
    }
    actions.push(...note(machine.handle(step.at, eventOf(step, seen))));
    yield {step, actions};
  }
}

function eventOf(step, {request, attempt, round}) {
  const old = step.old ?? 0;
  if ("start" in step) return {is: "start"};
  if ("token" in step) return {is: "token", request: request - old, token: step.token};
  if ("no_token" in step) return {is: "no_token", request: request - old, reason: step.no_token};
  if ("open" in step) return {is: "open", attempt: attempt - old};
  if ("hear" in step) return {is: "hear", attempt: attempt - old, text: JSON.stringify(step.hear)};
  if ("close" in step) {
    return {is: "close", attempt: attempt - old, code: step.close, reason: step.reason ?? ""};
  }
  if ("polled" in step) return {is: "polled", round: round - old, ...step.polled};
  if ("wake" in step) return {is: "wake", by: step.wake};
  if ("stop" in step) return {is: "stop"};
  if ("overflow" in step) return {is: "overflow"};
  return {is: "due"};
}

function written(action) {
  switch (action.do) {
    case "token": return {token: true};
    case "open": return {open: action.token};
    case "send": return {send: JSON.parse(action.text)};
    case "deliver": return action.received.is === "message"
      ? {deliver: action.received.body} : {subscribed: action.received.streams.map((s) => s.channel)};
    case "poll": return {poll: action.withStats ? "all" : "lists"};
    case "latency": return {latency: action.ms};
    case "state": {
      const {state, detail, retryInMs, code} = action;
      return {state, ...detail === null ? {} : {detail}, ...retryInMs === null ? {} : {retryInMs},
        ...code === null ? {} : {code}};
    }
    default: return {[action.do]: true};
  }
}

/** Whether the value has everything that the pattern names. */
export function matches(pattern, value) {
  if (typeof pattern !== "object" || pattern === null) return pattern === value;
  if (typeof value !== "object" || value === null) return false;
  if (Array.isArray(pattern) && pattern.length !== value.length) return false;
  return Object.entries(pattern).every(([name, one]) => matches(one, value[name]));
}
