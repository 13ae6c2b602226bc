/** A key server with many registered members, without the hours of registrations: they come out of stored records. */
import type { Env, Output, StoreRecord } from "../src/core/engine.ts";
import { identityKey } from "../src/core/identity.ts";
import { nodeCrypto } from "../src/crypto/node/index.ts";
import type { Signer } from "../src/crypto/provider.ts";
import { seededRandom } from "../src/crypto/seeded.ts";
import { GcksEngine } from "../src/gdoi/gcks/engine.ts";
import type { GcksPolicy } from "../src/gdoi/gcks/types.ts";
import { addressText } from "../src/util/address.ts";
import { u32 } from "../src/util/octets.ts";
import { gcksPolicy, groupPolicy, pushSigner } from "../test/support/group.ts";

export const GROUP = "plant";
const LOOPBACK = 0x7f000000;

/** An environment whose time the caller moves. */
export function benchEnv(): { -readonly [K in keyof Env]: Env[K] } {
  return { now: Date.UTC(2026, 0, 1), random: seededRandom(1), crypto: nodeCrypto };
}

/** Octets of the n-th member's address, within 127.0.0.0/8. */
export function memberOctets(n: number): Uint8Array {
  return u32(LOOPBACK + 256 + n);
}

export function memberAddress(n: number): string {
  return addressText(memberOctets(n)) ?? "";
}

/** A policy whose signer counts. */
export function countingPolicy(): { readonly policy: GcksPolicy; readonly signatures: () => number } {
  let signatures = 0;
  const own = pushSigner();
  const signer: Signer = {
    algorithm: own.algorithm,
    publicKey: own.publicKey,
    sign(scheme, data) {
      signatures += 1;
      return own.sign(scheme, data);
    },
  };
  const acks = { retransmitAfterMs: [], missingAfterMs: 10_000 };
  const group = groupPolicy({ acks, kek: { signature: { algorithm: 4, hash: 3, signer } } });
  return { policy: gcksPolicy([group]), signatures: () => signatures };
}

/** A key server that comes back with so many members, all at `port`. */
export function withMembers(policy: GcksPolicy, members: number, port: number, env: Env) {
  const records = new Map<string, StoreRecord>();
  const keep = (outputs: readonly Output[]) => {
    for (const output of outputs) {
      if (output.out === "persist") records.set(`${output.record.kind} ${output.record.key}`, output.record);
    }
  };
  keep(new GcksEngine(policy).restore([], env));
  for (let n = 0; n < members; n++) {
    const record = memberRecord(n, port, env.now);
    records.set(`${record.kind} ${record.key}`, record);
  }
  const engine = new GcksEngine(policy);
  keep(engine.restore(records.values(), env));
  return { engine, records, keep };
}

function memberRecord(n: number, port: number, now: number): StoreRecord {
  const identity = identityKey({ type: 1, data: memberOctets(n) });
  const address = memberAddress(n);
  const value = {
    commits: 1,
    slot: n,
    identity,
    name: address,
    standing: "registered",
    address,
    port,
    localAddress: "127.0.0.1",
    localPort: 848,
    registeredAt: now - 1,
    registrations: 1,
    epoch: 1,
    sidFrom: n,
    sidCount: 1,
    generation: 1,
    leaf: 0,
    keyless: false,
    missed: 0,
    missedNumber: 0,
  };
  return { kind: "gcks.member", key: `${GROUP}/${identity}`, value };
}
