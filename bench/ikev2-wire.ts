/**
 * Parsing and building an IKE_SA_INIT beside node-ikev2, as `npm run bench:wire -- FOLDER`: FOLDER is a checkout of
 * node-ikev2 that is built. Both turn the octets of one request of strongSwan into payloads, and payloads into the same
 * octets, in this process and in turns, so that whatever else the machine does falls on both.
 */
import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { equal } from "../src/util/octets.ts";
import { decodeMessage, encodeMessage } from "../src/wire/ikev2/message.ts";
import { ikev2Datagrams } from "../test/support/ikev2-golden.ts";
import { type Figure, median, tell } from "./figure.ts";

/** Two proposals with ten transforms, KE, Nonce, five Notify payloads. */
const CAPTURE = "strongswan-psk-gcm";
/** What `npm run build` makes of node-ikev2. */
const ENTRY = "lib/src/index.js";
/** The first rounds are not counted: code is compiled in them. */
const WARM_UP = 20;
const ROUNDS = 101;
const EACH_ROUND = 2_000;
/** Ours at least three times as fast. */
const LIMIT = 0.333;

/** What is used of node-ikev2. */
interface TheirMessage {
  readonly serialize: () => Uint8Array;
}

interface Theirs {
  readonly parse: (octets: Buffer) => TheirMessage;
}

/** One thing that both do, and the microseconds that it took each in every round. */
class Contest {
  readonly #name: string;
  readonly #ours: () => unknown;
  readonly #theirs: () => unknown;
  readonly #times: { readonly ours: number; readonly theirs: number }[] = [];

  constructor(name: string, ours: () => unknown, theirs: () => unknown) {
    this.#name = name;
    this.#ours = ours;
    this.#theirs = theirs;
  }

  round(): void {
    this.#times.push({ theirs: microseconds(this.#theirs), ours: microseconds(this.#ours) });
  }

  figures(): Figure[] {
    const counted = this.#times.slice(WARM_UP);
    const [ours, theirs] = [median(counted.map((time) => time.ours)), median(counted.map((time) => time.theirs))];
    const note = `median of ${counted.length} rounds of ${EACH_ROUND} in turns`;
    return [
      { name: `${this.#name}: node-ikev2`, value: theirs, unit: "us" },
      { name: `${this.#name}: ours`, value: ours, unit: "us" },
      { name: `${this.#name}: ours, times node-ikev2's`, value: ours / theirs, unit: "x", limit: LIMIT, note },
    ];
  }
}

/** What the last call gave: it is used, so the call is not optimized away. */
let result: unknown;

function microseconds(action: () => unknown): number {
  const before = performance.now();
  for (let i = 0; i < EACH_ROUND; i++) result = action();
  return ((performance.now() - before) / EACH_ROUND) * 1000;
}

/** @throws Error that says what to do, when there is no node-ikev2 in `folder`. */
async function nodeIkev2(folder: string | undefined): Promise<Theirs> {
  if (folder === undefined) throw new Error(`which folder is node-ikev2 in? npm run bench:wire -- FOLDER\n${help}`);
  const file = join(resolve(folder), ENTRY);
  if (!existsSync(file)) throw new Error(`there is no ${file}\n${help}`);
  const loaded: unknown = await import(pathToFileURL(file).href);
  const { Message } = loaded as { readonly Message?: { readonly parse?: unknown } };
  if (typeof Message?.parse !== "function") throw new Error(`${file} has no Message.parse\n${help}`);
  return Message as Theirs;
}

const help = `It is not in the npm registry. Its source is at https://github.com/hyavari/node-ikev2; in a checkout of it:
  npm install && npm run build`;

function contests(theirs: Theirs): Contest[] {
  const octets = Uint8Array.from(ikev2Datagrams(CAPTURE)[0]?.bytes ?? []);
  const buffer = Buffer.from(octets);
  const message = decodeMessage(octets);
  if (!message.ok) throw new Error(message.error.message);
  const { header } = message.value;
  const payloads = message.value.payloads.map(({ payload }) => payload);
  const other = theirs.parse(buffer);
  if (!equal(encodeMessage(header, payloads), octets) || !equal(other.serialize(), octets)) {
    throw new Error("what is built is not what was parsed");
  }
  const name = `IKE_SA_INIT of ${octets.length} octets`;
  return [
    new Contest(
      `${name}, parsed`,
      () => decodeMessage(octets),
      () => theirs.parse(buffer),
    ),
    new Contest(
      `${name}, built`,
      () => encodeMessage(header, payloads),
      () => other.serialize(),
    ),
  ];
}

try {
  const both = contests(await nodeIkev2(process.argv[2]));
  for (let round = 0; round < WARM_UP + ROUNDS; round++) for (const contest of both) contest.round();
  if (result === undefined) throw new Error("nothing was built");
  tell(both.flatMap((contest) => contest.figures()));
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : error}\n`);
  process.exitCode = 1;
}
