/** The control API's server on a Unix socket. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { z } from "zod";
import {
  type EndpointName,
  endpoints,
  eventQuery,
  eventStreamPath,
  type InputOf,
  longestBody,
  matchPath,
  type ReplyOf,
} from "./contract.ts";
import { claimSocket } from "./socket-file.ts";
import type { EventView } from "./views.ts";

/** Path parameters of a request. */
export type Parameters = Readonly<Record<string, string>>;

/** A request that is refused: `code` goes to the client, and tells the HTTP status. */
export class ApiRefusal extends Error {
  readonly code: string;
  readonly status: number;
  constructor(status: number, code: string, message: string) {
    super(message);
    this.name = "ApiRefusal";
    this.code = code;
    this.status = status;
  }
}

/** What the server asks of the daemon: a function for each endpoint, and the stream of events. */
export interface ControlBackend {
  readonly handlers: Handlers;
  /** Calls `tell` for each event that becomes durable from now on; returns what ends it. */
  readonly follow: (subject: string | undefined, tell: (event: EventView) => void) => () => void;
}

/** Answers to every request of the contract. They throw ApiRefusal. */
export type Handlers = { readonly [N in EndpointName]: Handler<N> };

type Handler<N extends EndpointName> = (parameters: Parameters, input: InputOf<N>) => ReplyOf<N> | Promise<ReplyOf<N>>;

/** A running server. */
export interface ControlServer {
  readonly path: string;
  close(): Promise<void>;
}

/** Octets of events that a slow follower may lag behind before it is cut off. */
const followerBacklog = 8 * 1024 * 1024;

/** Listens on the Unix socket `path` with mode 0600. @throws SocketFileError when another daemon answers there. */
export async function serveControl(path: string, backend: ControlBackend): Promise<ControlServer> {
  const server = createServer({ requestTimeout: 30_000 }, (request, response) => {
    answer(backend, request, response).catch((error: unknown) => refuse(response, error));
  });
  await claimSocket(path, server);
  return { path, close: () => closeServer(server) };
}

async function answer(backend: ControlBackend, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const url = new URL(request.url ?? "/", "http://daemon");
  if (url.pathname === eventStreamPath && request.method === "GET") {
    stream(backend, inputFrom(eventQuery, Object.fromEntries(url.searchParams)).subject, response);
    return;
  }
  let known = false;
  for (const name of Object.keys(endpoints) as EndpointName[]) {
    const { method, path } = endpoints[name];
    const parameters = matchPath(path, url.pathname);
    if (parameters === undefined) continue;
    known = true;
    if (method !== request.method) continue;
    const raw = method === "GET" ? Object.fromEntries(url.searchParams) : await body(request);
    send(response, 200, await call(backend, name, parameters, raw));
    return;
  }
  if (known) throw new ApiRefusal(405, "wrong-method", `${request.method ?? "this method"} is not for ${url.pathname}`);
  throw new ApiRefusal(404, "unknown-path", `there is nothing at ${url.pathname}`);
}

/** Checks the input against the endpoint's schema, then asks the daemon. */
async function call<N extends EndpointName>(
  backend: ControlBackend,
  name: N,
  parameters: Parameters,
  raw: unknown,
): Promise<ReplyOf<N>> {
  const handler: Handler<N> = backend.handlers[name];
  return await handler(parameters, inputFrom(endpoints[name].input, raw) as InputOf<N>);
}

function inputFrom<S extends z.ZodType>(schema: S, raw: unknown): z.infer<S> {
  const parsed = schema.safeParse(raw);
  if (parsed.success) return parsed.data;
  throw new ApiRefusal(400, "bad-request", z.prettifyError(parsed.error).replaceAll("\n", " "));
}

async function body(request: IncomingMessage): Promise<unknown> {
  const parts: Buffer[] = [];
  let length = 0;
  for await (const part of request as AsyncIterable<Buffer>) {
    length += part.length;
    if (length > longestBody) {
      throw new ApiRefusal(
        413,
        "too-long",
        `a request has at most ${longestBody} octets; ask for fewer members at once`,
      );
    }
    parts.push(part);
  }
  try {
    return JSON.parse(Buffer.concat(parts).toString("utf8"));
  } catch {
    throw new ApiRefusal(400, "bad-request", "the body is not JSON");
  }
}

function stream(backend: ControlBackend, subject: string | undefined, response: ServerResponse): void {
  response.writeHead(200, { "content-type": "application/x-ndjson" });
  response.flushHeaders();
  const end = backend.follow(subject, (event) => {
    response.write(`${JSON.stringify(event)}\n`);
    if (response.writableLength > followerBacklog) response.destroy();
  });
  response.on("close", end);
}

function send(response: ServerResponse, status: number, value: unknown): void {
  response.writeHead(status, { "content-type": "application/json" });
  response.end(JSON.stringify(value));
}

function refuse(response: ServerResponse, error: unknown): void {
  if (response.headersSent) {
    response.destroy();
    return;
  }
  const status = error instanceof ApiRefusal ? error.status : 500;
  const code = error instanceof ApiRefusal ? error.code : "internal";
  const message = error instanceof Error ? error.message : String(error);
  response.setHeader("connection", "close");
  send(response, status, { error: { code, message } });
}

async function closeServer(server: Server): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  server.closeAllConnections();
  await closed;
}
