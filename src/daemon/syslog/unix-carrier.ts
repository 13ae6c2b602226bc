/** Datagrams to a Unix socket such as /dev/log. Node.js has no such sockets, so the calls go to the C library. */
import { createRequire } from "node:module";
import { constants } from "node:os";
import { messageOf } from "../problems.ts";
import type { Outcome, SyslogCarrier } from "./carrier.ts";

const { errno: codes } = constants;
/** Of Linux: AF_UNIX, SOCK_DGRAM with SOCK_CLOEXEC, MSG_DONTWAIT with MSG_NOSIGNAL. */
const familyUnix = 1;
const datagrams = 2 | 0o2000000;
const atOnce = 0x40 | 0x4000;

interface Library {
  socket(family: number, type: number, protocol: number): number;
  sendto(socket: number, data: Uint8Array, length: number, flags: number, to: Uint8Array, toLength: number): number;
  close(socket: number): number;
  /** Of the last call. */
  errno(): number;
}

let loaded: Library | undefined;

/** @throws Error where the C library cannot be called. */
function library(): Library {
  if (loaded !== undefined) return loaded;
  // not imported: only who logs to a Unix socket needs it
  const koffi: typeof import("koffi") = createRequire(import.meta.url)("koffi");
  const own = koffi.load(null);
  loaded = {
    socket: own.func("int socket(int, int, int)"),
    sendto: own.func("long sendto(int, const uint8_t*, size_t, int, const uint8_t*, uint32_t)"),
    close: own.func("int close(int)"),
    errno: () => koffi.errno(),
  };
  return loaded;
}

export class UnixCarrier implements SyslogCarrier {
  fault = "";
  readonly failedLater = 0;
  readonly #path: string;
  /** sockaddr_un: family, path, NUL. */
  readonly #to: Uint8Array;
  #socket: number | undefined;

  constructor(path: string) {
    this.#path = path;
    this.#to = Buffer.concat([Uint8Array.from([familyUnix, 0]), Buffer.from(`${path}\0`)]);
  }

  send(message: Uint8Array): Outcome {
    if (process.platform !== "linux") return this.#failed("unreachable", "Unix sockets are supported on Linux");
    let calls: Library;
    try {
      calls = library();
    } catch (error) {
      return this.#failed("unreachable", `the C library cannot be called: ${messageOf(error)}`);
    }
    this.#socket ??= calls.socket(familyUnix, datagrams, 0);
    if (this.#socket < 0) {
      this.#socket = undefined;
      return this.#failed("unreachable", `no socket could be made (${nameOf(calls.errno())})`);
    }
    // the address goes with every message: after a restart of the server there is another socket at the same path
    const sent = calls.sendto(this.#socket, message, message.length, atOnce, this.#to, this.#to.length);
    if (sent >= 0) return "sent";
    const code = calls.errno();
    if (code === codes.EAGAIN || code === codes.ENOBUFS || code === codes.EINTR) {
      return this.#failed("busy", "it does not take messages as fast as they come");
    }
    return this.#failed(code === codes.EMSGSIZE ? "refused" : "unreachable", `${this.#path}: ${nameOf(code)}`);
  }

  close(): Promise<void> {
    if (this.#socket !== undefined) library().close(this.#socket);
    this.#socket = undefined;
    return Promise.resolve();
  }

  #failed(outcome: Outcome, fault: string): Outcome {
    this.fault = fault;
    return outcome;
  }
}

/** `ENOENT` and the like. */
function nameOf(code: number): string {
  return Object.entries(codes).find(([, number]) => number === code)?.[0] ?? `error ${code}`;
}
