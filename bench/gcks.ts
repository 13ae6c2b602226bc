/** The key server's figures: acknowledgements, a push to ten thousand members, their memory. */
import { fork } from "node:child_process";
import { createHmac, createSecretKey } from "node:crypto";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import type { Output, Plain, StoreRecord } from "../src/core/engine.ts";
import { ackKey, buildAck } from "../src/gdoi/ack.ts";
import { fromHex } from "../src/util/octets.ts";
import type { Figure } from "./figure.ts";
import { benchEnv, countingPolicy, GROUP, memberAddress, memberOctets, withMembers } from "./gcks-group.ts";

const MEMBERS = 10_000;
const ROUNDS = 7;
/** Acknowledgements, and bare HMACs, that are timed together. */
const TURN = 500;
const MIB = 1024 * 1024;

export async function gcksFigures(): Promise<Figure[]> {
  return [...acknowledgements(), ...(await push()), ...(await memory())];
}

/** Verifying and recording acknowledgements in the engine, against a bare HMAC-SHA256 over as many octets. */
export function acknowledgements(): Figure[] {
  const env = benchEnv();
  const { policy } = countingPolicy();
  const { engine, keep, records } = withMembers(policy, MEMBERS, 848, env);
  const bare: number[] = [];
  const engineTimes: number[] = [];
  const ratios: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    env.now += 1_000;
    const outputs = engine.step({ in: "command", id: round, command: { do: "rekey", group: GROUP, what: "tek" } }, env);
    keep(outputs);
    const { spi, seq } = placeOf(outputs);
    const key = ackKey(1, kekOctets(records.get(`gcks.group ${GROUP}`)), fromHex(spi), env);
    const via = { address: "127.0.0.1", port: 848 };
    const datagrams = Array.from({ length: MEMBERS }, (_, n) => ({
      in: "datagram" as const,
      from: { address: memberAddress(n), port: 848 },
      via,
      bytes: buildAck(1, key, fromHex(spi), seq, memberOctets(n), env),
    }));
    env.now += 5;
    // in turns, so that whatever else the machine does falls on both
    for (let at = 0; at < MEMBERS; at += TURN) {
      const turn = datagrams.slice(at, at + TURN);
      const alone = bareHmac(turn.map(({ bytes }) => bytes.subarray(64)));
      const start = process.hrtime.bigint();
      for (const datagram of turn) engine.step(datagram, env);
      const all = Number(process.hrtime.bigint() - start) / TURN;
      bare.push(alone);
      engineTimes.push(all);
      ratios.push(all / alone);
    }
    const acked = engine.rekey(GROUP, spi, seq)?.acked;
    if (acked !== MEMBERS) throw new Error(`${acked} of ${MEMBERS} acknowledgements were counted`);
  }
  return [
    { name: "bare HMAC-SHA256 of 20 octets with a KeyObject", value: median(bare) / 1000, unit: "us" },
    { name: "ack verified and recorded by the engine", value: median(engineTimes) / 1000, unit: "us" },
    { name: "ack, times the bare HMAC", value: median(ratios), unit: "x", limit: 2.5 },
  ];
}

function bareHmac(messages: readonly Uint8Array[]): number {
  const key = createSecretKey(new Uint8Array(32));
  const start = process.hrtime.bigint();
  for (const message of messages) createHmac("sha256", key).update(message).digest();
  return Number(process.hrtime.bigint() - start) / messages.length;
}

/** One push: keys, signature, encryption, and all datagrams handed to a real socket. */
async function push(): Promise<Figure[]> {
  const env = benchEnv();
  const sink = createSocket("udp4");
  sink.bind(0, "127.0.0.1");
  await once(sink, "listening");
  const socket = createSocket("udp4");
  socket.bind(0, "127.0.0.1");
  await once(socket, "listening");
  const { port } = sink.address();
  const { policy, signatures } = countingPolicy();
  const { engine } = withMembers(policy, MEMBERS, port, env);
  const before = signatures();
  const start = process.hrtime.bigint();
  const outputs = engine.step({ in: "command", id: 1, command: { do: "rekey", group: GROUP, what: "tek" } }, env);
  const made = Number(process.hrtime.bigint() - start) / 1e6;
  let sent = 0;
  await new Promise<void>((resolve, reject) => {
    for (const output of outputs) {
      if (output.out !== "send") continue;
      // to one sink: nothing leaves the loopback interface, and nobody has to have ten thousand addresses
      socket.send(output.bytes, output.to.port, "127.0.0.1", (error) => {
        if (error) reject(error);
        else if (++sent === MEMBERS) resolve();
      });
    }
  });
  const handed = Number(process.hrtime.bigint() - start) / 1e9;
  socket.close();
  sink.close();
  return [
    { name: "signatures of a push to 10,000 members", value: signatures() - before, unit: "", limit: 1 },
    { name: "push to 10,000 members made by the engine", value: made, unit: "ms" },
    { name: "push to 10,000 members handed to the socket", value: handed, unit: "s", limit: 2 },
  ];
}

/** A process that is a key server and nothing else, before and after 10,000 real registrations, Phase 1 included. */
async function memory(): Promise<Figure[]> {
  const child = fork(new URL("gcks-memory.ts", import.meta.url), [String(MEMBERS)], {
    // small young generation and one arena: what is measured is what the key server keeps, not what garbage left behind
    execArgv: ["--expose-gc", "--max-semi-space-size=1"],
    env: { ...process.env, MALLOC_ARENA_MAX: "1" },
    serialization: "advanced",
  });
  const { registerAll } = await import("./gcks-registrations.ts");
  const { rss, heap } = await registerAll(child, MEMBERS);
  return [
    { name: "10,000 registered members: resident memory", value: rss / MIB, unit: "MiB", limit: 40 },
    { name: "10,000 registered members: heap and buffers", value: heap / MIB, unit: "MiB", limit: 40 },
  ];
}

function placeOf(outputs: readonly Output[]): { readonly spi: string; readonly seq: number } {
  for (const output of outputs) {
    if (output.out !== "reply") continue;
    const { rekeys } = output.reply as unknown as { readonly rekeys: readonly { spi: string; seq: number }[] };
    const [place] = rekeys;
    if (place !== undefined) return place;
  }
  throw new Error("the rekey was not answered");
}

/** The key of the group's KEK, without its IV: what acknowledgements of type 1 are made with. */
function kekOctets(record: StoreRecord | undefined): Uint8Array {
  const group = record?.value as unknown as { readonly kek: { readonly ivAndKey: Plain } };
  const { ivAndKey } = group.kek;
  if (!(ivAndKey instanceof Uint8Array)) throw new Error("the group was not stored");
  return ivAndKey.slice(16);
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1] ?? Number.NaN;
}
