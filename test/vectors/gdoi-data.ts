/** The worked examples of GDOI (test/vectors/data): their shape, and what tests make of them. */
import { readFileSync } from "node:fs";
import type { Env } from "../../src/core/engine.ts";
import { nodeCrypto } from "../../src/crypto/node/index.ts";
import type { KeyAlgorithm, Signer } from "../../src/crypto/provider.ts";
import { seededRandom } from "../../src/crypto/seeded.ts";
import type { Phase1Sa } from "../../src/ikev1/types.ts";
import { fromHex } from "../../src/util/octets.ts";

export interface PullMessage {
  readonly hash_input: string;
  readonly hash: string;
  readonly iv: string;
  readonly plaintext: string;
  readonly ciphertext: string;
  readonly datagram: string;
}

export interface Tek {
  readonly protocol: number;
  readonly spi: string;
  readonly tek_algorithm_key?: string;
  readonly tek_integrity_key?: string;
}

export interface Pull {
  readonly member?: number;
  readonly mid: number;
  readonly group: number;
  readonly ni: string;
  readonly nr: string;
  readonly spi: string;
  readonly kek_algorithm_key: string;
  readonly seq: number;
  readonly teks: readonly Tek[];
  readonly sids: readonly number[];
  readonly message1: PullMessage;
  readonly message2: PullMessage;
  readonly message3: PullMessage;
  readonly message4: PullMessage;
}

export interface Ack {
  readonly type: number;
  readonly member: string;
  readonly base_key: string;
  readonly ack_key: string;
  readonly ack_hash_input: string;
  readonly hash: string;
  readonly datagram: string;
}

export interface Push {
  readonly name: string;
  readonly spi: string;
  readonly seq: number;
  readonly iv: string;
  readonly key: string;
  readonly payloads: readonly { readonly type: string; readonly offset: number; readonly octets: string }[];
  readonly hdr: string;
  readonly signed: string;
  readonly digest: string;
  readonly signature: string;
  readonly plaintext: string;
  readonly ciphertext: string;
  readonly datagram: string;
  readonly new_spi?: string;
  readonly new_kek_algorithm_key?: string;
  readonly teks?: readonly Tek[];
  readonly acks: readonly Ack[];
}

export interface PushCase {
  readonly name: string;
  readonly sig_algorithm: number;
  readonly sig_hash: string;
  readonly kek_key_length: 128 | 256;
  readonly private_key_pkcs8: string;
  readonly public_key: string;
  readonly pull: Pull;
  readonly pushes: readonly Push[];
}

interface Phase1Data {
  readonly icookie: string;
  readonly rcookie: string;
  readonly idii_b: string;
  readonly idir_b: string;
  readonly skeyid_a: string;
  readonly key: string;
  readonly last_block: string;
}

export interface NodeData {
  readonly id: number;
  readonly handle: number;
  readonly lkh_key_data: string;
}

export interface LkhData extends Omit<PushCase, "pull"> {
  readonly tree: readonly NodeData[];
  readonly created: number;
  readonly expires: number;
  readonly downloads: readonly {
    readonly member: number;
    readonly leaf: number;
    readonly path: readonly number[];
    readonly array: string;
    readonly keys: readonly NodeData[];
    readonly lkh_kek: string;
  }[];
  readonly pulls: readonly Pull[];
  readonly spi: string;
  readonly put_out: number;
  readonly update_arrays: readonly {
    readonly lkh_id: number;
    readonly key_handle: number;
    readonly octets: string;
    readonly wrapping_key_data: string;
    readonly keys: readonly (NodeData & { readonly encrypted_key_data: string })[];
  }[];
  readonly after: readonly {
    readonly member: number;
    readonly uses_arrays: readonly number[];
    readonly changed: readonly number[];
    readonly keys: readonly NodeData[] | null;
    readonly lkh_kek: string | null;
  }[];
  readonly new_spi: string;
  readonly new_kek: string;
}

export interface AckVector {
  readonly type: string;
  readonly value: number;
  readonly kek_algorithm_key_with_iv: string;
  readonly base_key: string;
  readonly spi: string;
  readonly sequence_number: number;
  readonly id_type: number;
  readonly id_address: string;
  readonly ack_key: string;
  readonly hash: string;
  readonly datagram: string;
}

/** A file of test/vectors/data, in the shape that its reader states. */
function load<T>(file: string): T {
  return JSON.parse(readFileSync(new URL(`data/${file}`, import.meta.url), "utf8")) as T;
}

export const pushData = load<{ readonly phase1: Phase1Data; readonly cases: readonly PushCase[] }>("gdoi-push.json");
export const lkhData = load<LkhData>("gdoi-lkh.json");
export const ackData = load<{ readonly vectors: readonly AckVector[] }>("rfc8263-ack.json").vectors;

export const env: Env = { now: 1_700_000_000_000, random: seededRandom(1), crypto: nodeCrypto };

/** The Phase 1 SA that all PULLs of the vectors run under. */
export function phase1Sa(role: "initiator" | "responder"): Phase1Sa {
  const { icookie, rcookie, idii_b, idir_b, skeyid_a, key, last_block } = pushData.phase1;
  const initiator = { type: 1, data: fromHex(idii_b).subarray(4) };
  const responder = { type: 1, data: fromHex(idir_b).subarray(4) };
  const own = role === "initiator";
  return {
    id: icookie + rcookie,
    initiatorCookie: fromHex(icookie),
    responderCookie: fromHex(rcookie),
    role,
    local: { address: own ? "192.0.2.10" : "192.0.2.1", port: 848 },
    remote: { address: own ? "192.0.2.1" : "192.0.2.10", port: 848 },
    localIdentity: own ? initiator : responder,
    peerIdentity: own ? responder : initiator,
    peerName: "peer",
    proposal: { cipher: "aes-cbc", keyBits: 256, hash: "sha256", group: 19, authentication: "psk" },
    doi: 2,
    skeyidA: nodeCrypto.importSecret(fromHex(skeyid_a)),
    encryptionKey: nodeCrypto.importSecret(fromHex(key)),
    lastBlock: fromHex(last_block),
    establishedAt: env.now,
    expiresAt: env.now + 86_400_000,
  };
}

/** SIG_HASH_ALGORITHM of a vector's hash name. */
export function sigHash(name: string): 3 | 4 | 5 {
  return name === "sha256" ? 3 : name === "sha384" ? 4 : 5;
}

/** A signer that gives the vector's signature (ECDSA is randomized) and keeps what it was asked to sign. */
export class GivenSignature implements Signer {
  readonly algorithm: KeyAlgorithm;
  readonly publicKey: Uint8Array;
  readonly #signature: Uint8Array;
  signed: Uint8Array = new Uint8Array(0);

  constructor(real: Signer, signature: Uint8Array) {
    this.algorithm = real.algorithm;
    this.publicKey = real.publicKey;
    this.#signature = signature;
  }

  sign(_scheme: unknown, data: Uint8Array): Uint8Array {
    this.signed = data;
    return this.#signature;
  }
}
