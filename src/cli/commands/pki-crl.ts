import { existsSync, renameSync, writeFileSync } from "node:fs";
import { type Command, Option } from "commander";
import { crlsFrom, toPem } from "../../crypto/node/pem.ts";
import { reviseCrl } from "../../crypto/node/revoke.ts";
import { examples } from "../daemon-command.ts";
import { print, printJson } from "../output/print.ts";
import { attempt, authorityOf, certificateIn, made, readPki, validity } from "../pki-files.ts";

interface CrlOptions {
  readonly ca: string;
  readonly revoke: readonly string[];
  readonly out?: string;
  readonly days: string;
  readonly json?: boolean;
}

/** `keyherald pki crl`: revokes certificates. */
export function addPkiCrl(pki: Command): void {
  pki
    .command("crl")
    .description("Revoke certificates: a list with them, and with what the file has already.")
    .requiredOption("--ca <prefix>", "authority: PREFIX.pem and PREFIX.key are read")
    .addOption(
      new Option("--revoke <certificate>", "PEM file of a certificate to revoke (repeatable)")
        .default([], "none")
        .argParser((value: string, all: readonly string[]) => [...all, value]),
    )
    .option("--out <file>", "list to write, or to go on with (default: PREFIX.crl)")
    .option("--days <n>", "when the next list is due", "365")
    .option("--json", "print JSON")
    .addHelpText(
      "after",
      examples([
        ["keyherald pki crl --ca ca", "ca.crl, in which nobody is revoked yet"],
        ["keyherald pki crl --ca ca --revoke gm2.pem", "gm2 as well; then send SIGHUP to those who read the list"],
      ]),
    )
    .action((options: CrlOptions) => {
      const file = options.out ?? `${options.ca}.crl`;
      const [before] = existsSync(file) ? made(() => crlsFrom(readPki(file)), file) : [];
      const thisUpdate = Date.now();
      const revised = made(
        () =>
          reviseCrl({
            ca: authorityOf(options.ca),
            ...(before !== undefined && { before }),
            certificates: options.revoke.map(certificateIn),
            thisUpdate,
            nextUpdate: thisUpdate + validity(options.days),
          }),
        file,
      );
      attempt(`${file} cannot be written`, () => {
        // whoever reads it meanwhile finds the old list or the new one
        writeFileSync(`${file}.new`, toPem("X509 CRL", revised.list));
        renameSync(`${file}.new`, file);
      });
      const { number, revoked } = revised;
      if (options.json === true) printJson({ file, number, revoked });
      else
        print(
          `${file}: list ${number}, ${revoked.length === 1 ? "1 certificate" : `${revoked.length} certificates`} revoked`,
        );
    });
}
