// Node's ws: what is posted goes to every socket.   node node_ws.js PORT   (ws is looked for where Node looks, NODE_PATH included)
"use strict";
const { createServer } = require("node:http");
const { WebSocketServer } = require("ws");

const http = createServer(async (request, answer) => {
  let body = "";
  for await (const part of request.setEncoding("utf8")) body += part;
  for (const socket of sockets.clients) socket.send(body);
  answer.writeHead(204).end();
});
const sockets = new WebSocketServer({ server: http, perMessageDeflate: false });
sockets.on("connection", (socket) => socket.on("message", () => socket.send('{"status":"subscribed"}')));
http.listen(Number(process.argv[2]), "127.0.0.1");
