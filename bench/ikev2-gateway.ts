/** A process with one gateway, whose memory is measured; datagrams come and go as messages. */
import type { Datagram, Endpoint } from "../src/core/engine.ts";
import { RecordedPlane } from "../src/dataplane/recorded.ts";
import { Ikev2Engine } from "../src/ikev2/engine.ts";
import { benchEnv, gatewayPolicy } from "./ikev2-endpoint.ts";

export type ToGateway =
  | { readonly do: "step"; readonly datagrams: readonly Datagram[] }
  /** Lets so many milliseconds pass. */
  | { readonly do: "wait"; readonly ms: number }
  /** A new gateway in place of the one before. */
  | { readonly do: "begin" }
  | { readonly do: "measure" };

export type FromGateway =
  | { readonly sends: readonly { readonly from: Endpoint; readonly to: Endpoint; readonly bytes: Uint8Array }[] }
  | { readonly rss: number; readonly heap: number; readonly ikeSas: number; readonly childSas: number };

if (process.send !== undefined) {
  const env = benchEnv();
  let engine = new Ikev2Engine(gatewayPolicy());
  let plane = new RecordedPlane(() => {});
  const step = (input: Parameters<Ikev2Engine["step"]>[0]) =>
    engine.step(input, env).flatMap((output) => {
      if (output.out === "sad" && output.change.change !== "install" && output.change.change !== "remove") {
        plane.change(output.change);
      }
      return output.out === "send" ? [{ from: output.from, to: output.to, bytes: output.bytes }] : [];
    });
  const answer = (message: FromGateway) => process.send?.(message);
  process.on("message", (message: ToGateway) => {
    if (message.do === "step") {
      answer({ sends: message.datagrams.flatMap((datagram) => step({ in: "datagram", ...datagram })) });
    } else if (message.do === "begin") {
      engine = new Ikev2Engine(gatewayPolicy());
      plane = new RecordedPlane(() => {});
      engine.restore([], env);
      answer({ sends: [] });
    } else if (message.do === "wait") {
      globalThis.gc?.();
      env.now += message.ms;
      answer({ sends: step({ in: "deadline" }) });
    } else {
      for (let i = 0; i < 5; i++) globalThis.gc?.();
      const { rss, heapUsed, external } = process.memoryUsage();
      const { ikeSas, childSas } = engine.status();
      answer({ rss, heap: heapUsed + external, ikeSas, childSas });
    }
  });
}
