/** The control API: one table that server and client are made from. HTTP/1.1 with JSON over a Unix socket. */
import { z } from "zod";
import {
  absentView,
  connectionView,
  daemonStatus,
  eventView,
  farewell,
  gmGroupView,
  groupView,
  memberView,
  plannedRekeys,
  recordedPair,
  rekeyDetail,
  seenView,
  storyView,
} from "./views.ts";

/** One request: its method, path (`:name` stands for a path parameter), schemas of query or body, and of the reply. */
export interface Endpoint<Input extends z.ZodType = z.ZodType, Reply extends z.ZodType = z.ZodType> {
  readonly method: "GET" | "POST";
  readonly path: string;
  readonly input: Input;
  readonly reply: Reply;
}

function get<Input extends z.ZodType, Reply extends z.ZodType>(path: string, input: Input, reply: Reply) {
  return { method: "GET", path, input, reply } as const;
}

function post<Input extends z.ZodType, Reply extends z.ZodType>(path: string, input: Input, reply: Reply) {
  return { method: "POST", path, input, reply } as const;
}

const nothing = z.strictObject({});
const members = z.array(z.string().min(1).max(1024)).min(1).max(10_000);
const number = z.coerce.number().int().nonnegative();

/** What may be asked of the ledger: events after an id or a time, about a subject, of some kinds. */
export const eventQuery = z.strictObject({
  since: number.exactOptional(),
  afterId: number.exactOptional(),
  subject: z.string().max(1024).exactOptional(),
  limit: number.max(100_000).exactOptional(),
});

/** A name of the configuration (`paris`, `paris/lan`), or the SPI of an SA. */
const target = z.string().min(1).max(255);
/** Octets of a Reason Message that always fits one datagram with its Delete. */
const longestReason = 255;

/** Why an operator does something: it is shown on terminals and sent to syslog, so that it must be one line of text. */
const reason = z
  .string()
  .min(1)
  .max(1000)
  .regex(/^[^\p{Cc}\p{Cs}\p{Zl}\p{Zp}]*$/u, "one line of text is wanted, without control characters");

/** Every request with one answer. Path parameters come beside the input. */
export const endpoints = {
  status: get("/v1/status", nothing, daemonStatus),
  groups: get("/v1/groups", nothing, z.array(groupView)),
  group: get("/v1/groups/:name", nothing, groupView),
  members: get("/v1/groups/:name/members", nothing, z.array(memberView)),
  absent: get("/v1/groups/:name/absent", nothing, z.array(absentView)),
  rekeyDetail: get("/v1/groups/:name/rekeys/:spi/:seq", nothing, rekeyDetail),
  rekey: post(
    "/v1/groups/:name/rekey",
    z.strictObject({ what: z.enum(["tek", "kek"]) }),
    z.object({ group: z.string(), rekeys: plannedRekeys }),
  ),
  evict: post(
    "/v1/groups/:name/evict",
    z.strictObject({ members, reason }),
    z.object({ group: z.string(), evicted: z.array(z.string()), rekeys: plannedRekeys }),
  ),
  admit: post(
    "/v1/groups/:name/admit",
    z.strictObject({ members }),
    z.object({ group: z.string(), admitted: z.array(z.string()) }),
  ),
  register: post("/v1/member/register", z.strictObject({ group: z.string().min(1).max(255) }), gmGroupView),
  seen: post(
    "/v1/member/seen",
    z.strictObject({ group: z.string().min(1).max(255), spi: z.string().regex(/^[0-9a-f]{8}$/i) }),
    seenView,
  ),
  connections: get("/v1/connections", nothing, z.array(connectionView)),
  connection: get("/v1/connections/:name", nothing, connectionView),
  recordedPairs: get("/v1/recorded-pairs", nothing, z.array(recordedPair)),
  up: post("/v1/connections/up", z.strictObject({ target }), connectionView),
  down: post(
    "/v1/connections/down",
    z.strictObject({
      target,
      reason: reason
        .refine(
          (text) => Buffer.byteLength(text) <= longestReason,
          `at most ${longestReason} octets travel to the peer`,
        )
        .exactOptional(),
      downtimeSeconds: farewell.shape.downtimeSeconds,
    }),
    connectionView,
  ),
  rekeySa: post("/v1/connections/rekey", z.strictObject({ target }), connectionView),
  reauthenticate: post("/v1/connections/reauthenticate", z.strictObject({ target }), connectionView),
  redirect: post(
    "/v1/connections/redirect",
    z.strictObject({ target, gateway: z.string().min(1).max(255) }),
    connectionView,
  ),
  traffic: post(
    "/v1/traffic",
    z.strictObject({
      of: z
        .array(
          z.strictObject({
            spiIn: z.string().regex(/^[0-9a-f]{8}$/),
            octets: number,
            packets: number,
            idleMs: number,
          }),
        )
        .min(1)
        .max(10_000),
    }),
    z.object({ reported: z.number() }),
  ),
  stop: post(
    "/v1/stop",
    z.strictObject({ ...farewell.shape, mark: z.boolean() }),
    z.object({ pid: z.number(), startedAt: z.number(), told: z.number() }),
  ),
  events: get("/v1/events", eventQuery, z.array(eventView)),
  why: get("/v1/why/:subject", nothing, storyView),
} as const;

export type EndpointName = keyof typeof endpoints;
export type InputOf<N extends EndpointName> = z.infer<(typeof endpoints)[N]["input"]>;
export type ReplyOf<N extends EndpointName> = z.infer<(typeof endpoints)[N]["reply"]>;

/** GET: events as they happen, one JSON object a line (NDJSON), after those that the query finds. */
export const eventStreamPath = "/v1/events/stream";

/** Longest request body in octets. */
export const longestBody = 1024 * 1024;

/** The path with its parameters filled in. @throws Error when one is missing. */
export function pathOf(template: string, parameters: Readonly<Record<string, string>>): string {
  return template.replace(/:(\w+)/g, (_, name: string) => {
    const value = parameters[name];
    if (value === undefined) throw new Error(`path parameter ${name} is missing`);
    return encodeURIComponent(value);
  });
}

/** The parameters that `path` gives to `template`, undefined when it is another path. */
export function matchPath(template: string, path: string): Record<string, string> | undefined {
  const wanted = template.split("/");
  const given = path.split("/");
  if (wanted.length !== given.length) return undefined;
  const parameters: Record<string, string> = {};
  for (const [i, part] of wanted.entries()) {
    const value = given[i] ?? "";
    if (part.startsWith(":")) {
      try {
        parameters[part.slice(1)] = decodeURIComponent(value);
      } catch {
        return undefined;
      }
    } else if (part !== value) return undefined;
  }
  return parameters;
}
