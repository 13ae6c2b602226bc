/** The members' side of the memory benchmark: real Phase 1 and GROUPKEY-PULL, a batch at a time. */
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import type { Output } from "../src/core/engine.ts";
import { nodeRandom } from "../src/crypto/node/random.ts";
import { GmEngine } from "../src/gdoi/gm/engine.ts";
import { gmPolicy } from "../test/support/group.ts";
import { benchEnv, memberAddress } from "./gcks-group.ts";
import type { FromServer, ToServer } from "./gcks-memory.ts";

const BATCH = 50;
/** Registrations of a key server that is thrown away, so that code and pools are there before the empty one is measured. */
const WARM_UP = 1_000;
/** Longer than any exchange is remembered. */
const PAUSE_MS = 120_000;

/** Registers members with the key server in `child`; returns what that added to its memory, in octets. */
export async function registerAll(child: ChildProcess, members: number): Promise<{ rss: number; heap: number }> {
  const ask = async (message: ToServer): Promise<FromServer> => {
    child.send(message);
    const [answer] = (await once(child, "message")) as [FromServer];
    return answer;
  };
  try {
    await ask({ do: "begin" });
    await register(ask, WARM_UP);
    await ask({ do: "begin" });
    const before = await measured(ask);
    await register(ask, members);
    const after = await measured(ask);
    if (after.members !== members) throw new Error(`${after.members} of ${members} members are registered`);
    return { rss: after.rss - before.rss, heap: after.heap - before.heap };
  } finally {
    child.kill();
  }
}

async function register(ask: Ask, members: number): Promise<void> {
  for (let first = 0; first < members; first += BATCH) {
    await registerBatch(ask, first, Math.min(members, first + BATCH));
    await ask({ do: "wait", ms: PAUSE_MS / BATCH });
  }
  await ask({ do: "wait", ms: PAUSE_MS });
}

type Ask = (message: ToServer) => Promise<FromServer>;

async function measured(ask: Ask) {
  const answer = await ask({ do: "measure" });
  if (!("rss" in answer)) throw new Error("the key server did not measure");
  return answer;
}

async function registerBatch(ask: Ask, first: number, end: number): Promise<void> {
  const env = { ...benchEnv(), random: nodeRandom };
  const engines = new Map<string, GmEngine>();
  for (let n = first; n < end; n++) {
    const address = memberAddress(n);
    engines.set(address, new GmEngine(gmPolicy(address)));
  }
  let outputs = [...engines].map(([address, engine]) => ({ address, outputs: engine.restore([], env) }));
  let woken = false;
  for (;;) {
    const datagrams = outputs.flatMap(({ address, outputs: list }) => sends(list, address));
    if (datagrams.length === 0) {
      if (woken) return;
      // members begin when they are woken
      woken = true;
      env.now += 10;
      outputs = [...engines].map(([address, engine]) => ({ address, outputs: engine.step({ in: "deadline" }, env) }));
      continue;
    }
    const answer = await ask({ do: "step", datagrams });
    if (!("sends" in answer)) throw new Error("the key server measured");
    outputs = answer.sends.flatMap(({ to, bytes }) => {
      const engine = engines.get(to.address);
      if (engine === undefined) return [];
      const from = { address: "192.0.2.1", port: 848 };
      return [{ address: to.address, outputs: engine.step({ in: "datagram", from, via: to, bytes }, env) }];
    });
  }
}

function sends(outputs: readonly Output[], address: string) {
  return outputs.flatMap((output) =>
    output.out === "send" ? [{ from: { address, port: output.from.port }, bytes: output.bytes }] : [],
  );
}
