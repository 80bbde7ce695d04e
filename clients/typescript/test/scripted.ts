import { createServer, type IncomingHttpHeaders } from "node:http";
import type { AddressInfo } from "node:net";

export const ANSWER = {
  session_id: "me",
  recommendations: [{ item_id: "tea-001", score: 1.5 }],
  events: [],
  stored: true,
  served_by: "session",
  model: { version: "v0", variant: "main" },
};

export interface Reply {
  status: number;
  body?: unknown;
  headers?: Record<string, string>;
  /** Send headers and a byte now and then, and never end. */
  trickles?: boolean;
}

export interface Received {
  target: string;
  headers: IncomingHttpHeaders;
  body: any;
}

/** Run `use` with a server that gives each request the next reply; the last one is repeated. */
export async function withServer(
  replies: Reply[],
  use: (url: string, received: Received[]) => Promise<void>,
): Promise<void> {
  const received: Received[] = [];
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const text = Buffer.concat(chunks).toString();
    received.push({ target: request.url ?? "", headers: request.headers, body: text && JSON.parse(text) });
    const reply = replies[Math.min(received.length, replies.length) - 1];
    if (!reply) throw new Error("a script needs a reply");
    response.writeHead(reply.status, reply.headers);
    if (!reply.trickles) return void response.end(typeof reply.body === "string" ? reply.body : JSON.stringify(reply.body));
    const timer = setInterval(() => response.write(" "), 20);
    response.on("close", () => clearInterval(timer));
  });
  await new Promise<void>((ready) => server.listen(0, "127.0.0.1", ready));
  try {
    await use(`http://127.0.0.1:${(server.address() as AddressInfo).port}`, received);
  } finally {
    server.closeAllConnections();
    await new Promise((closed) => server.close(closed));
  }
}
