/** Data-Security SAs as a member hands them to the data plane. */
import { nodeCrypto } from "../../src/crypto/node/index.ts";
import type { GroupSa } from "../../src/sad/sad.ts";
import { u32 } from "../../src/util/octets.ts";
import { oidOctets } from "../../src/util/oid.ts";

const none = new Uint8Array(0);

/** `octets` octets that count from `first`. */
export function key(octets: number, first = 0) {
  return nodeCrypto.importSecret(Uint8Array.from({ length: octets }, (_, i) => first + i));
}

/** A generation of a stream of IEC 61850 under AES-GCM-128, in use from 1 000 to 2 000. */
export function streamSa(spi: number, changes: Partial<GroupSa> = {}): GroupSa {
  return {
    group: "substation",
    protocol: 3,
    spi: u32(spi),
    algorithmKey: key(20),
    activateAt: 1_000,
    expiresAt: 2_000,
    stream: "goose",
    policy: none,
    iec61850: {
      oid: oidOctets("1.2.840.10070.61850.8.1.2") ?? none,
      oidSpecificPayload: none,
      authAlg: 1,
      encAlg: 4,
    },
    sids: [],
    sidBits: 0,
    ...changes,
  };
}
