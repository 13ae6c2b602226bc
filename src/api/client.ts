/** The control API's client: typed by the contract, replies checked against it. */
import { request } from "node:http";
import { createInterface } from "node:readline";
import { type EndpointName, endpoints, eventStreamPath, type InputOf, pathOf, type ReplyOf } from "./contract.ts";
import { apiError, type EventView, eventView } from "./views.ts";

/** The daemon answered with a refusal, or something that the contract does not have. */
export class ApiError extends Error {
  readonly code: string;
  constructor(code: string, message: string) {
    super(message);
    this.name = "ApiError";
    this.code = code;
  }
}

/** No daemon answers on the socket; the message says what to do. */
export class UnreachableError extends Error {
  readonly code = "unreachable";
  constructor(message: string) {
    super(message);
    this.name = "UnreachableError";
  }
}

/** Talks to the daemon on one Unix socket. Example: `await new ControlClient(path).call("group", {}, { name: "g" })`. */
export class ControlClient {
  readonly #socket: string;

  constructor(socket: string) {
    this.#socket = socket;
  }

  /** One request. @throws ApiError when it is refused, UnreachableError when nobody answers. */
  async call<N extends EndpointName>(
    name: N,
    input: InputOf<N>,
    parameters: Readonly<Record<string, string>> = {},
  ): Promise<ReplyOf<N>> {
    const { method, path, reply } = endpoints[name];
    const target = pathOf(path, parameters);
    const query = method === "GET" ? queryText(input) : "";
    const response = await this.#request(method, target + query, method === "POST" ? JSON.stringify(input) : undefined);
    const chunks: Buffer[] = [];
    for await (const chunk of response as AsyncIterable<Buffer>) chunks.push(chunk);
    const value = parseJson(Buffer.concat(chunks).toString("utf8"));
    if (response.statusCode !== 200) {
      const refused = apiError.safeParse(value);
      if (refused.success) throw new ApiError(refused.data.error.code, refused.data.error.message);
      throw new ApiError("bad-reply", `the daemon answered with status ${response.statusCode ?? 0}`);
    }
    const parsed = reply.safeParse(value);
    if (!parsed.success) {
      throw new ApiError(
        "bad-reply",
        "the daemon's answer is not understood; it may be of another version than this command",
      );
    }
    return parsed.data as ReplyOf<N>;
  }

  /** Events as they happen, until the daemon ends or the caller stops iterating. @throws UnreachableError */
  async *follow(subject?: string, signal?: AbortSignal): AsyncGenerator<EventView> {
    const path = eventStreamPath + queryText(subject === undefined ? {} : { subject });
    const response = await this.#request("GET", path, undefined, signal);
    try {
      for await (const line of createInterface({ input: response })) {
        const event = eventView.safeParse(parseJson(line));
        if (event.success) yield event.data;
      }
    } finally {
      response.destroy();
    }
  }

  #request(method: string, path: string, body?: string, signal?: AbortSignal) {
    return new Promise<import("node:http").IncomingMessage>((resolve, reject) => {
      const headers = body === undefined ? {} : { "content-type": "application/json" };
      // a connection for each request: an idle one may have been closed by the daemon meanwhile
      const options = { socketPath: this.#socket, method, path, headers, agent: false as const };
      const call = request({ ...options, ...(signal === undefined ? {} : { signal }) }, resolve);
      call.on("error", (error: NodeJS.ErrnoException) => reject(unreachable(this.#socket, error)));
      call.end(body);
    });
  }
}

function queryText(input: unknown): string {
  const entries = Object.entries(input ?? {}).flatMap(([name, value]) =>
    value === undefined ? [] : [[name, String(value)] as [string, string]],
  );
  return entries.length === 0 ? "" : `?${new URLSearchParams(entries)}`;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function unreachable(socket: string, error: NodeJS.ErrnoException): Error {
  switch (error.code) {
    case "ENOENT":
    case "ECONNREFUSED":
      return new UnreachableError(
        `no keyherald answers on ${socket}; start one (keyherald run -c keyherald.yaml), or name its socket with --socket PATH or KEYHERALD_SOCKET`,
      );
    case "EACCES":
    case "EPERM":
      return new UnreachableError(
        `no permission to use ${socket}; run this as the user that keyherald runs as (sudo keyherald …)`,
      );
    default:
      return new UnreachableError(`the daemon on ${socket} did not answer: ${error.message}`);
  }
}
