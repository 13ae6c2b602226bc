/** UDP sockets of this process inside a network namespace: the thread enters it for as long as it takes to make one. */
import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import { closeSync, openSync } from "node:fs";
import { createRequire } from "node:module";
import type { Endpoint } from "../../src/core/engine.ts";
import type { Namespace } from "./namespace.ts";
import type { BoundSocket } from "./socket-host.ts";

const CLONE_NEWNET = 0x4000_0000;

/** A socket in `namespace`, bound to `local`. @throws when the kernel refuses */
export async function boundIn(namespace: Namespace, local: Endpoint): Promise<BoundSocket> {
  const socket = within(namespace, () => {
    const made = createSocket({
      type: local.address.includes(":") ? "udp6" : "udp4",
      // the socket is made by bind(), which for a numeric address would come after a turn of the event loop
      lookup: (address, _options, callback) => callback(null, address, 0),
    });
    made.bind(local.port, local.address);
    return made;
  });
  await listening(socket);
  return { socket, local };
}

async function listening(socket: Socket): Promise<void> {
  try {
    socket.address();
  } catch {
    await once(socket, "listening");
  }
}

/** Runs `make`, which must not wait for anything, on this thread inside the namespace. */
function within<T>(namespace: Namespace, make: () => T): T {
  const koffi: typeof import("koffi") = createRequire(import.meta.url)("koffi");
  const setns = koffi.load(null).func("int setns(int fd, int nstype)");
  const enter = (file: number) => {
    if (setns(file, CLONE_NEWNET) !== 0) throw new Error(`setns: errno ${koffi.errno()}`);
  };
  const own = openSync("/proc/thread-self/ns/net", "r");
  const there = openSync(`/run/netns/${namespace.name}`, "r");
  try {
    enter(there);
    try {
      return make();
    } finally {
      enter(own);
    }
  } finally {
    closeSync(there);
    closeSync(own);
  }
}
