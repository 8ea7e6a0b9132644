// Posts an order with an upgrade and reads its events as simply as client programs for demos do.
// Prints one JSON document: the statuses it saw, the figures of the fill, and how the socket ended.
import http from "node:http";

const [url] = process.argv.slice(2);
const seen = { statuses: [], early: 0, price: null, amountOut: null, orderId: null, endedMs: null };
let confirmedAt = 0;

function report(error) {
  if (confirmedAt) seen.endedMs = Date.now() - confirmedAt;
  console.log(JSON.stringify({ ...seen, error }));
  process.exit(error ? 1 : 0);
}

function readFrame(segment) {
  // Only the first frame of a segment is read, as such programs do.
  const length = segment[1] & 0x7f;
  const start = length === 126 ? 4 : 2;
  const size = length === 126 ? segment.readUInt16BE(2) : length;
  if ((segment[0] & 0x0f) !== 1) return;
  const message = JSON.parse(segment.toString("utf8", start, start + size));
  if (message.status) seen.statuses.push(message.status);
  if (message.status === "confirmed") {
    confirmedAt = Date.now();
    seen.price = message.data.executedPrice.toFixed(4);
    seen.amountOut = message.data.amountOut.toFixed(4);
  }
}

const request = http.request(new URL("/api/orders/execute", url), {
  method: "POST",
  headers: {
    "Content-Type": "application/json",
    Connection: "Upgrade",
    Upgrade: "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": Buffer.from(Math.random().toString()).toString("base64"),
  },
});
request.on("upgrade", (response, socket, early) => {
  seen.early = early.length;
  seen.orderId = response.headers["x-order-id"];
  socket.on("data", readFrame);
  socket.on("close", () => report(null));
});
request.on("response", (response) => report(`answered ${response.statusCode}`));
request.on("error", (error) => report(error.message));
setTimeout(() => report("no end within 15 s"), 15_000);
request.write(JSON.stringify({ tokenIn: "SOL", tokenOut: "USDC", amount: 1.5, slippage: 0.5 }));
request.end();
