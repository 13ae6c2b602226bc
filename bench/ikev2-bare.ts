/** The cryptographic operations that a responder cannot do a handshake without, each as this runtime does it fastest. */
import { timingSafeEqual } from "node:crypto";
import { nodeCrypto } from "../src/crypto/node/index.ts";
import { nodeRandom } from "../src/crypto/node/random.ts";
import { threadMs } from "./storm-network.ts";

const CURVE25519 = 31;

/** Times them one by one, sample after sample. */
export class BareHandshake {
  readonly #totals = new Map<string, { ms: number; times: number }>();
  readonly #work: readonly { readonly name: string; readonly run: () => unknown }[];

  constructor() {
    const peer = nodeCrypto.keyExchange(CURVE25519);
    const secret = new Uint8Array(32).fill(7);
    const nonces = new Uint8Array(64).fill(9);
    const key = nodeCrypto.importSecret(secret);
    const cipherKey = nodeCrypto.importSecret(secret.subarray(0, 16));
    const nonce = new Uint8Array(12);
    const header = new Uint8Array(32);
    const content = new Uint8Array(200);
    const sealed = nodeCrypto.aeadSeal("aes-gcm", cipherKey, nonce, content, header);
    const hmacs = (...lengths: readonly number[]) =>
      lengths.map((octets) => nodeCrypto.hmac("sha256", key, nonces.subarray(0, octets)));
    this.#work = [
      { name: "key exchange", run: () => nodeCrypto.keyExchange(CURVE25519).agree(peer.publicValue) },
      // SKEYSEED, the 136 octets of SK_*, and 40 octets of KEYMAT for the Child SA
      { name: "keys", run: () => [hmacs(32), hmacs(64, 64, 64, 64, 64), hmacs(64, 64)] },
      // of both sides: MACedID, and AUTH under a key that can be kept; the peer's is compared
      { name: "proofs", run: () => timingSafeEqual(hmacs(16, 64, 16, 64)[1] ?? nonce, secret) },
      { name: "AEAD", run: () => nodeCrypto.aeadOpen("aes-gcm", cipherKey, nonce, sealed, header) },
      { name: "AEAD", run: () => nodeCrypto.aeadSeal("aes-gcm", cipherKey, nonce, content, header) },
      // NAT detection
      { name: "hashes", run: () => [1, 2, 3, 4].map(() => nodeCrypto.hash("sha1", header)) },
      { name: "chance", run: () => [nodeRandom.octets(32), nodeRandom.octets(8), nodeRandom.octets(4)] },
    ];
  }

  /** Each so many times. */
  sample(times: number): void {
    for (const { name, run } of this.#work) {
      const before = threadMs();
      for (let i = 0; i < times; i++) run();
      const ms = threadMs() - before;
      const total = this.#totals.get(name) ?? { ms: 0, times: 0 };
      this.#totals.set(name, { ms: total.ms + ms, times: total.times + times });
    }
  }

  /** Of all, once. */
  microseconds(): number {
    return [...this.#each().values()].reduce((sum, each) => sum + each, 0);
  }

  text(): string {
    return [...this.#each()].map(([name, each]) => `${name} ${each.toFixed(1)} us`).join(", ");
  }

  #each(): Map<string, number> {
    return new Map([...this.#totals].map(([name, { ms, times }]) => [name, (ms / times) * 1000]));
  }
}
