import { existsSync, writeFileSync } from "node:fs";
import { type Command, Option } from "commander";
import { type Issued, issueCa, issueCertificate } from "../../crypto/node/issue.ts";
import type { KeyAlgorithm } from "../../crypto/provider.ts";
import { canonicalAddress } from "../../util/address.ts";
import { examples } from "../daemon-command.ts";
import { CommandError, ExitCode } from "../exit.ts";
import { print, printJson } from "../output/print.ts";
import { attempt, authorityOf, made, validity } from "../pki-files.ts";
import { addPkiCrl } from "./pki-crl.ts";

interface PkiOptions {
  readonly subject: string;
  readonly out: string;
  readonly algorithm: string;
  readonly days: string;
  readonly json?: boolean;
}

interface IssueOptions extends PkiOptions {
  readonly ca: string;
  readonly dns: readonly string[];
  readonly address: readonly string[];
  readonly email: readonly string[];
}

const algorithms: Readonly<Record<string, KeyAlgorithm>> = {
  "ecdsa-256": { kind: "ecdsa", curve: "P-256" },
  "ecdsa-384": { kind: "ecdsa", curve: "P-384" },
  "ecdsa-521": { kind: "ecdsa", curve: "P-521" },
  ed25519: { kind: "ed25519" },
  "rsa-2048": { kind: "rsa", bits: 2048 },
  "rsa-3072": { kind: "rsa", bits: 3072 },
  "rsa-4096": { kind: "rsa", bits: 4096 },
};

const dayMs = 86_400_000;

/** `keyherald pki ca | issue | crl`: certificates for tests and trials. */
export function addPki(program: Command): void {
  const pki = program
    .command("pki")
    .description("Make certificates for tests and trials (use your own authority in production).");
  common(pki.command("ca").description("Make a certification authority: PREFIX.pem and PREFIX.key."), "3650")
    .addHelpText(
      "after",
      examples([['keyherald pki ca --subject "CN=Lab CA,O=Utility" --out ca', "ca.pem and ca.key"]]),
    )
    .action((options: PkiOptions) => {
      write(
        options,
        made(() => issueCa(requestOf(options))),
      );
    });
  common(
    pki.command("issue").description("Issue a certificate for a key server or a member: PREFIX.pem and PREFIX.key."),
    "397",
  )
    .requiredOption("--ca <prefix>", "authority: PREFIX.pem and PREFIX.key are read")
    .addOption(repeatable("--dns <name>", "subjectAltName: DNS name"))
    .addOption(repeatable("--address <address>", "subjectAltName: IP address"))
    .addOption(repeatable("--email <address>", "subjectAltName: mail address"))
    .addHelpText(
      "after",
      examples([
        [
          "keyherald pki issue --ca ca --subject CN=gm1,O=Utility --address 192.0.2.10 --out gm1",
          "gm1.pem and gm1.key",
        ],
      ]),
    )
    .action((options: IssueOptions) => {
      const wrong = options.address.find((address) => canonicalAddress(address) === undefined);
      if (wrong !== undefined) throw new CommandError(ExitCode.USAGE, `--address ${wrong}: not an IP address`);
      const noMail = options.email.find((email) => !/^[!-~]+@[!-~]+$/.test(email));
      if (noMail !== undefined) throw new CommandError(ExitCode.USAGE, `--email ${noMail}: not a mail address`);
      const ca = authorityOf(options.ca);
      const names = { dnsNames: options.dns, addresses: options.address, emails: options.email };
      write(
        options,
        made(() => issueCertificate({ ...requestOf(options), ca, ...names })),
      );
    });
  addPkiCrl(pki);
}

function common(command: Command, days: string): Command {
  return command
    .requiredOption("--subject <name>", "RFC 4514 name, e.g. CN=gm1,O=Utility")
    .requiredOption("--out <prefix>", "where to write PREFIX.pem and PREFIX.key")
    .option("--algorithm <name>", Object.keys(algorithms).join(", "), "ecdsa-256")
    .option("--days <n>", "validity", days)
    .option("--json", "print JSON");
}

function requestOf(options: PkiOptions) {
  const algorithm = algorithms[options.algorithm];
  if (algorithm === undefined) {
    throw new CommandError(
      ExitCode.USAGE,
      `--algorithm ${options.algorithm}: give one of ${Object.keys(algorithms).join(", ")}`,
    );
  }
  const lasting = validity(options.days);
  const now = Date.now();
  // clocks of a lab differ
  return { subject: options.subject, algorithm, notBefore: now - dayMs, notAfter: now + lasting };
}

/** Never over a file that is there: a lost authority key is not made again. */
function write(options: PkiOptions, issued: Issued): void {
  const files = { certificate: `${options.out}.pem`, key: `${options.out}.key` };
  for (const file of Object.values(files)) {
    if (existsSync(file))
      throw new CommandError(ExitCode.FAILURE, `${file} exists and is left alone; remove it, or choose another --out`);
  }
  attempt("the files cannot be written", () => {
    writeFileSync(files.key, issued.keyPem, { mode: 0o600, flag: "wx" });
    writeFileSync(files.certificate, issued.certificatePem, { flag: "wx" });
  });
  if (options.json === true) printJson({ subject: options.subject, ...files });
  else print(`${options.subject}: ${files.certificate} and ${files.key} (mode 0600)`);
}

function repeatable(flags: string, what: string): Option {
  return new Option(flags, `${what} (repeatable)`)
    .default([], "none")
    .argParser((value: string, all: readonly string[]) => [...all, value]);
}
