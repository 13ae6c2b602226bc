import { execFileSync } from "node:child_process";
import { cpSync, globSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { loadConfiguration } from "../../src/config/load.ts";
import { repository } from "../support/documents.ts";

const names = new Set(
  globSync("*/*.yaml", { cwd: join(repository, "examples") }).map((path) => path.split("/")[0] ?? ""),
);

describe.each([...names].sort())("the example %s", (name) => {
  let folder = "";

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "keyherald-example-"));
    cpSync(join(repository, "examples"), folder, {
      recursive: true,
      filter: (path) => !/\/(secrets|state)$/u.test(path),
    });
    const keyherald = `${process.execPath} ${join(repository, "src/cli/main.ts")}`;
    execFileSync("sh", [join(folder, "setup.sh"), name], { env: { ...process.env, KEYHERALD: keyherald } });
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  test("has configurations that are valid and without warnings but that of ports for everybody", () => {
    const files = globSync(`${name}/*.yaml`, { cwd: folder });
    expect(files.length).toBeGreaterThan(1);
    for (const file of files) {
      const loaded = loadConfiguration(join(folder, file), {});
      const found = loaded.ok ? loaded.value.warnings.filter(({ path }) => !path.endsWith(".labPorts")) : loaded.error;
      expect(found, file).toEqual([]);
      expect(loaded.ok).toBe(true);
    }
  });
});
