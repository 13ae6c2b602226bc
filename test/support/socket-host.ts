/** One engine on a UDP socket of this process: no store and no daemon, so a test can hand in its own cryptography. */
import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import type { Endpoint, Engine, Env, Input, Output } from "../../src/core/engine.ts";
import { nodeRandom } from "../../src/crypto/node/index.ts";
import type { CryptoProvider } from "../../src/crypto/provider.ts";

export class SocketHost<C, E extends Engine<C>> implements Disposable {
  readonly engine: E;
  readonly #socket: Socket;
  readonly #local: Endpoint;
  readonly #crypto: CryptoProvider;
  #timer: NodeJS.Timeout | undefined;
  #commands = 0;

  /** `socket` is bound to `local`; see `boundSocket`. */
  constructor(engine: E, socket: Socket, local: Endpoint, crypto: CryptoProvider) {
    this.engine = engine;
    this.#socket = socket;
    this.#local = local;
    this.#crypto = crypto;
    socket.on("message", (bytes, { address, port }) => {
      const from = { address, port };
      this.#step({ in: "datagram", from, via: this.#local, bytes: new Uint8Array(bytes) });
    });
    this.#carryOut(engine.restore([], this.#env()));
  }

  command(command: C): void {
    this.#commands += 1;
    this.#step({ in: "command", id: this.#commands, command });
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
    this.#socket.close();
  }

  #env(): Env {
    return { now: Date.now(), random: nodeRandom, crypto: this.#crypto };
  }

  #step(input: Input<C>): void {
    this.#carryOut(this.engine.step(input, this.#env()));
  }

  #carryOut(outputs: readonly Output[]): void {
    for (const output of outputs) {
      if (output.out === "send") this.#socket.send(output.bytes, output.to.port, output.to.address);
      if (output.out === "wake") this.#wake(output.at);
      if (output.out === "work") {
        const { id, job } = output;
        void this.#crypto
          .verifyChain(job.request)
          .then((verdict) => this.#step({ in: "done", id, result: { job: "verify-chain", verdict } }));
      }
    }
  }

  #wake(at: number): void {
    clearTimeout(this.#timer);
    if (at === Number.POSITIVE_INFINITY) return;
    this.#timer = setTimeout(() => this.#step({ in: "deadline" }), Math.min(Math.max(0, at - Date.now()), 60_000));
  }
}

/** A socket on `address` and a free port. */
export async function boundSocket(address: string): Promise<{ socket: Socket; local: Endpoint }> {
  const socket = createSocket("udp4");
  socket.bind(0, address);
  await once(socket, "listening");
  return { socket, local: { address, port: socket.address().port } };
}

/** The provider, and the first key that it was asked to encrypt with: at a member, that of Phase 1. */
export function watched(crypto: CryptoProvider): { crypto: CryptoProvider; firstKey(): Uint8Array | undefined } {
  let first: Uint8Array | undefined;
  return {
    crypto: {
      ...crypto,
      aesCbcEncrypt: (key, iv, plaintext) => {
        first ??= crypto.exportSecret(key);
        return crypto.aesCbcEncrypt(key, iv, plaintext);
      },
    },
    firstKey: () => first,
  };
}
