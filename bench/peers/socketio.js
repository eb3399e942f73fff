// Broadcasts with Socket.IO over WebSocket only: whatever a connection says goes to everybody.
import { createServer } from "node:http";
import { Server } from "socket.io";

const http = createServer();
const server = new Server(http, { transports: ["websocket"], perMessageDeflate: false, serveClient: false });

http.listen(0, "127.0.0.1", 1024, () => console.log(http.address().port));
server.on("connection", (socket) => socket.on("say", (payload) => server.emit("said", payload)));
process.stdin.on("end", () => process.exit(0)).resume(); // ends with the benchmark
