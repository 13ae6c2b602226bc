/** Certificates made by strongSwan's pki (Debian 12: strongswan-pki). */
import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import type { KeyAlgorithm } from "../../src/crypto/provider.ts";
import { TOOL_PLUGINS } from "./charon-daemon.ts";

const run = promisify(execFile);

/** A certification authority and one certificate below it: PEM. */
export interface CharonPki {
  readonly anchor: string;
  /** CAs between the two, the lowest first. */
  readonly intermediates: readonly string[];
  readonly certificate: string;
  readonly key: string;
}

/** A certificate for the host `name`, with `intermediates` CAs between it and the anchor. */
export async function charonPki(algorithm: KeyAlgorithm, name: string, intermediates = 0): Promise<CharonPki> {
  const directory = await mkdtemp(join(tmpdir(), "keyherald-pki-"));
  const settings = join(directory, "strongswan.conf");
  await writeFile(settings, `pki { load = ${TOOL_PLUGINS} }\n`);
  const pki = async (...args: readonly string[]): Promise<string> => {
    const { stdout } = await run("pki", [...args], { env: { ...process.env, STRONGSWAN_CONF: settings } });
    return stdout;
  };
  const file = async (label: string, content: string): Promise<string> => {
    const path = join(directory, label);
    await writeFile(path, content, { mode: 0o600 });
    return path;
  };
  const generate = () => pki("--gen", ...kindOf(algorithm), "--outform", "pem");
  const dn = (cn: string) => ["--dn", `C=CH, O=strongSwan, CN=${cn}`];
  const issue = (ca: Authority, key: string, ...more: readonly string[]) =>
    pki(
      "--issue",
      "--in",
      key,
      "--type",
      "priv",
      "--cacert",
      ca.certificate,
      "--cakey",
      ca.key,
      ...more,
      "--outform",
      "pem",
    );
  try {
    const rootKey = await file("ca.key", await generate());
    const anchor = await pki(
      "--self",
      "--in",
      rootKey,
      "--type",
      "priv",
      "--ca",
      ...dn(`CA of ${name}`),
      "--outform",
      "pem",
    );
    let ca: Authority = { certificate: await file("ca.pem", anchor), key: rootKey };
    const between: string[] = [];
    for (let i = 1; i <= intermediates; i++) {
      const key = await file(`ca${i}.key`, await generate());
      const certificate = await issue(ca, key, "--ca", ...dn(`CA ${i} of ${name}`));
      between.unshift(certificate);
      ca = { certificate: await file(`ca${i}.pem`, certificate), key };
    }
    const key = await generate();
    const certificate = await issue(ca, await file("own.key", key), ...dn(name), "--san", name);
    return { anchor, intermediates: between, certificate, key };
  } finally {
    await rm(directory, { recursive: true });
  }
}

/** Paths. */
interface Authority {
  readonly certificate: string;
  readonly key: string;
}

function kindOf(algorithm: KeyAlgorithm): string[] {
  switch (algorithm.kind) {
    case "rsa":
      return ["--type", "rsa", "--size", String(algorithm.bits)];
    case "ecdsa":
      return ["--type", "ecdsa", "--size", algorithm.curve.replace("P-", "")];
    case "ed25519":
      return ["--type", "ed25519"];
    case "other":
      throw new Error(`pki makes no ${algorithm.name}`);
  }
}
