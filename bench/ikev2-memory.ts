/** What an established IKE SA with its Child SA keeps in memory: a process that is a gateway, before and after 10,000. */
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import type { Output } from "../src/core/engine.ts";
import { Ikev2Engine } from "../src/ikev2/engine.ts";
import type { Figure } from "./figure.ts";
import { memberAddress } from "./gcks-group.ts";
import { benchEnv, clientPolicy } from "./ikev2-endpoint.ts";
import type { FromGateway, ToGateway } from "./ikev2-gateway.ts";

const IKE_SAS = 10_000;
/** Of a gateway that is thrown away, so that code and pools are there before the empty one is measured. */
const WARM_UP = 1_000;
const BATCH = 50;
/** Longer than a half-open IKE SA, or the digest of a first message, is remembered. */
const PAUSE_MS = 31_000;
/** KiB of one in strongSwan's charon 5.9.8. */
const LIMIT = 12.8;

export async function memoryFigures(): Promise<Figure[]> {
  const child = fork(new URL("ikev2-gateway.ts", import.meta.url), {
    // small young generation and one arena: what is measured is what the gateway keeps, not what garbage left behind
    execArgv: ["--expose-gc", "--max-semi-space-size=1"],
    env: { ...process.env, MALLOC_ARENA_MAX: "1" },
    serialization: "advanced",
  });
  try {
    const ask = asking(child);
    await ask({ do: "begin" });
    await establish(ask, WARM_UP);
    await ask({ do: "begin" });
    const before = await measured(ask);
    await establish(ask, IKE_SAS);
    const after = await measured(ask);
    const { ikeSas, childSas } = after;
    if (ikeSas !== IKE_SAS || childSas !== IKE_SAS)
      throw new Error(`${ikeSas} IKE SAs with ${childSas} Child SAs stand`);
    const each = (octets: number) => octets / IKE_SAS / 1024;
    const what = "IKE SA with its Child SA, of 10,000";
    return [
      { name: `${what}: resident memory`, value: each(after.rss - before.rss), unit: "KiB", limit: LIMIT },
      { name: `${what}: heap and buffers`, value: each(after.heap - before.heap), unit: "KiB" },
    ];
  } finally {
    child.kill();
  }
}

type Ask = (message: ToGateway) => Promise<FromGateway>;

function asking(child: ChildProcess): Ask {
  return async (message) => {
    child.send(message);
    const [answer] = (await once(child, "message")) as [FromGateway];
    return answer;
  };
}

async function measured(ask: Ask) {
  const answer = await ask({ do: "measure" });
  if (!("rss" in answer)) throw new Error("the gateway did not measure");
  return answer;
}

async function establish(ask: Ask, many: number): Promise<void> {
  for (let first = 0; first < many; first += BATCH) {
    await establishBatch(ask, first);
    if (first % 1000 === 0) await ask({ do: "wait", ms: PAUSE_MS / 100 });
  }
  await ask({ do: "wait", ms: PAUSE_MS });
}

/** Clients of addresses of their own, until they are silent. */
async function establishBatch(ask: Ask, first: number): Promise<void> {
  const env = benchEnv();
  const clients = new Map<string, Ikev2Engine>();
  let outputs: Output[] = [];
  for (let n = first; n < first + BATCH; n++) {
    const address = memberAddress(n);
    const client = new Ikev2Engine(clientPolicy(address, `client-${n}.example`));
    clients.set(address, client);
    client.restore([], env);
    outputs.push(...client.step({ in: "command", id: 1, command: { do: "up", target: "tunnel" } }, env));
  }
  for (;;) {
    const datagrams = outputs.flatMap((output) =>
      output.out === "send" ? [{ from: output.from, via: output.to, bytes: output.bytes }] : [],
    );
    if (datagrams.length === 0) return;
    const answer = await ask({ do: "step", datagrams });
    if (!("sends" in answer)) throw new Error("the gateway measured");
    outputs = answer.sends.flatMap(
      ({ from, to, bytes }) => clients.get(to.address)?.step({ in: "datagram", from, via: to, bytes }, env) ?? [],
    );
  }
}
