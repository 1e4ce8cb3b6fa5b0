export { TIMING } from "./reconnect.js";
export { CHANNELS } from "./session.js";
export { Connection, ConnectionClosedError, connect } from "./connect.js";
export { Store, Venue } from "./store.js";
