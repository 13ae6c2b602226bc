/** One engine on UDP sockets of this process: no store and no daemon, so a test can hand in its own cryptography. */
import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import type { Datagram, Endpoint, Engine, Env, Input, Output, Plain } from "../../src/core/engine.ts";
import { nodeRandom } from "../../src/crypto/node/index.ts";
import type { CryptoProvider } from "../../src/crypto/provider.ts";

/** A socket, and what it is bound to. */
export interface BoundSocket {
  readonly socket: Socket;
  readonly local: Endpoint;
}

/** What a test sees of a host, and may hold back. */
export interface HostWatch {
  /** Everything that the engine puts out, before it is carried out. */
  output?(output: Output): void;
  /** A datagram that is about to be sent or taken in: not if it answers false. */
  passes?(direction: "in" | "out", datagram: Datagram): boolean;
}

export class SocketHost<C, E extends Engine<C>> implements Disposable {
  readonly engine: E;
  readonly #sockets: readonly BoundSocket[];
  readonly #crypto: CryptoProvider;
  readonly #watch: HostWatch;
  readonly #asked = new Map<number, { resolve(reply: Plain): void; reject(why: Error): void }>();
  #timer: NodeJS.Timeout | undefined;
  #commands = 0;
  #ended = false;

  constructor(engine: E, sockets: readonly BoundSocket[], crypto: CryptoProvider, watch: HostWatch = {}) {
    this.engine = engine;
    this.#sockets = sockets;
    this.#crypto = crypto;
    this.#watch = watch;
    for (const { socket, local } of sockets) {
      socket.on("message", (bytes, { address, port }) => {
        const datagram = { from: { address, port }, via: local, bytes: new Uint8Array(bytes) };
        if (watch.passes?.("in", datagram) ?? true) this.take(datagram);
      });
    }
    this.#carryOut(engine.restore([], this.#env()));
  }

  command(command: C): void {
    this.ask(command).catch(() => undefined);
  }

  /** Gives a command and waits for its reply. @throws with the code and the message of a refusal */
  ask(command: C): Promise<Plain> {
    this.#commands += 1;
    const id = this.#commands;
    return new Promise((resolve, reject) => {
      this.#asked.set(id, { resolve, reject });
      this.#step({ in: "command", id, command });
    });
  }

  /** A datagram comes in that was held back. */
  take(datagram: Datagram): void {
    this.#step({ in: "datagram", ...datagram });
  }

  /** A datagram goes out that was held back: `via` is the socket, `from` the peer. */
  give({ from, via, bytes }: Datagram): void {
    const bound = this.#sockets.find(({ local }) => local.port === via.port && local.address === via.address);
    bound?.socket.send(bytes, from.port, from.address);
  }

  /** Its sockets are closed and nothing is sent: as `kill -9`. */
  [Symbol.dispose](): void {
    this.#ended = true;
    clearTimeout(this.#timer);
    for (const { socket } of this.#sockets) socket.close();
  }

  #env(): Env {
    return { now: Date.now(), random: nodeRandom, crypto: this.#crypto };
  }

  #step(input: Input<C>): void {
    if (!this.#ended) this.#carryOut(this.engine.step(input, this.#env()));
  }

  #carryOut(outputs: readonly Output[]): void {
    for (const output of outputs) {
      this.#watch.output?.(output);
      if (output.out === "send") {
        const datagram = { from: output.to, via: output.from, bytes: output.bytes };
        if (this.#watch.passes?.("out", datagram) ?? true) this.give(datagram);
      }
      if (output.out === "wake") this.#wake(output.at);
      if (output.out === "work") {
        const { id, job } = output;
        void this.#crypto
          .verifyChain(job.request)
          .then((verdict) => this.#step({ in: "done", id, result: { job: "verify-chain", verdict } }));
      }
      if (output.out === "reply") this.#answer(output.id)?.resolve(output.reply);
      if (output.out === "refuse") {
        const { code, message } = output.refusal;
        this.#answer(output.id)?.reject(new Error(`${code}: ${message}`));
      }
    }
  }

  #answer(id: number) {
    const asked = this.#asked.get(id);
    this.#asked.delete(id);
    return asked;
  }

  #wake(at: number): void {
    clearTimeout(this.#timer);
    if (at === Number.POSITIVE_INFINITY) return;
    this.#timer = setTimeout(() => this.#step({ in: "deadline" }), Math.min(Math.max(0, at - Date.now()), 60_000));
  }
}

/** A socket on `address` and a free port. */
export async function boundSocket(address: string): Promise<BoundSocket> {
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
