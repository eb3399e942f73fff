// Broadcasts with Node `ws`. What the control connection says is the application's event: it becomes a JSON text once and
// goes to everybody, as its documentation shows. With the argument `bytes`, the text is made into UTF-8 once for all, too.
import WebSocket, { WebSocketServer } from "ws";

const server = new WebSocketServer({ host: "127.0.0.1", port: 0, perMessageDeflate: false });
const isBytes = process.argv[2] === "bytes";

server.on("listening", () => console.log(server.address().port));
server.on("connection", (socket, request) => {
  if (request.url !== "/control") return;
  server.clients.delete(socket); // it only speaks
  socket.on("message", (message) => {
    const text = JSON.stringify(JSON.parse(message.toString()));
    const data = isBytes ? Buffer.from(text) : text;
    for (const client of server.clients) {
      if (client.readyState === WebSocket.OPEN) client.send(data, { binary: false });
    }
  });
});
process.stdin.on("end", () => process.exit(0)).resume(); // ends with the benchmark
