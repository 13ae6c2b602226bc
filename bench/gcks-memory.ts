/** The key server's side of the memory benchmark: a process with one engine; datagrams come and go as messages. */
import type { Endpoint } from "../src/core/engine.ts";
import { nodeRandom } from "../src/crypto/node/random.ts";
import { GcksEngine } from "../src/gdoi/gcks/engine.ts";
import { gcksPolicy, groupPolicy } from "../test/support/group.ts";
import { benchEnv } from "./gcks-group.ts";

export type ToServer =
  | { readonly do: "step"; readonly datagrams: readonly { readonly from: Endpoint; readonly bytes: Uint8Array }[] }
  /** Lets so many milliseconds pass. */
  | { readonly do: "wait"; readonly ms: number }
  /** A new, empty key server in place of the one before. */
  | { readonly do: "begin" }
  | { readonly do: "measure" };

export type FromServer =
  | { readonly sends: readonly { readonly to: Endpoint; readonly bytes: Uint8Array }[] }
  | { readonly rss: number; readonly heap: number; readonly members: number };

const via: Endpoint = { address: "127.0.0.1", port: 848 };

if (process.send !== undefined) {
  const env = { ...benchEnv(), random: nodeRandom };
  let engine = new GcksEngine(gcksPolicy([groupPolicy()]));
  const answer = (message: FromServer) => process.send?.(message);
  process.on("message", (message: ToServer) => {
    if (message.do === "step") {
      const outputs = message.datagrams.flatMap((d) => engine.step({ in: "datagram", via, ...d }, env));
      answer({ sends: outputs.flatMap((o) => (o.out === "send" ? [{ to: o.to, bytes: o.bytes }] : [])) });
    } else if (message.do === "begin") {
      engine = new GcksEngine(gcksPolicy([groupPolicy()]));
      engine.restore([], env);
      answer({ sends: [] });
    } else if (message.do === "wait") {
      globalThis.gc?.();
      env.now += message.ms;
      engine.step({ in: "deadline" }, env);
      answer({ sends: [] });
    } else {
      for (let i = 0; i < 5; i++) globalThis.gc?.();
      const { rss, heapUsed, external } = process.memoryUsage();
      answer({ rss, heap: heapUsed + external, members: engine.status().members });
    }
  });
}
