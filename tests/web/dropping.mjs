/** Follows a server by its real socket, drops the connection five times before the first event, and
 *  prints what was recovered and what came. Address and token are in the environment. */
import {connect} from "../../rtdash/web/lib/rtdash.js";

const CHANNEL = "restaurant_reservations";
const DROPS = 5;
const recovered = [];

class Dropping extends WebSocket {
  constructor(...given) {
    super(...given);
    this.addEventListener("message", ({data}) => {
      const answer = JSON.parse(data);
      if (answer.status === "resumed") recovered.push(answer.recovered[CHANNEL]);
      if (["subscribed", "resumed"].includes(answer.status) && recovered.length < DROPS) this.close();
      else if (answer.status === "resumed") console.log("ready");
    });
  }
}

const live = connect(process.env.URL, [CHANNEL], {
  token: process.env.TOKEN, venue: "harbour-grill", WebSocket: Dropping, timing: {longestDelay: 50},
});
live.on("new_reservation", ({seq}) => {
  console.log(JSON.stringify({recovered, seq, position: live.positions["harbour-grill"][CHANNEL].seq}));
  live.close();
});
