/** Security events on their way to syslog: in order, never waited for, and what does not get there is counted. */
import { hostname } from "node:os";
import type { SyslogPolicy } from "../../config/types.ts";
import { type SecurityEventNames, securityEvent } from "../../ledger/security-events.ts";
import type { StoredEvent } from "../../ledger/story.ts";
import { version } from "../version.ts";
import type { SyslogCarrier } from "./carrier.ts";
import { type MessageForm, type Origin, syslogMessage } from "./message.ts";
import { UdpCarrier } from "./udp-carrier.ts";
import { UnixCarrier } from "./unix-carrier.ts";

/** Messages that wait for a server that is away or slow; what comes on top is lost, for the first ones tell the cause. */
const mostWaiting = 1000;
const busyMs = 50;
const awayMs = 1000;
/** Trouble that comes and goes is told no more often. */
const troubleEveryMs = 60_000;

/** Told when the server cannot be reached, and when it has everything that waited, with the number of those that found no room. */
export type SyslogTrouble = (what: { readonly fault: string } | { readonly lost: number }) => void;

export class Syslog {
  readonly #carrier: SyslogCarrier;
  readonly #form: MessageForm;
  readonly #origin: Origin;
  readonly #trouble: SyslogTrouble;
  #waiting: Buffer[] = [];
  #timer: NodeJS.Timeout | undefined;
  #away = false;
  #troubleTold = Number.NEGATIVE_INFINITY;
  #sent = 0;
  #lost = 0;
  #lostUntold = 0;

  constructor(policy: SyslogPolicy, trouble: SyslogTrouble, carrier: SyslogCarrier = carrierFor(policy)) {
    this.#carrier = carrier;
    this.#form = policy.format;
    this.#origin = { facility: policy.facility, host: hostname(), pid: process.pid, version };
    this.#trouble = trouble;
  }

  /** Sends the event when it is a security event. @param names what the operator calls them. */
  write(event: StoredEvent, names?: SecurityEventNames): void {
    const security = securityEvent(event, names);
    if (security === undefined) return;
    if (this.#waiting.length >= mostWaiting) {
      this.#lost += 1;
      this.#lostUntold += 1;
      return;
    }
    this.#waiting.push(syslogMessage(this.#form, this.#origin, event, security));
    if (this.#timer === undefined) this.#drain();
  }

  /** Messages sent, lost and waiting. */
  counters(): Record<string, number> {
    const failed = this.#carrier.failedLater;
    return {
      "syslog.sent": this.#sent - failed,
      "syslog.lost": this.#lost + failed,
      "syslog.waiting": this.#waiting.length,
    };
  }

  /** Sends what it can, for half a second at most, and ends. */
  async close(): Promise<void> {
    clearTimeout(this.#timer);
    this.#drain();
    clearTimeout(this.#timer);
    await this.#carrier.close();
  }

  #drain(): void {
    this.#timer = undefined;
    let done = 0;
    for (const message of this.#waiting) {
      const outcome = this.#carrier.send(message);
      if (outcome === "busy" || outcome === "unreachable") {
        this.#later(outcome);
        break;
      }
      done += 1;
      if (outcome === "refused") this.#lost += 1;
      else this.#sent += 1;
    }
    this.#waiting.splice(0, done);
    if (this.#waiting.length > 0 || (!this.#away && this.#lostUntold === 0)) return;
    const lost = this.#lostUntold;
    this.#away = false;
    this.#lostUntold = 0;
    this.#trouble({ lost });
  }

  #later(outcome: "busy" | "unreachable"): void {
    if (outcome === "unreachable" && !this.#away && performance.now() - this.#troubleTold >= troubleEveryMs) {
      this.#away = true;
      this.#troubleTold = performance.now();
      this.#trouble({ fault: this.#carrier.fault });
    }
    this.#timer = setTimeout(() => this.#drain(), outcome === "busy" ? busyMs : awayMs);
    this.#timer.unref();
  }
}

function carrierFor({ to }: SyslogPolicy): SyslogCarrier {
  return to.transport === "unix" ? new UnixCarrier(to.path) : new UdpCarrier(to.endpoint);
}
