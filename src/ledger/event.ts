/** One entry of the ledger, as an engine states it. Nothing in it is secret. */

export type Cause = "peer" | "operator" | "timer" | "policy" | "failure";

/**
 * Whose life an event belongs to. `kind` is one of the ledger's subjects, `name` what people call it:
 * a group's name, a member's name or address within its group (`GROUP/MEMBER`), a rekey (`GROUP/SEQ`),
 * a peer's address or identity for Phase 1, a connection's name, an IKE SA (`SPIi_SPIr` in hex), a Child SA (its inbound
 * SPI in hex), `server` for the daemon itself.
 */
export interface Subject {
  readonly kind: "server" | "phase1" | "group" | "member" | "rekey" | "connection" | "ike-sa" | "child-sa";
  readonly name: string;
}

export interface LedgerEvent {
  /** `area.what-happened`, declared in ledger/catalogue/. */
  readonly kind: string;
  /** First the one it happened to, then all others whose story it belongs to. */
  readonly subjects: readonly [Subject, ...Subject[]];
  readonly cause: Cause;
  /** What a person reads as the reason; foreign text must have gone through the sanitiser. */
  readonly reason?: string;
  /** What this is a consequence of: the newest event of that kind about that subject. */
  readonly because?: { readonly kind: string; readonly subject: Subject };
  /** Names and values that the sentence is made of, and that figures are drawn from. */
  readonly figures?: Readonly<Record<string, string | number | boolean | readonly string[]>>;
  /** info: normal life; warning: somebody should look; alert: somebody must. */
  readonly level: "info" | "warning" | "alert";
}

/** What a sentence is made of: an event before or after it was stored. */
export type Told = Omit<LedgerEvent, "because">;
