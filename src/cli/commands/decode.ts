import { readFileSync } from "node:fs";
import type { Command } from "commander";
import type { HashName } from "../../crypto/provider.ts";
import { fromHex } from "../../util/octets.ts";
import { describeMessage } from "../../wire/describe.ts";
import type { TreeNode } from "../../wire/tree.ts";
import { examples } from "../daemon-command.ts";
import { type DecodeKeys, type DecodeProblem, decodeWith } from "../decrypt.ts";
import { CommandError, ExitCode } from "../exit.ts";
import { print, printJson, remark } from "../output/print.ts";
import { treeLines } from "../output/tree.ts";

interface DecodeOptions {
  readonly key?: string;
  readonly iv?: string;
  readonly lastBlock?: string;
  readonly hash: string;
  readonly kek?: string;
  readonly showKeys?: boolean;
  readonly json?: boolean;
}

/** `keyherald decode`: any ISAKMP or GDOI message as a tree. */
export function addDecode(program: Command): void {
  program
    .command("decode")
    .argument("<hex>", "UDP payload in hexadecimal, or - to read it from standard input")
    .description("Show the payloads of an ISAKMP or GDOI message; decrypts when given keys.")
    .option("--key <hex>", "Phase 1: encryption key, together with --iv or --last-block")
    .option("--iv <hex>", "Phase 1: IV of this message")
    .option(
      "--last-block <hex>",
      "Phase 1: last ciphertext block of main mode, for GROUPKEY-PULL message 1 and Informational",
    )
    .option("--hash <name>", "Phase 1: hash of the SA: sha256, sha384 or sha512", "sha256")
    .option("--kek <hex>", "GROUPKEY-PUSH: IV and key of the KEK, as KEK_ALGORITHM_KEY has them")
    .option("--show-keys", "spell out keys that are found inside")
    .option("--json", "print JSON")
    .addHelpText(
      "after",
      examples([
        ["keyherald decode 3f1a…", "a message in the clear"],
        ["xxd -p -c0 push.bin | keyherald decode - --kek 00…", "a push"],
        ["keyherald decode 3f1a… --key 00… --last-block 11…", "the first message of a GROUPKEY-PULL"],
      ]),
    )
    .action((input: string, options: DecodeOptions) => {
      const text = input === "-" ? readFileSync(0, "latin1").trim() : input;
      const decoded = decodeWith(octets("the message", text), keysOf(options));
      if (!decoded.ok) {
        // the header is in the clear
        if (decoded.error.what === "encrypted") show(describeMessage(decoded.error.header, []), options);
        throw new CommandError(ExitCode.FAILURE, problemText(decoded.error));
      }
      const { header, payloads } = decoded.value;
      show(describeMessage(header, payloads, { showKeys: options.showKeys === true }), options);
      if (decoded.value.decrypted && options.json !== true) remark("(decrypted; neither HASH nor SIG was checked)");
    });
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

function problemText(problem: DecodeProblem): string {
  if (problem.what === "wire") {
    const { message, offset, path, section } = problem.error;
    const why = `${path}: ${message} (offset ${offset}, ${section})`;
    if (problem.decrypted === true) return `what was decrypted makes no sense; is it the right key and IV? ${why}`;
    return `not a message that can be read: ${why}`;
  }
  const push = problem.header.exchangeType === 33;
  return `the message is encrypted (Exchange Type ${problem.header.exchangeType}, Message ID ${problem.header.messageId}); give ${push ? "--kek" : "--key with --iv or --last-block"}`;
}
