/** From a file to a configuration. */
import { readFileSync, statSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { err, ok, type Result } from "../util/result.ts";
import { withClauses } from "./citations.ts";
import { parseText } from "./document.ts";
import { problemsOf } from "./problems.ts";
import { buildIkev2 } from "./schema/ikev2.ts";
import { rootSection } from "./schema/index.ts";
import { generatedSigner } from "./schema/kek.ts";
import { buildKeyServer } from "./schema/key-server.ts";
import { buildMember } from "./schema/member.ts";
import { buildSecurityEvents } from "./schema/security-events.ts";
import { buildSyslog } from "./schema/syslog.ts";
import type { ConfigProblem, Configuration } from "./types.ts";
import { warningsOf } from "./warnings.ts";

const longestFile = 16 << 20;

/**
 * Reads and checks a configuration file, with the files that it names.
 * @param now milliseconds since the epoch, for certificates that expire.
 * @returns all problems at once when there is an error; warnings alone stand in the configuration.
 */
export function loadConfiguration(
  file: string,
  environment: NodeJS.ProcessEnv,
  now = Date.now(),
): Result<Configuration, ConfigProblem[]> {
  const whole = resolve(file);
  const source = readText(whole);
  if (!source.ok) return source;
  const text = parseText(source.value);
  if (!text.ok) return text;
  const schema = rootSection({ folder: dirname(whole), environment });
  const parsed = schema.safeParse(text.value.value, { reportInput: true });
  if (!parsed.success) return err(withClauses(problemsOf(parsed.error.issues, text.value), text.value.value));
  const root = parsed.data;
  const { keyServer, member, ikev2 } = root;
  return ok({
    file: whole,
    state: { file: root.state.file, key: root.state.key.file ?? root.state.key.environment ?? new Uint8Array() },
    control: root.control,
    log: root.log,
    ...(root.syslog !== undefined && { syslog: buildSyslog(root.syslog) }),
    ...(root.securityEvents !== undefined && { securityEvents: buildSecurityEvents(root.securityEvents) }),
    ...(keyServer !== undefined && { keyServer: buildKeyServer(keyServer) }),
    generatedSigners: keyServer?.groups.flatMap((group) => generatedSigner(group) ?? []) ?? [],
    ...(member !== undefined && { member: buildMember(member) }),
    ...(member?.export !== undefined && { keyExport: member.export }),
    ...(ikev2 !== undefined && { ikev2: buildIkev2(ikev2) }),
    ...(ikev2?.keyLog !== undefined && { keyLog: ikev2.keyLog }),
    retention: { maxAgeMs: root.retention.age, maxEvents: root.retention.events },
    warnings: warningsOf(root, text.value, now),
  });
}

function readText(file: string): Result<string, ConfigProblem[]> {
  const refuse = (message: string) =>
    err([{ line: 0, column: 0, path: "", expected: "a YAML file", message, severity: "error" as const }]);
  try {
    const { size } = statSync(file);
    if (size > longestFile) return refuse(`is longer than ${longestFile} octets`);
    return ok(new TextDecoder("utf-8", { fatal: true }).decode(readFileSync(file)));
  } catch (error) {
    const code = error instanceof Error && "code" in error ? error.code : undefined;
    if (code === "ENOENT") return refuse("does not exist");
    if (code === "EACCES" || code === "EPERM") return refuse("cannot be read by this user");
    if (code === "ERR_ENCODING_INVALID_ENCODED_DATA") return refuse("is no UTF-8 text");
    return refuse(code === "EISDIR" ? "is a folder" : `cannot be read (${code ?? error})`);
  }
}
