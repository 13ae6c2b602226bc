/** A gateway and its clients, as the benchmarks of IKEv2 have them: PSK, Curve25519, AES-GCM-128, one Child SA. */
import { nodeCrypto } from "../src/crypto/node/index.ts";
import { nodeRandom } from "../src/crypto/node/random.ts";
import type { Ikev2Policy } from "../src/ikev2/types.ts";
import { childPolicy, connection, esp, identity, ike, ikev2Policy } from "../test/support/ikev2.ts";

export const gatewayAddress = "192.0.2.1";

const hour = 3_600_000;

/** Real randomness, and a time that the caller moves. */
export function benchEnv() {
  return { now: Date.UTC(2026, 0, 1), random: nodeRandom, crypto: nodeCrypto };
}

/** Takes anybody who has the key, with the times of a configuration that says nothing of them. */
export function gatewayPolicy(): Ikev2Policy {
  const usual = connection("right");
  const times = { rekeyMs: 4 * hour, lifetimeMs: 4.4 * hour, jitter: 0.1 };
  const anybody = connection("right", {
    ...times,
    remote: { ...usual.remote, endpoint: undefined, identity: undefined },
    children: [
      childPolicy("right", { localSelectors: [], remoteSelectors: [], rekeyMs: hour, lifetimeMs: 1.1 * hour }),
    ],
  });
  return ikev2Policy(gatewayAddress, [anybody], {
    halfOpen: { total: 4096, perSource: 64, cookieFrom: 4096, timeoutMs: 30_000 },
  });
}

/** One of many clients. */
export function clientPolicy(address: string, name: string): Ikev2Policy {
  const usual = connection("left");
  const client = connection("left", {
    local: { ...usual.local, identity: identity(name) },
    remote: { ...usual.remote, endpoint: { address: gatewayAddress, port: 500 } },
    ikeProposals: ike("aes-gcm-16-128 / prf-hmac-sha256 / curve25519"),
    children: [childPolicy("left", { proposals: esp("aes-gcm-16-128"), localSelectors: [], remoteSelectors: [] })],
  });
  return ikev2Policy(address, [client]);
}
