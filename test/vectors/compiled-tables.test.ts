import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { goldenDigest } from "../support/golden-digest.ts";

test("tables that are walked read and write what compiled ones do, where no code may be made of text", () => {
  const program = fileURLToPath(new URL("../support/golden-digest.ts", import.meta.url));
  const walked = execFileSync(process.execPath, ["--disallow-code-generation-from-strings", program], {
    encoding: "utf8",
    maxBuffer: 64 * 1024 * 1024,
  });
  const compiled = goldenDigest();
  expect(compiled.length).toBeGreaterThan(100_000);
  expect(walked === compiled).toBe(true);
});
