import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { replaceFile } from "./key-file.ts";

let folder = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "keyherald-keys-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

test("the file is for its owner alone, whatever it was before", async () => {
  const file = join(folder, "keys.json");
  writeFileSync(file, "old", { mode: 0o644 });
  await replaceFile(file, "new");
  expect(readFileSync(file, "utf8")).toBe("new");
  expect(statSync(file).mode & 0o777).toBe(0o600);
  expect(readdirSync(folder)).toEqual(["keys.json"]);
});

test("a reader sees a whole text at every moment", async () => {
  const file = join(folder, "keys.json");
  const texts = ["a", "b"].map((letter) => letter.repeat(200_000));
  await replaceFile(file, texts[0] ?? "");
  const writing = (async () => {
    for (let i = 0; i < 20; i++) await replaceFile(file, texts[i % 2] ?? "");
  })();
  let over = false;
  void writing.then(() => {
    over = true;
  });
  while (!over) {
    expect(texts).toContain(readFileSync(file, "utf8"));
    await new Promise((resolve) => setImmediate(resolve));
  }
  await writing;
});

test("what a crash or somebody else left in its way is removed, and no link is followed", async () => {
  const file = join(folder, "keys.json");
  const victim = join(folder, "victim");
  writeFileSync(victim, "untouched");
  symlinkSync(victim, join(folder, ".keys.json.new"));
  symlinkSync(victim, file);
  await replaceFile(file, "new");
  expect(readFileSync(victim, "utf8")).toBe("untouched");
  expect(readFileSync(file, "utf8")).toBe("new");
});

test("the old file stays when the new one cannot be written", async () => {
  const file = join(folder, "gone", "keys.json");
  await expect(replaceFile(file, "new")).rejects.toMatchObject({ code: "ENOENT" });
  expect(readdirSync(folder)).toEqual([]);
});
