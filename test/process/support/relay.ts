/** A UDP relay between one member and the key server that writes down every datagram of the key server. */
import { createSocket, type Socket } from "node:dgram";
import type { Endpoint } from "../../../src/core/engine.ts";

export class Relay {
  /** What the key server sent by this relay, in order. */
  readonly fromKeyServer: Uint8Array[] = [];
  readonly #socket: Socket;

  private constructor(socket: Socket, keyServer: Endpoint, member: Endpoint) {
    this.#socket = socket;
    socket.on("message", (bytes, from) => {
      const toMember = from.address === keyServer.address && from.port === keyServer.port;
      if (toMember) this.fromKeyServer.push(new Uint8Array(bytes));
      const to = toMember ? member : keyServer;
      socket.send(bytes, to.port, to.address);
    });
  }

  /** Stands at `at` for the key server, as the member sees it, and for the member, as the key server sees it. */
  static open(at: Endpoint, keyServer: Endpoint, member: Endpoint): Promise<Relay> {
    const socket = createSocket("udp4");
    return new Promise((resolve, reject) => {
      socket.once("error", reject);
      socket.bind(at.port, at.address, () => resolve(new Relay(socket, keyServer, member)));
    });
  }

  close(): Promise<void> {
    return new Promise((resolve) => this.#socket.close(() => resolve()));
  }
}
