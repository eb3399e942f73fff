// Broadcasts with Node `ws`: whatever the control connection says goes to everybody else, as its documentation shows.
import { WebSocketServer } from "ws";

const server = new WebSocketServer({ host: "127.0.0.1", port: 0, perMessageDeflate: false });

server.on("listening", () => console.log(server.address().port));
server.on("connection", (socket, request) => {
  if (request.url !== "/control") return;
  server.clients.delete(socket); // it only speaks
  socket.on("message", (data) => {
    for (const client of server.clients) client.send(data, { binary: false });
  });
});
process.stdin.on("end", () => process.exit(0)).resume(); // ends with the benchmark
