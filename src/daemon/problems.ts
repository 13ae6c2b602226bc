/** What keeps a daemon from starting, in words that say what to do. */
import type { Endpoint } from "../core/engine.ts";
import { StoreError } from "../store/store.ts";
import { endpointText } from "../util/address.ts";

/** The daemon cannot start, or not go on; the message is for people. */
export class DaemonError extends Error {
  readonly code: string;
  constructor(code: string, message: string) {
    super(message);
    this.name = "DaemonError";
    this.code = code;
  }
}

/** Why a socket could not be bound. */
export function socketProblem(endpoint: Endpoint, error: unknown): DaemonError {
  const code = codeOf(error);
  const where = endpointText(endpoint);
  if (code === "EADDRINUSE") {
    return new DaemonError(
      code,
      `${where} is in use by another program; stop it (ss -ulpn 'sport = :${endpoint.port}' names it), or choose another port in the configuration`,
    );
  }
  if (code === "EACCES") {
    return new DaemonError(
      code,
      `no permission to use ${where}: ports below 1024 need root or the capability CAP_NET_BIND_SERVICE (in a systemd unit: AmbientCapabilities=CAP_NET_BIND_SERVICE); for a trial choose a port above 1023`,
    );
  }
  if (code === "EADDRNOTAVAIL") {
    return new DaemonError(code, `${endpoint.address} is no address of this machine; ip address lists those that are`);
  }
  return new DaemonError(code, `${where} cannot be used: ${messageOf(error)}`);
}

/** Why the state could not be opened. */
export function storeProblem(file: string, error: unknown): DaemonError {
  const code = error instanceof StoreError ? error.code : codeOf(error);
  const message = messageOf(error);
  switch (code) {
    case "locked":
      return new DaemonError(code, `the state file ${file} is in use by another keyherald; stop that one first`);
    case "wrong-key":
      return new DaemonError(
        code,
        `the state file ${file} was written under another key than state.key; use that key, or another file`,
      );
    case "full":
      return new DaemonError(code, `there is no room for the state file ${file}; make some and start again`);
    case "newer-version":
      return new DaemonError(
        code,
        `the state file ${file} was written by a newer keyherald; install that version again`,
      );
    case "corrupt":
      return new DaemonError(
        code,
        `the state file ${file} is damaged (${message}); start with a new one: an older copy must not run, it would repeat numbers (docs/guides/backup.md)`,
      );
    default:
      return new DaemonError(code, `the state file ${file} cannot be opened: ${message}`);
  }
}

function codeOf(error: unknown): string {
  if (error instanceof Error && "code" in error && typeof error.code === "string") return error.code;
  return "failed";
}

/** The message of whatever was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
