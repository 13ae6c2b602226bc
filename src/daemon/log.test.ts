import { expect, test } from "vitest";
import type { StoredEvent } from "../ledger/story.ts";
import { createLog, EventLog } from "./log.ts";

function target(isTTY: boolean) {
  const lines: string[] = [];
  return { lines, isTTY, write: (text: string) => lines.push(text) };
}

const event = (id: number, at = 1000): StoredEvent => ({
  id,
  at,
  kind: "server.stopped",
  subjects: [{ kind: "server", name: "server" }],
  cause: "operator",
  level: "info",
});

test("a terminal gets lines for people, a pipe gets JSON", () => {
  const terminal = target(true);
  createLog("info", terminal).info({ port: 848 }, "hello");
  expect(terminal.lines.join("")).toMatch(/^\d\d:\d\d:\d\dZ info {4}hello {2}port=848\n$/);
  const pipe = target(false);
  createLog("info", pipe).info({ port: 848 }, "hello");
  expect(JSON.parse(pipe.lines.join(""))).toMatchObject({ level: 30, port: 848, msg: "hello" });
});

test("a flood of one kind of event becomes twenty lines and a count", () => {
  const pipe = target(false);
  const log = new EventLog(createLog("info", pipe));
  for (let id = 1; id <= 1000; id += 1) log.write(event(id));
  expect(pipe.lines).toHaveLength(20);
  log.write(event(1001, 20_000));
  expect(pipe.lines).toHaveLength(22);
  expect(pipe.lines[20]).toContain("980 further events of this kind");
});
