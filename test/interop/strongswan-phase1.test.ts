import type { ChildProcess } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { issueCa, issueCertificate } from "../../src/crypto/node/issue.ts";
import type { KeyAlgorithm } from "../../src/crypto/provider.ts";
import type { AuthenticationName, Phase1Proposal } from "../../src/ikev1/types.ts";
import { type CharonPki, charonPki } from "../support/charon-pki.ts";
import { end, type NamespacePair, namespacePair } from "../support/namespace.ts";
import type { DriverLine, DriverSpec } from "../support/phase1-driver.ts";
import { Charon } from "../support/strongswan.ts";

const driver = fileURLToPath(new URL("../support/phase1-driver.ts", import.meta.url));
const PSK = "keyherald-interop-psk";
const YEAR = 365 * 86_400_000;

let pair: NamespacePair;
let charon: Charon;
let directory: string;

beforeAll(async () => {
  pair = await namespacePair();
  charon = await Charon.start(pair.right);
  directory = await mkdtemp(join(tmpdir(), "keyherald-interop-"));
});

afterAll(async () => {
  await charon?.[Symbol.asyncDispose]();
  await pair?.close();
  if (directory !== undefined) await rm(directory, { recursive: true });
});

/** Our Phase 1 as a process in the left namespace. */
class Ours implements AsyncDisposable {
  readonly lines: DriverLine[] = [];
  readonly #child: ChildProcess;
  #waiting: (() => void)[] = [];
  #errors = "";

  private constructor(child: ChildProcess) {
    this.#child = child;
    child.stderr?.on("data", (chunk: Buffer) => {
      this.#errors += chunk.toString();
    });
    if (child.stdout === null) throw new Error("no output");
    createInterface(child.stdout).on("line", (line) => {
      this.lines.push(JSON.parse(line));
      for (const wake of this.#waiting.splice(0)) wake();
    });
  }

  static async start(spec: Omit<DriverSpec, "local" | "remote">, port: number): Promise<Ours> {
    const whole: DriverSpec = {
      ...spec,
      local: { address: pair.left.address, port },
      remote: { address: pair.right.address, port: 500 },
    };
    const file = join(directory, "spec.json");
    await writeFile(file, JSON.stringify(whole));
    const ours = new Ours(pair.left.start(process.execPath, [driver, file], { stdio: "pipe" }));
    await ours.line("ready");
    return ours;
  }

  command(line: "initiate" | "delete"): void {
    this.#child.stdin?.write(`${line}\n`);
  }

  /** Waits for a line of that kind. @throws with everything it said when none comes in time */
  async line<K extends DriverLine["line"]>(kind: K, timeoutMs = 60_000): Promise<DriverLine & { readonly line: K }> {
    const until = Date.now() + timeoutMs;
    for (;;) {
      const found = this.lines.find((one): one is DriverLine & { readonly line: K } => one.line === kind);
      if (found !== undefined) return found;
      const left = until - Date.now();
      if (left <= 0) {
        throw new Error(`no ${kind}: ${JSON.stringify(this.lines)}\n${this.#errors}\ncharon:\n${await charon.log()}`);
      }
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, left);
        this.#waiting.push(() => {
          clearTimeout(timer);
          resolve();
        });
      });
    }
  }

  notes(): readonly string[] {
    return this.lines.flatMap((line) => (line.line === "event" ? (line.notes ?? []) : []));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.stdin?.end();
    await end(this.#child);
  }
}

const proposal = (changed: Partial<Phase1Proposal> = {}): Phase1Proposal => ({
  cipher: "aes-cbc",
  keyBits: 256,
  hash: "sha256",
  group: 19,
  authentication: "psk",
  ...changed,
});

/** What is alike in both roles: both sides' view of one agreement. */
interface Agreement {
  readonly name: string;
  readonly ours: Omit<DriverSpec, "local" | "remote">;
  readonly charon: Pick<
    Parameters<Charon["configure"]>[0],
    "proposal" | "authentication" | "localId" | "remoteId" | "psk" | "certificate" | "key" | "anchors"
  >;
  /** The identity that we must see of charon. */
  readonly peer: string;
}

function psk(name: string, one: Phase1Proposal, theirs: string, changed: Partial<DriverSpec> = {}): Agreement {
  return {
    name,
    ours: { proposals: [one], identity: "fqdn:gm.example", psk: PSK, ...changed },
    charon: {
      proposal: theirs,
      authentication: "psk",
      localId: "charon.example",
      remoteId: changed.identity ?? "gm.example",
      psk: PSK,
    },
    peer: "fqdn:charon.example",
  };
}

const pskAgreements: readonly Agreement[] = [
  psk("AES-256, SHA-256, ECP-256, DOI 2", proposal(), "aes256-sha256-ecp256"),
  psk("AES-256, SHA-256, ECP-256, DOI 1", proposal(), "aes256-sha256-ecp256", { doi: 1 }),
  psk("AES-128, SHA-256, MODP-2048", proposal({ keyBits: 128, group: 14 }), "aes128-sha256-modp2048"),
  psk("AES-192, SHA-384, ECP-384", proposal({ keyBits: 192, hash: "sha384", group: 20 }), "aes192-sha384-ecp384"),
  psk("AES-256, SHA-512, ECP-521", proposal({ hash: "sha512", group: 21 }), "aes256-sha512-ecp521"),
  psk("AES-256, SHA-512, MODP-4096", proposal({ hash: "sha512", group: 16 }), "aes256-sha512-modp4096"),
  psk("AES-256, SHA-256, MODP-3072", proposal({ group: 15 }), "aes256-sha256-modp3072"),
];

interface Credentials {
  readonly theirs: CharonPki;
  readonly anchor: string;
  readonly certificate: string;
  readonly key: string;
}

/** Two authorities: strongSwan's pki makes charon's certificate, Keyherald makes ours. */
async function credentials(algorithm: KeyAlgorithm): Promise<Credentials> {
  const period = { notBefore: Date.now() - YEAR, notAfter: Date.now() + YEAR };
  const ca = issueCa({ subject: "CN=Keyherald CA,O=Keyherald", algorithm, ...period });
  const own = issueCertificate({
    subject: "CN=gm.example,O=Keyherald",
    algorithm,
    ca,
    dnsNames: ["gm.example"],
    addresses: [pair.left.address],
    ...period,
  });
  return {
    theirs: await charonPki(algorithm, "charon.example"),
    anchor: ca.certificatePem,
    certificate: own.certificatePem,
    key: own.keyPem,
  };
}

function certified(
  { theirs, anchor, certificate, key }: Credentials,
  authentication: Exclude<AuthenticationName, "psk">,
  ids: { readonly ours: string | undefined; readonly charon: string | undefined },
  changed: Partial<DriverSpec> = {},
): Agreement {
  return {
    name: authentication,
    ours: {
      proposals: [proposal({ authentication })],
      certificate,
      key,
      anchors: [theirs.anchor],
      ...(ids.ours === undefined ? {} : { identity: ids.ours }),
      ...changed,
    },
    charon: {
      proposal: "aes256-sha256-ecp256",
      authentication: "pubkey",
      ...(ids.charon === undefined ? {} : { localId: ids.charon }),
      remoteId: ids.ours === undefined ? "O=Keyherald, CN=gm.example" : ids.ours.replace(/^fqdn:/, ""),
      certificate: theirs.certificate,
      key: theirs.key,
      anchors: [anchor],
    },
    peer: ids.charon === undefined ? "dn:CN=charon.example,O=strongSwan,C=CH" : `fqdn:${ids.charon}`,
  };
}

async function configure({ charon: theirs }: Agreement, port = 500): Promise<void> {
  await charon.configure({
    localAddress: pair.right.address,
    remoteAddress: pair.left.address,
    remotePort: port,
    ...theirs,
  });
}

/** We initiate from and to UDP 500 (charon does not hear strangers on 848); then we delete the SA, and charon follows. */
async function initiated(agreement: Agreement): Promise<readonly string[]> {
  await configure(agreement);
  await using ours = await Ours.start(agreement.ours, 500);
  ours.command("initiate");
  const established = await ours.line("established");
  expect(established.peer).toBe(agreement.peer);
  await charon.listed(new RegExp(`ESTABLISHED, IKEv1, ${established.cookie}_i`));
  ours.command("delete");
  await charon.listed(/^\s*$/);
  return ours.notes();
}

/** charon initiates to UDP 848, and deletes the SA afterwards; we follow. */
async function answered(agreement: Agreement): Promise<readonly string[]> {
  await configure(agreement, 848);
  await using ours = await Ours.start(agreement.ours, 848);
  await charon.initiate();
  const established = await ours.line("established");
  expect(established.peer).toBe(agreement.peer);
  expect(established.role).toBe("responder");
  await charon.listed(new RegExp(`ESTABLISHED, IKEv1, ${established.cookie}_i`));
  await charon.terminate();
  expect((await ours.line("deleted")).by).toBe("peer");
  return ours.notes();
}

describe("pre-shared keys with strongSwan", () => {
  for (const agreement of pskAgreements) {
    test(`we initiate: ${agreement.name}`, async () => {
      await initiated(agreement);
    });
    test(`charon initiates: ${agreement.name}`, async () => {
      await answered(agreement);
    });
  }

  test("we initiate: charon chooses the one of our transforms that it has", async () => {
    const one = psk("several", proposal(), "aes128-sha512-ecp384");
    const proposals = [proposal(), proposal({ keyBits: 128, hash: "sha512", group: 20 }), proposal({ group: 14 })];
    await initiated({ ...one, ours: { ...one.ours, proposals } });
  });

  test("charon initiates: the first of its transforms that we have", async () => {
    const one = psk(
      "several",
      proposal({ group: 20 }),
      "aes256-sha256-modp2048,aes256-sha256-ecp384,aes256-sha256-ecp256",
    );
    await answered(one);
  });

  test("we initiate with another key: the attempt fails, saying why", async () => {
    const one = psk("wrong key", proposal(), "aes256-sha256-ecp256", { psk: "another" });
    await configure(one);
    await using ours = await Ours.start(one.ours, 500);
    ours.command("initiate");
    const failed = await ours.line("failed");
    expect(failed.why).toMatch(/wrong pre-shared key|PAYLOAD_MALFORMED|INVALID_HASH/);
  });

  test("charon initiates with another key: it is refused, counted and told", async () => {
    const one = psk("wrong key", proposal(), "aes256-sha256-ecp256", { psk: "another" });
    await configure(one, 848);
    await using ours = await Ours.start(one.ours, 848);
    await expect(charon.initiate()).rejects.toThrow();
    expect((await ours.line("failed")).why).toMatch(/^wrong pre-shared key or/);
  });

  test("we initiate with nothing that charon has: its notification explains the failure", async () => {
    const one = psk("no proposal", proposal({ group: 20 }), "aes256-sha256-ecp256");
    await configure(one);
    await using ours = await Ours.start(one.ours, 500);
    ours.command("initiate");
    expect(await ours.line("failed")).toMatchObject({
      code: "refused-by-peer",
      why: expect.stringContaining("NO_PROPOSAL_CHOSEN"),
    });
  });

  test("charon initiates with nothing that we have: it hears NO_PROPOSAL_CHOSEN", async () => {
    const one = psk("no proposal", proposal({ group: 20 }), "aes256-sha256-ecp256");
    await configure(one, 848);
    await using ours = await Ours.start(one.ours, 848);
    await expect(charon.initiate()).rejects.toThrow();
    expect((await ours.line("failed")).code).toBe("no-proposal-chosen");
    expect(await charon.log()).toContain("received NO_PROPOSAL_CHOSEN error notify");
  });
});

describe("RSA certificates with strongSwan", () => {
  let rsa: Credentials;
  beforeAll(async () => {
    rsa = await credentials({ kind: "rsa", bits: 2048 });
  });

  test("we initiate, host names as identities", async () => {
    const notes = await initiated(certified(rsa, "rsa", { ours: "fqdn:gm.example", charon: "charon.example" }));
    expect(notes).toEqual(["signature: rsa without DigestInfo"]);
  });

  test("charon initiates, host names as identities", async () => {
    await answered(certified(rsa, "rsa", { ours: "fqdn:gm.example", charon: "charon.example" }));
  });

  test("we initiate, subjects of the certificates as identities", async () => {
    await initiated(certified(rsa, "rsa", { ours: undefined, charon: undefined }));
  });

  test("charon initiates, subjects as identities, its own written anew in another string type", async () => {
    const one = certified(rsa, "rsa", { ours: undefined, charon: "C=CH, O=strongSwan, CN=charon.example" });
    await answered({ ...one, peer: "dn:CN=charon.example,O=strongSwan,C=CH" });
  });

  test("we initiate without trusting charon's authority: the attempt fails with its reason", async () => {
    const one = certified(rsa, "rsa", { ours: "fqdn:gm.example", charon: "charon.example" }, { anchors: [rsa.anchor] });
    await configure(one);
    await using ours = await Ours.start(one.ours, 500);
    ours.command("initiate");
    expect((await ours.line("failed")).code).toBe("invalid-certificate");
  });
});

describe("ECDSA certificates with strongSwan, which signs HASH itself", () => {
  for (const [authentication, curve, hash] of [
    ["ecdsa-256", "P-256", "sha256"],
    ["ecdsa-384", "P-384", "sha384"],
    ["ecdsa-521", "P-521", "sha512"],
  ] as const) {
    test(`both roles: ${authentication}`, async () => {
      const ecdsa = await credentials({ kind: "ecdsa", curve });
      const ids = { ours: "fqdn:gm.example", charon: "charon.example" };
      const one = certified(ecdsa, authentication, ids, { ecdsaSigns: "HASH" });
      expect(await initiated(one)).toEqual([`signature: ecdsa over ${hash} HASH`]);
      expect(await answered(one)).toEqual([`signature: ecdsa over ${hash} HASH`]);
    });
  }

  test("it refuses the reading of RFC 4754, and we say what it says", async () => {
    const ecdsa = await credentials({ kind: "ecdsa", curve: "P-256" });
    const one = certified(ecdsa, "ecdsa-256", { ours: "fqdn:gm.example", charon: "charon.example" });
    await configure(one);
    await using ours = await Ours.start(one.ours, 500);
    ours.command("initiate");
    expect(await ours.line("failed")).toMatchObject({
      code: "refused-by-peer",
      why: "the peer refuses: AUTHENTICATION_FAILED",
    });
  });
});
