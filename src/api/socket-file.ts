/** The Unix socket's file: who may have it, and what to do with one that a dead daemon left. */
import { chmodSync, lstatSync, mkdirSync, unlinkSync } from "node:fs";
import { connect, type Server } from "node:net";
import { dirname } from "node:path";

/** The socket cannot be had; the message says what to do. */
export class SocketFileError extends Error {
  readonly code: "in-use" | "not-a-socket" | "no-permission" | "too-long" | "failed";
  constructor(code: SocketFileError["code"], message: string) {
    super(message);
    this.name = "SocketFileError";
    this.code = code;
  }
}

/** sun_path of Linux, less its NUL. */
const longestPath = 107;

/**
 * Lets `server` listen on `path` with mode 0600, and removes a socket there that nobody answers on. A directory that
 * is missing is made with mode 0700.
 * @throws SocketFileError
 */
export async function claimSocket(path: string, server: Server): Promise<void> {
  if (Buffer.byteLength(path) > longestPath) {
    throw new SocketFileError(
      "too-long",
      `the control socket's path ${path} is longer than ${longestPath} octets; choose a shorter one`,
    );
  }
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    await removeStale(path);
    await listen(path, server);
  } catch (error) {
    throw problem(path, error);
  }
}

async function removeStale(path: string): Promise<void> {
  const there = lstatSync(path, { throwIfNoEntry: false });
  if (there === undefined) return;
  if (!there.isSocket()) {
    throw new SocketFileError(
      "not-a-socket",
      `${path} exists and is not a socket; remove it, or set control.socket to another path`,
    );
  }
  if (await answers(path)) {
    throw new SocketFileError(
      "in-use",
      `another keyherald answers on ${path}; stop it first, or set control.socket to another path`,
    );
  }
  unlinkSync(path);
}

/** Whether somebody accepts connections there. */
function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    const end = (answer: boolean) => {
      socket.destroy();
      resolve(answer);
    };
    socket.once("connect", () => end(true));
    socket.once("error", (error: NodeJS.ErrnoException) => end(error.code === "EACCES" || error.code === "EAGAIN"));
  });
}

/** The file is created within listen(), so nobody else can connect before its mode is right. */
function listen(path: string, server: Server): Promise<void> {
  return new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    const before = process.umask(0o177);
    try {
      server.listen(path, () => {
        server.removeListener("error", reject);
        resolve();
      });
    } finally {
      process.umask(before);
    }
  }).then(() => chmodSync(path, 0o600));
}

function problem(path: string, error: unknown): SocketFileError {
  if (error instanceof SocketFileError) return error;
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  if (code === "EACCES" || code === "EPERM" || code === "EROFS") {
    return new SocketFileError(
      "no-permission",
      `no permission to make the control socket ${path}; set control.socket to a path in a directory of your own`,
    );
  }
  return new SocketFileError(
    "failed",
    `the control socket ${path} cannot be made: ${error instanceof Error ? error.message : String(error)}`,
  );
}
