/** Our IKEv2 on the sockets of a network namespace, in this process. */
import { setTimeout as sleep } from "node:timers/promises";
import type { Datagram, Output, Plain } from "../../src/core/engine.ts";
import { nodeCrypto } from "../../src/crypto/node/index.ts";
import { Ikev2Engine } from "../../src/ikev2/engine.ts";
import type { Ikev2Command, Ikev2Policy } from "../../src/ikev2/types.ts";
import type { LedgerEvent } from "../../src/ledger/event.ts";
import type { ChildSaPair } from "../../src/sad/sad.ts";
import { hex, isZero } from "../../src/util/octets.ts";
import type { Namespace } from "./namespace.ts";
import { boundIn } from "./namespace-socket.ts";
import type { CapturedDatagram } from "./pcap.ts";
import { SocketHost } from "./socket-host.ts";

interface Held {
  readonly direction: "in" | "out";
  readonly datagram: Datagram;
}

export class Ikev2Peer implements Disposable {
  readonly events: LedgerEvent[] = [];
  readonly keyLog: string[] = [];
  /** All that it sent and received, in order, as a capture has it. */
  readonly datagrams: CapturedDatagram[] = [];
  /** Pairs of ESP SAs that the data plane has now, by inbound SPI; and all it ever had. */
  readonly pairs = new Map<string, ChildSaPair>();
  readonly allPairs: ChildSaPair[] = [];
  /** What becomes of an ESP packet in UDP: what it returns is sent back. */
  esp: (packet: Uint8Array) => Uint8Array | undefined = () => undefined;
  readonly #host: SocketHost<Ikev2Command, Ikev2Engine>;
  #held: readonly Held[] = [];
  #holds: ((direction: "in" | "out", datagram: Datagram) => boolean) | undefined;
  #drops: ((direction: "in" | "out", datagram: Datagram) => boolean) | undefined;
  #ended = false;

  private constructor(policy: Ikev2Policy, sockets: ConstructorParameters<typeof SocketHost>[1]) {
    this.#host = new SocketHost(new Ikev2Engine(policy), sockets, nodeCrypto, {
      output: (output) => this.#note(output),
      passes: (direction, datagram) => {
        if (this.#drops?.(direction, datagram)) return false;
        if (this.#holds?.(direction, datagram)) {
          this.#held = [...this.#held, { direction, datagram }];
          return false;
        }
        this.#capture(direction, datagram);
        if (direction === "in") this.#answerEsp(datagram);
        return true;
      },
    });
  }

  /** An endpoint with that policy; all of its sockets are made. */
  static async start(namespace: Namespace, policy: Ikev2Policy): Promise<Ikev2Peer> {
    const locals = policy.listen.flatMap(({ ike, nat }) => [ike, nat]);
    return new Ikev2Peer(policy, await Promise.all(locals.map((local) => boundIn(namespace, local))));
  }

  get engine(): Ikev2Engine {
    return this.#host.engine;
  }

  /** Gives a command and waits for its reply. @throws with the code and the message of a refusal */
  ask(command: Ikev2Command): Promise<Plain> {
    return this.#host.ask(command);
  }

  /** Gives a command, and does not wait. */
  command(command: Ikev2Command): void {
    this.#host.command(command);
  }

  /** From now on datagrams that fit stay where they are until `release`. */
  hold(fits: (direction: "in" | "out", datagram: Datagram) => boolean): void {
    this.#holds = fits;
  }

  /** From now on datagrams that fit are lost. */
  drop(fits: (direction: "in" | "out", datagram: Datagram) => boolean): void {
    this.#drops = fits;
  }

  /** How many datagrams are held. */
  get held(): number {
    return this.#held.length;
  }

  /** Lets everything go that was held, in its order, and holds nothing more. */
  release(): void {
    this.#holds = undefined;
    this.#letGo(() => true);
  }

  /** Sends what was held on its way out; the rest stays, and so does what comes. */
  releaseOut(): void {
    this.#letGo(({ direction }) => direction === "out");
  }

  /** Waits until `found` gives something. @throws with what happened when it does not */
  async until<T>(what: string, found: () => T | undefined | false, timeoutMs = 15_000): Promise<T> {
    const end = Date.now() + timeoutMs;
    for (;;) {
      const value = found();
      if (value !== undefined && value !== false) return value;
      if (Date.now() > end) throw new Error(`ours: not ${what}:\n${this.story()}`);
      await sleep(10);
    }
  }

  /** Waits for an event of that kind. */
  event(kind: string, timeoutMs?: number): Promise<LedgerEvent> {
    return this.until(kind, () => this.events.find((event) => event.kind === kind), timeoutMs);
  }

  /** What happened and how it stands, for a failure. */
  story(): string {
    const events = this.events.map(({ kind, reason, figures }) => JSON.stringify({ kind, reason, figures }));
    return [...events, JSON.stringify(this.engine.connections(), undefined, 1)].join("\n");
  }

  /** It is gone without a word to its peers, as after `kill -9`. */
  kill(): void {
    if (!this.#ended) this.#host[Symbol.dispose]();
    this.#ended = true;
  }

  [Symbol.dispose](): void {
    this.kill();
  }

  #letGo(which: (held: Held) => boolean): void {
    const going = this.#held.filter(which);
    this.#held = this.#held.filter((one) => !going.includes(one));
    for (const { direction, datagram } of going) {
      this.#capture(direction, datagram);
      if (direction === "in") this.#host.take(datagram);
      else this.#host.give(datagram);
    }
  }

  #note(output: Output): void {
    if (output.out === "event") this.events.push(output.event);
    if (output.out === "key-log") this.keyLog.push(output.line);
    if (output.out !== "sad") return;
    const { change } = output;
    if (change.change === "install-child") {
      this.pairs.set(hex(change.pair.spiIn), change.pair);
      this.allPairs.push(change.pair);
    }
    if (change.change === "remove-child") this.pairs.delete(hex(change.spiIn));
  }

  #answerEsp(datagram: Datagram): void {
    const { via, bytes } = datagram;
    // a keepalive is one octet; where ESP has its SPI, IKE has zeros (RFC 3948 2.2, 2.3)
    if (via.port !== 4500 || bytes.length < 5 || isZero(bytes.subarray(0, 4))) return;
    const answer = this.esp(bytes);
    if (answer !== undefined) this.#host.give({ ...datagram, bytes: answer });
  }

  #capture(direction: "in" | "out", { from: peer, via: own, bytes }: Datagram): void {
    const [from, to] = direction === "in" ? [peer, own] : [own, peer];
    this.datagrams.push({ from: from.address, fromPort: from.port, to: to.address, toPort: to.port, bytes });
  }
}
