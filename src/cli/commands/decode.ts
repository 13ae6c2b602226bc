import { readFileSync } from "node:fs";
import type { Command } from "commander";
import { nodeCrypto } from "../../crypto/node/index.ts";
import type { HashName } from "../../crypto/provider.ts";
import { type LoggedKeys, parseKeyLogLine } from "../../ikev2/key-log.ts";
import { fromHex, isZero } from "../../util/octets.ts";
import { describeMessage } from "../../wire/describe.ts";
import type { WireError } from "../../wire/error.ts";
import type { TreeNode } from "../../wire/tree.ts";
import { examples } from "../daemon-command.ts";
import { type DecodeKeys, type DecodeProblem, decodeWith } from "../decrypt.ts";
import { CommandError, ExitCode } from "../exit.ts";
import { type Ikev2Problem, Ikev2Reader, isIkev2 } from "../ikev2-reader.ts";
import { print, printJson, remark } from "../output/print.ts";
import { treeLines } from "../output/tree.ts";

const NON_ESP_MARKER = 4;

interface DecodeOptions {
  readonly key?: string;
  readonly iv?: string;
  readonly lastBlock?: string;
  readonly hash: string;
  readonly kek?: string;
  readonly ikev2Keys?: string;
  readonly showKeys?: boolean;
  readonly json?: boolean;
}

/** `keyherald decode`: any message of ISAKMP, GDOI or IKEv2 as a tree. */
export function addDecode(program: Command): void {
  program
    .command("decode")
    .argument("<hex...>", "UDP payloads in hexadecimal, or - to read one from standard input")
    .description("Show the payloads of ISAKMP, GDOI and IKEv2 messages; decrypts when given keys.")
    .option("--key <hex>", "Phase 1: encryption key, together with --iv or --last-block")
    .option("--iv <hex>", "Phase 1: IV of this message")
    .option(
      "--last-block <hex>",
      "Phase 1: last ciphertext block of main mode, for GROUPKEY-PULL message 1 and Informational",
    )
    .option("--hash <name>", "Phase 1: hash of the SA: sha256, sha384 or sha512", "sha256")
    .option("--kek <hex>", "GROUPKEY-PUSH: IV and key of the KEK, as KEK_ALGORITHM_KEY has them")
    .option(
      "--ikev2-keys <line>",
      "IKEv2: SPIi,SPIr,SK_ei,SK_er,encryption,SK_ai,SK_ar,integrity as in Wireshark's ikev2_decryption_table, or a file of such lines",
    )
    .option("--show-keys", "spell out keys that are found inside")
    .option("--json", "print JSON")
    .addHelpText(
      "after",
      examples([
        ["keyherald decode 3f1a…", "a message in the clear"],
        ["xxd -p -c0 push.bin | keyherald decode - --kek 00…", "a push"],
        ["keyherald decode 3f1a… --key 00… --last-block 11…", "the first message of a GROUPKEY-PULL"],
        ["keyherald decode 9c01… --ikev2-keys 9c01…,77ab…,00…,11…,aes-gcm-16-256,,,", "a message of IKEv2"],
        ["keyherald decode 9c01… 9c01… --ikev2-keys keys.log", "its fragments, put together"],
      ]),
    )
    .action((inputs: readonly string[], options: DecodeOptions) => {
      const keys = keysOf(options);
      const reader = new Ikev2Reader(ikev2KeysOf(options.ikev2Keys));
      for (const input of inputs) {
        const text = input === "-" ? readFileSync(0, "latin1").trim() : input;
        const datagram = withoutMarker(octets("the message", text));
        if (isIkev2(datagram)) showIkev2(reader, datagram, options);
        else showIsakmp(datagram, keys, options);
      }
    });
}

/** On port 4500 four zeros stand in front of a message: RFC 3948 2.2. */
function withoutMarker(datagram: Uint8Array): Uint8Array {
  return datagram.length > NON_ESP_MARKER && isZero(datagram.subarray(0, NON_ESP_MARKER))
    ? datagram.subarray(NON_ESP_MARKER)
    : datagram;
}

function showIsakmp(datagram: Uint8Array, keys: DecodeKeys, options: DecodeOptions): void {
  const decoded = decodeWith(datagram, keys);
  if (!decoded.ok) {
    // the header is in the clear
    if (decoded.error.what === "encrypted") show(describeMessage(decoded.error.header, []), options);
    throw new CommandError(ExitCode.FAILURE, problemText(decoded.error));
  }
  const { header, payloads } = decoded.value;
  show(describeMessage(header, payloads, { showKeys: options.showKeys === true }), options);
  if (decoded.value.decrypted && options.json !== true) remark("(decrypted; neither HASH nor SIG was checked)");
}

function showIkev2(reader: Ikev2Reader, datagram: Uint8Array, options: DecodeOptions): void {
  const read = reader.read(datagram);
  if (!read.ok) {
    // what is around the protected part is in the clear
    if (read.error.tree !== undefined) show(read.error.tree, options);
    throw new CommandError(ExitCode.FAILURE, ikev2ProblemText(read.error));
  }
  show(read.value.tree, options);
  if (read.value.remark !== undefined && options.json !== true) remark(read.value.remark);
}

/** The keys of one line, or of a file that has a line for each IKE SA. */
function ikev2KeysOf(given: string | undefined): LoggedKeys[] {
  if (given === undefined) return [];
  const lines = given.includes(",") ? [given] : keyFile(given).split("\n");
  return lines.flatMap((line, i) => {
    if (line.trim() === "" || line.startsWith("#")) return [];
    const keys = parseKeyLogLine(line, nodeCrypto);
    if (keys.ok) return [keys.value];
    const where = lines.length === 1 ? "--ikev2-keys" : `${given}, line ${i + 1}`;
    throw new CommandError(ExitCode.USAGE, `${where}: ${keys.error}`);
  });
}

function keyFile(name: string): string {
  try {
    return readFileSync(name, "utf8");
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new CommandError(ExitCode.USAGE, `--ikev2-keys is neither a line with commas nor a file: ${why}`);
  }
}

function show(tree: TreeNode, { json }: DecodeOptions): void {
  if (json === true) printJson(tree);
  else for (const line of treeLines(tree)) print(line);
}

function keysOf({ key, iv, lastBlock, hash, kek }: DecodeOptions): DecodeKeys {
  const known: readonly string[] = ["sha1", "sha256", "sha384", "sha512"];
  if (!known.includes(hash)) throw new CommandError(ExitCode.USAGE, `--hash ${hash}: give sha256, sha384 or sha512`);
  const kekOctets = kek === undefined ? {} : { kek: sized("--kek", kek, [32, 40, 48]) };
  if (key === undefined) {
    if (iv !== undefined || lastBlock !== undefined)
      throw new CommandError(ExitCode.USAGE, "--iv and --last-block go with --key");
    return kekOctets;
  }
  const octetsOfKey = sized("--key", key, [16, 24, 32]);
  if (iv !== undefined) return { ...kekOctets, phase1: { key: octetsOfKey, iv: sized("--iv", iv, [16]) } };
  if (lastBlock === undefined)
    throw new CommandError(ExitCode.USAGE, "--key needs --iv (of this message) or --last-block (of main mode)");
  return {
    ...kekOctets,
    phase1: { key: octetsOfKey, lastBlock: sized("--last-block", lastBlock, [16]), hash: hash as HashName },
  };
}

function sized(what: string, text: string, lengths: readonly number[]): Uint8Array {
  const value = octets(what, text);
  if (lengths.includes(value.length)) return value;
  throw new CommandError(ExitCode.USAGE, `${what} has ${value.length} octets, expected ${lengths.join(" or ")}`);
}

function octets(what: string, text: string): Uint8Array {
  try {
    return fromHex(text);
  } catch {
    throw new CommandError(ExitCode.USAGE, `${what} is not hexadecimal`);
  }
}

function ikev2ProblemText(problem: Ikev2Problem): string {
  switch (problem.what) {
    case "wire":
      return `not a message that can be read: ${wireText(problem.error)}`;
    case "no-keys":
      return `the message is encrypted; give --ikev2-keys with the keys of the IKE SA ${problem.spis}`;
    case "protection":
      return `it cannot be opened: ${problem.message}; are they the right keys?`;
  }
}

function wireText({ path, message, offset, section }: WireError): string {
  return `${path === "" ? "HDR" : path}: ${message} (offset ${offset}, ${section})`;
}

function problemText(problem: DecodeProblem): string {
  if (problem.what === "wire") {
    const why = wireText(problem.error);
    if (problem.decrypted === true) return `what was decrypted makes no sense; is it the right key and IV? ${why}`;
    return `not a message that can be read: ${why}`;
  }
  const push = problem.header.exchangeType === 33;
  return `the message is encrypted (Exchange Type ${problem.header.exchangeType}, Message ID ${problem.header.messageId}); give ${push ? "--kek" : "--key with --iv or --last-block"}`;
}
