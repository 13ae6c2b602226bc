/**
 * Phase 1 on a socket, as a process that a test starts in a network namespace: `node phase1-driver.ts SPEC.json`. It
 * writes what it is told by Phase 1 as lines of JSON, and takes `delete` and `initiate` as lines on its standard input.
 */
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import type { Env, Input, Output } from "../../src/core/engine.ts";
import { identityText } from "../../src/core/identity.ts";
import { nodeCrypto } from "../../src/crypto/node/index.ts";
import { certificatesFrom } from "../../src/crypto/node/pem.ts";
import { IdType } from "../../src/iana/isakmp.ts";
import type { LocalCredentials, Phase1Proposal, Phase1Upcall } from "../../src/ikev1/types.ts";
import { hex, utf8 } from "../../src/util/octets.ts";
import { identity, type Phase1Command, Phase1Engine, policy, secret } from "./phase1.ts";
import { SocketHost } from "./socket-host.ts";

/** What the test wants; octets as PEM. */
export interface DriverSpec {
  readonly local: { readonly address: string; readonly port: number };
  /** Where `initiate` goes. */
  readonly remote: { readonly address: string; readonly port: number };
  readonly proposals: readonly Phase1Proposal[];
  /** Left out: the subject of the certificate. */
  readonly identity?: string;
  readonly peerIdentity?: string;
  readonly psk?: string;
  readonly certificate?: string;
  readonly key?: string;
  readonly anchors?: readonly string[];
  readonly doi?: 1 | 2;
  readonly ecdsaSigns?: "hash-of-HASH" | "HASH";
}

/** One line of output. */
export type DriverLine =
  | { readonly line: "ready" }
  | {
      readonly line: "established";
      readonly peer: string;
      readonly role: string;
      readonly cookie: string;
      readonly key: string;
    }
  | { readonly line: "failed"; readonly code: string; readonly why: string }
  | { readonly line: "deleted"; readonly by: string }
  | { readonly line: "notification"; readonly type: number }
  | { readonly line: "event"; readonly kind: string; readonly reason?: string; readonly notes?: readonly string[] };

function say(line: DriverLine): void {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}

function tell(upcall: Phase1Upcall): void {
  if (upcall.up === "failed") say({ line: "failed", code: upcall.code, why: upcall.why });
  else if (upcall.up === "deleted") say({ line: "deleted", by: upcall.by });
  else if (upcall.up === "notification") say({ line: "notification", type: upcall.notification.notifyType });
  else {
    const { peerIdentity, role, initiatorCookie, encryptionKey } = upcall.sa;
    say({
      line: "established",
      peer: identityText(peerIdentity, nodeCrypto),
      role,
      cookie: hex(initiatorCookie),
      key: hex(nodeCrypto.exportSecret(encryptionKey)),
    });
  }
}

/** Says what happens as it happens. */
class TalkingEngine extends Phase1Engine {
  override step(input: Input<Phase1Command>, env: Env): Output[] {
    const before = this.upcalls.length;
    const out = super.step(input, env);
    for (const upcall of this.upcalls.slice(before)) tell(upcall);
    for (const output of out) {
      if (output.out !== "event") continue;
      const { kind, reason, figures } = output.event;
      const notes = figures?.["notes"];
      say({
        line: "event",
        kind,
        ...(reason === undefined ? {} : { reason }),
        ...(Array.isArray(notes) ? { notes } : {}),
      });
    }
    return out;
  }
}

function credentials(spec: DriverSpec): LocalCredentials {
  const certificates = spec.certificate === undefined ? [] : certificatesFrom(utf8(spec.certificate));
  const [leaf] = certificates;
  const subject = leaf === undefined ? new Uint8Array(0) : nodeCrypto.parseCertificate(leaf).subject;
  return {
    identity: spec.identity === undefined ? { type: IdType.ID_DER_ASN1_DN, data: subject } : identity(spec.identity),
    certificates,
    ...(spec.key === undefined ? {} : { signer: nodeCrypto.importSigner(spec.key) }),
  };
}

async function main(file: string): Promise<void> {
  const spec: DriverSpec = JSON.parse(readFileSync(file, "utf8"));
  const engine = new TalkingEngine(
    policy({
      local: credentials(spec),
      proposals: spec.proposals,
      peers: [
        {
          name: "peer",
          addresses: [],
          ...(spec.psk === undefined ? {} : { psk: secret(spec.psk) }),
          ...(spec.peerIdentity === undefined ? {} : { identity: identity(spec.peerIdentity) }),
        },
      ],
      anchors: (spec.anchors ?? []).flatMap((pem) => certificatesFrom(utf8(pem))),
      doi: spec.doi ?? 2,
      ecdsaSigns: spec.ecdsaSigns ?? "hash-of-HASH",
      retransmission: { firstMs: 500, factor: 1.5, maxMs: 2000, tries: 4 },
    }),
  );
  const socket = createSocket("udp4");
  socket.bind(spec.local.port, spec.local.address);
  await once(socket, "listening");
  using host = new SocketHost(engine, [{ socket, local: spec.local }], nodeCrypto);
  say({ line: "ready" });
  for await (const line of createInterface(process.stdin)) {
    if (line === "initiate") host.command({ local: spec.local, remote: spec.remote, peer: "peer" });
    if (line === "delete") host.command({ deleteAll: true });
  }
}

await main(process.argv[2] ?? "");
