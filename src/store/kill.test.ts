import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { openStore } from "./sqlite.ts";

const key = new Uint8Array(32).fill(9);

/** Commits batch after batch of five records and two events, and says the number of each one that is durable. */
const writer = (file: string) => `
  import { writeSync } from "node:fs";
  import { openStore } from ${JSON.stringify(new URL("./sqlite.ts", import.meta.url).href)};
  const store = openStore({ file: ${JSON.stringify(file)}, key: new Uint8Array(32).fill(9) });
  const group = { kind: "group", name: "g" };
  for (let n = [...store.load()].length / 5; ; n++) {
    const records = [0, 1, 2, 3, 4].map((i) => ({ kind: "batch", key: n + "/" + i, value: { n, i } }));
    const event = { kind: "a.batch", subjects: [group], cause: "timer", level: "info", figures: { n } };
    store.commit(records, [{ at: n, event }, { at: n, event }]);
    writeSync(1, n + "\\n");
  }
`;

/** Runs the writer and kills it after it has said `lines` numbers; returns the last number said. */
function runAndKill(file: string, lines: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, ["--input-type=module", "-e", writer(file)], {
      stdio: ["ignore", "pipe", "pipe"],
    });
    let said = "";
    let complaint = "";
    let killed = false;
    child.stderr.on("data", (data) => {
      complaint += data;
    });
    child.stdout.on("data", (data) => {
      said += data;
      if (!killed && said.split("\n").length > lines) killed = child.kill("SIGKILL");
    });
    child.on("close", () => {
      if (killed) resolve(Number(said.split("\n").at(-2)));
      else reject(new Error(complaint));
    });
  });
}

test("a process that is killed while it commits leaves a prefix: whole batches, and every one it reported", async () => {
  const folder = mkdtempSync(join(tmpdir(), "keyherald-kill-"));
  const file = join(folder, "state.db");
  try {
    let before = 0;
    for (const lines of [1, 7, 20, 45]) {
      const reported = await runAndKill(file, lines);
      const store = openStore({ file, key });
      const records = [...store.load()];
      const batches = records.length / 5;
      expect(batches).toBeGreaterThanOrEqual(reported + 1);
      expect(batches).toBeGreaterThan(before);
      const expected = Array.from({ length: batches }, (_, n) => [0, 1, 2, 3, 4].map((i) => `${n}/${i}`)).flat();
      expect(records.map((record) => record.key).sort()).toEqual(expected.sort());
      expect(store.events({}).map((e) => e.figures?.n)).toEqual(Array.from({ length: 2 * batches }, (_, i) => i >> 1));
      expect(store.lastInstant()).toBe(batches - 1);
      store.close();
      before = batches;
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
});
