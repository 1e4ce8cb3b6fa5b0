/**
 * The browser client of rtdash: each event once and in order, over every connection it takes.
 *
 *     import {connect} from "/rtdash.js";
 *     const live = connect("/", ["hotel_stats"], {token: () => fetchToken()});
 *     live.on("stats_update", ({stats}) => show(stats));
 */
export {Connection, ConnectionClosedError, connect} from "./connect.js";
export {TIMING} from "./reconnect.js";
export {CHANNELS} from "./session.js";
export {Store, Venue} from "./store.js";
