import { mkdtempSync, rmSync } from "node:fs";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { longestBody, matchPath, pathOf } from "./contract.ts";
import { type ControlBackend, type ControlServer, serveControl } from "./server.ts";

let server: ControlServer;
let directory = "";

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), "keyherald-api-"));
  const handlers = {
    groups: () => [],
    rekey: () => {
      throw new Error("the engine is in pieces");
    },
  } as unknown as ControlBackend["handlers"];
  server = await serveControl(join(directory, "sock"), { handlers, follow: () => () => {} });
});
afterAll(async () => {
  await server.close();
  rmSync(directory, { recursive: true });
});

function ask(method: string, path: string, body?: string): Promise<{ status: number; value: unknown }> {
  return new Promise((resolve, reject) => {
    const call = request({ socketPath: server.path, method, path }, (response) => {
      let text = "";
      response.setEncoding("utf8").on("data", (part: string) => {
        text += part;
      });
      response.on("end", () => resolve({ status: response.statusCode ?? 0, value: JSON.parse(text) }));
    });
    call.on("error", reject);
    call.end(body);
  });
}

test.each([
  ["GET", "/v1/groups", undefined, 200, undefined],
  ["GET", "/v1/nothing", undefined, 404, "unknown-path"],
  ["POST", "/v1/groups", "{}", 405, "wrong-method"],
  ["GET", "/v1/events?since=yesterday", undefined, 400, "bad-request"],
  ["GET", "/v1/groups/%ff/members", undefined, 404, "unknown-path"],
  ["POST", "/v1/groups/g/rekey", "no json", 400, "bad-request"],
  ["POST", "/v1/groups/g/rekey", '{"what":"all"}', 400, "bad-request"],
  ["POST", "/v1/groups/g/rekey", '{"what":"tek","more":1}', 400, "bad-request"],
  ["POST", "/v1/groups/g/evict", '{"members":[],"reason":"x"}', 400, "bad-request"],
  ["POST", "/v1/groups/g/evict", '{"members":["gm1"],"reason":"two\\nlines"}', 400, "bad-request"],
  ["POST", "/v1/groups/g/evict", '{"members":["gm1"],"reason":"\\u001b[31mred"}', 400, "bad-request"],
  ["POST", "/v1/groups/g/rekey", '{"what":"tek"}', 500, "internal"],
])("%s %s with body %s is answered with status %i", async (method, path, body, status, code) => {
  const answer = await ask(method, path, body);
  expect(answer.status).toBe(status);
  if (code !== undefined) expect(answer.value).toMatchObject({ error: { code } });
});

test("a body beyond the limit is refused", async () => {
  const answer = await ask("POST", "/v1/groups/g/evict", "x".repeat(longestBody + 1));
  expect(answer).toMatchObject({ status: 413, value: { error: { code: "too-long" } } });
});

test("a path and its parameters survive the way through a URL", () => {
  const name = "CN=gm/1, O=Ä & Co?";
  const path = pathOf("/v1/why/:subject", { subject: name });
  expect(matchPath("/v1/why/:subject", path)).toEqual({ subject: name });
  expect(matchPath("/v1/why/:subject/more", path)).toBeUndefined();
});
