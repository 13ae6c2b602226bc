/** Datagrams to a syslog server by UDP (RFC 5426). */
import { createSocket, type Socket } from "node:dgram";
import type { Endpoint } from "../../core/engine.ts";
import type { Outcome, SyslogCarrier } from "./carrier.ts";

/** Messages that the system has not taken yet. */
const mostUnderWay = 64;
const closeWithinMs = 500;

export class UdpCarrier implements SyslogCarrier {
  fault = "";
  failedLater = 0;
  readonly #to: Endpoint;
  readonly #socket: Socket;
  #underWay = 0;
  #failed = false;
  #idle: (() => void) | undefined;

  constructor(to: Endpoint) {
    this.#to = to;
    this.#socket = createSocket(to.address.includes(":") ? "udp6" : "udp4");
    this.#socket.unref();
    this.#socket.on("error", (error) => this.#note(error));
  }

  send(message: Uint8Array): Outcome {
    if (this.#failed) {
      // what the system said of an earlier message holds for this one until it is tried again
      this.#failed = false;
      return "unreachable";
    }
    if (this.#underWay >= mostUnderWay) {
      this.fault = "the system does not send as fast as they come";
      return "busy";
    }
    this.#underWay += 1;
    this.#socket.send(message, this.#to.port, this.#to.address, (error) => {
      this.#underWay -= 1;
      if (error !== null) {
        this.failedLater += 1;
        this.#note(error);
      }
      if (this.#underWay === 0) this.#idle?.();
    });
    return "sent";
  }

  async close(): Promise<void> {
    if (this.#underWay > 0) {
      await new Promise<void>((resolve) => {
        const late = setTimeout(resolve, closeWithinMs);
        this.#idle = () => {
          clearTimeout(late);
          resolve();
        };
      });
    }
    this.#socket.close();
  }

  #note(error: Error): void {
    this.#failed = true;
    this.fault = error.message;
  }
}
