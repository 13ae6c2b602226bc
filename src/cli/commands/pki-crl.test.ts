import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { createProgram } from "../program.ts";

let folder = "";
let printed = "";
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "keyherald-crl-"));
  vi.spyOn(process.stdout, "write").mockImplementation((text) => {
    printed += text.toString();
    return true;
  });
  await pki("ca", "--subject", "CN=CA,O=Utility", "--out", at("ca"));
  await pki("ca", "--subject", "CN=Other,O=Utility", "--out", at("other"));
  for (const name of ["gm1", "gm2"]) {
    await pki("issue", "--ca", at("ca"), "--subject", `CN=${name},O=Utility`, "--out", at(name));
  }
});
afterEach(() => {
  vi.restoreAllMocks();
  rmSync(folder, { recursive: true });
});

const at = (name: string) => join(folder, name);

async function pki(...args: readonly string[]): Promise<string> {
  printed = "";
  await createProgram().parseAsync(["pki", ...args], { from: "user" });
  return printed;
}

test("goes on with the list that is there, and revokes nobody unless it is asked", async () => {
  expect(await pki("crl", "--ca", at("ca"))).toContain("list 1, 0 certificates revoked");
  expect(await pki("crl", "--ca", at("ca"), "--revoke", at("gm1.pem"))).toContain("list 2, 1 certificate revoked");
  const both = await pki("crl", "--ca", at("ca"), "--revoke", at("gm2.pem"), "--revoke", at("gm1.pem"), "--json");
  expect(JSON.parse(both)).toMatchObject({
    file: at("ca.crl"),
    number: 3,
    revoked: [expect.any(String), expect.any(String)],
  });
  expect(readFileSync(at("ca.crl"), "utf8")).toMatch(/^-----BEGIN X509 CRL-----/);
});

test("leaves the list alone when something is wrong", async () => {
  await pki("crl", "--ca", at("ca"), "--revoke", at("gm1.pem"));
  const before = readFileSync(at("ca.crl"));
  const wrong = (...args: readonly string[]) => expect(pki("crl", ...args)).rejects;
  await wrong("--ca", at("ca"), "--revoke", at("nobody.pem")).toThrow("nobody.pem cannot be read");
  await wrong("--ca", at("ca"), "--revoke", at("gm1.key")).toThrow("no certificate in it");
  await wrong("--ca", at("ca"), "--revoke", at("other.pem")).toThrow("issued by another authority");
  await wrong("--ca", at("other"), "--out", at("ca.crl")).toThrow("not of this authority");
  await wrong("--ca", at("ca"), "--out", at("gm1.pem")).toThrow("no certificate revocation list in it");
  await wrong("--ca", at("ca"), "--days", "0").toThrow("--days 0");
  await wrong("--ca", at("nowhere")).toThrow("nowhere.pem cannot be read");
  expect(readFileSync(at("ca.crl"))).toEqual(before);
});
