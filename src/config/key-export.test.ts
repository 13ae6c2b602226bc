import { chmodSync, mkdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { exampleConfiguration } from "./example.ts";
import { loadConfiguration } from "./load.ts";
import { testFolder, testTime } from "./testing/files.ts";

let made: ReturnType<typeof testFolder>;
beforeEach(() => {
  made = testFolder();
});
afterEach(() => made.remove());

function loaded(file: string) {
  const text = exampleConfiguration("member").replace("# export: { file: keys.json }", `export: { file: ${file} }`);
  const written = made.write("keyherald.yaml", text);
  return { folder: dirname(written), result: loadConfiguration(written, {}, testTime) };
}

test("keys are exported to the file that is named, which starts from the configuration's folder", () => {
  const { folder, result } = loaded("keys.json");
  expect(result.ok && result.value.keyExport).toEqual({ file: join(folder, "keys.json") });
});

test("without the section no keys are exported", () => {
  const file = made.write("keyherald.yaml", exampleConfiguration("member"));
  const result = loadConfiguration(file, {}, testTime);
  expect(result.ok && "keyExport" in result.value).toBe(false);
});

test("a folder that does not exist, or that others may write in, is refused", () => {
  const missing = loaded("run/keys.json");
  expect(missing.result).toMatchObject({ error: [{ path: "member.export.file" }] });
  mkdirSync(join(missing.folder, "run"));
  chmodSync(join(missing.folder, "run"), 0o777);
  const open = loaded("run/keys.json").result;
  expect(open).toMatchObject({ error: [{ message: expect.stringContaining("others may write") as string }] });
});
