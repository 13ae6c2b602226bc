/**
 * Handshakes as responder (IKE_SA_INIT and IKE_AUTH: pre-shared key, Curve25519, AES-GCM, one Child SA): a daemon of ours
 * beside strongSwan's charon, each under the same load of strongSwan's load-tester, in turns, so that whatever else the
 * machine does falls on both. Ours keeps its ledger, as users have it.
 */
import type { ChildProcess } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { type Namespace, type NamespacePair, namespacePair, written } from "../test/support/namespace.ts";
import { type Figure, median } from "./figure.ts";
import { BareHandshake } from "./ikev2-bare.ts";
import { LoadTester, loadTester, psk, responderId } from "./load-tester.ts";
import { processorSeconds } from "./processor-time.ts";

/** Not counted, so that the code is compiled before it is measured, as it is in a daemon that has run for a while. */
const WARM_UP = 16_000;
const ROUND = 1_000;
const ROUNDS = 15;
/** Seconds of a processor per handshake, against the same of charon. */
const LIMIT = 1;

interface Side {
  readonly responder: ChildProcess;
  readonly initiator: LoadTester;
  /** Seconds of a processor of each round. */
  readonly seconds: number[];
}

export async function handshakeFigures(): Promise<Figure[]> {
  const home = loadTester();
  const folder = mkdtempSync(join(tmpdir(), "keyherald-bench-"));
  const pairs: NamespacePair[] = [];
  const sides: Side[] = [];
  const pair = async () => {
    const made = await namespacePair();
    pairs.push(made);
    return made;
  };
  try {
    const ours = await sideOf(await pair(), home, join(folder, "ours"), daemon);
    sides.push(ours);
    const theirs = await sideOf(await pair(), home, join(folder, "charon"), charon);
    sides.push(theirs);
    const bare = new BareHandshake();
    for (const side of sides) await side.initiator.handshakes(WARM_UP);
    for (let round = 0; round < ROUNDS; round++) {
      for (const side of sides) await measured(side);
      bare.sample(ROUND / 2);
    }
    return figuresOf(ours.seconds, theirs.seconds, bare);
  } finally {
    // without a word to thousands of peers
    for (const { responder, initiator } of sides) for (const one of [responder, initiator.process]) one.kill("SIGKILL");
    await Promise.all(pairs.map((one) => one.close()));
    rmSync(folder, { recursive: true });
  }
}

type Start = (namespace: Namespace, peer: Namespace, home: string, folder: string) => Promise<ChildProcess>;

/** The responder on one processor, the load on the other where there is one. */
async function sideOf({ left, right }: NamespacePair, home: string, folder: string, start: Start): Promise<Side> {
  mkdirSync(folder);
  const responder = await start(right, left, home, join(folder, "responder"));
  const ends = { initiator: left.address, responder: right.address };
  const initiator = await LoadTester.start(left, ends, { home, folder: join(folder, "initiator"), processor: 0 });
  return { responder, initiator, seconds: [] };
}

function responderProcessor(): number {
  return availableParallelism() > 1 ? 1 : 0;
}

async function charon(namespace: Namespace, _peer: Namespace, home: string, folder: string): Promise<ChildProcess> {
  const ends = { initiator: "%any", responder: namespace.address };
  return (await LoadTester.start(namespace, ends, { home, folder, processor: responderProcessor() })).process;
}

async function daemon(namespace: Namespace, _peer: Namespace, _home: string, folder: string): Promise<ChildProcess> {
  mkdirSync(folder);
  const file = (name: string, text: string) => {
    writeFileSync(join(folder, name), text, { mode: 0o600 });
    return join(folder, name);
  };
  file("peers.psk", `${psk}\n`);
  file("state.key", `${"5a".repeat(32)}\n`);
  const configuration = file("keyherald.yaml", configurationText(namespace.address));
  const processor = String(responderProcessor());
  const root = join(import.meta.dirname, "..");
  const command = ["-c", processor, process.execPath, join(root, "src/cli/main.ts"), "run", "-c", configuration];
  const child = namespace.start("taskset", command, { stdio: ["ignore", "ignore", "pipe"] });
  await written(child, /is ready/);
  child.stderr?.resume();
  return child;
}

function configurationText(address: string): string {
  return `state: { file: state.db, key: { file: state.key } }
control: { socket: control.sock }
ikev2:
  listen: ["${address}"]
  connections:
    - name: load
      local: { identity: "fqdn:${responderId}" }
      remote: { address: any }
      psk: { file: peers.psk }
      liveness: never
      children:
        - name: all
`;
}

async function measured({ responder: { pid = 0 }, initiator, seconds }: Side): Promise<void> {
  const before = processorSeconds(pid);
  await initiator.handshakes(ROUND);
  seconds.push(processorSeconds(pid) - before);
}

function figuresOf(ours: readonly number[], theirs: readonly number[], bare: BareHandshake): Figure[] {
  const handshakes = LoadTester.rounded(ROUND);
  const each = (seconds: readonly number[]) => (median(seconds) / handshakes) * 1e6;
  const note = `medians of ${ROUNDS} rounds of ${handshakes} handshakes, in turns`;
  const list = (seconds: readonly number[]) =>
    `by round, in seconds: ${seconds.map((one) => one.toFixed(2)).join(" ")}`;
  return [
    { name: "IKEv2 handshake as responder: strongSwan's charon", value: each(theirs), unit: "us", note: list(theirs) },
    { name: "IKEv2 handshake as responder: ours, with the ledger", value: each(ours), unit: "us", note: list(ours) },
    {
      name: "IKEv2 handshake as responder: bare cryptographic operations",
      value: bare.microseconds(),
      unit: "us",
      note: bare.text(),
    },
    {
      name: "IKEv2 handshake as responder: ours, times charon's",
      value: median(ours) / median(theirs),
      unit: "x",
      limit: LIMIT,
      note,
    },
  ];
}
