/** What carries datagrams to a syslog server. */

/** `busy`: again a little later. `unreachable`: nobody is there, for a while. `refused`: this one will never be taken. */
export type Outcome = "sent" | "busy" | "unreachable" | "refused";

export interface SyslogCarrier {
  /** Sends one message, or says at once why not; never waits. */
  send(message: Uint8Array): Outcome;
  /** Why the last message was not sent, for people. */
  readonly fault: string;
  /** Messages of which it turned out later that they were not sent. */
  readonly failedLater: number;
  /** Lets go of what is under way, for half a second at most. */
  close(): Promise<void>;
}
