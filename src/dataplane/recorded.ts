/**
 * A data plane that carries nothing and writes everything down: which pairs of ESP SAs stand, as plain data without their
 * keys, for the status and the ledger. Somebody else may report what traffic there was (`keyherald traffic`).
 */
import { EncryptionTransform, IntegrityTransform } from "../iana/ikev2.ts";
import { nameOf } from "../iana/names.ts";
import { selectorText } from "../ikev2/selector-text.ts";
import type { LedgerEvent } from "../ledger/event.ts";
import type { DataPlane } from "../sad/data-plane.ts";
import type { ChildSadChange, ChildSaPair, ChildSaTraffic } from "../sad/sad.ts";
import { endpointText } from "../util/address.ts";
import { hex } from "../util/octets.ts";

/** A pair as it is shown. */
export interface RecordedPair {
  readonly connection: string;
  readonly child: string;
  readonly mode: "tunnel" | "transport";
  readonly spiIn: string;
  readonly spiOut: string;
  /** Names of transforms, and the key's bits where there is a choice: `ENCR_AES_GCM_16 256`. */
  readonly encryption: string;
  readonly integrity?: string;
  readonly esn: boolean;
  readonly local: string;
  readonly remote: string;
  readonly encapsulated: boolean;
  /** Whether it is used for sending; else it only receives yet. */
  readonly outbound: boolean;
  readonly localSelectors: readonly string[];
  readonly remoteSelectors: readonly string[];
}

export class RecordedPlane implements DataPlane {
  readonly #pairs = new Map<string, RecordedPair>();
  readonly #tell: (event: LedgerEvent) => void;

  /** @param tell records an event. */
  constructor(tell: (event: LedgerEvent) => void) {
    this.#tell = tell;
  }

  change(change: ChildSadChange): void {
    if (change.change === "install-child") {
      const pair = recorded(change.pair, change.outbound);
      this.#pairs.set(pair.spiIn, pair);
      this.#told("installed", pair);
      return;
    }
    const spi = hex(change.spiIn);
    const before = this.#pairs.get(spi);
    if (before === undefined) return;
    if (change.change === "remove-child") {
      this.#pairs.delete(spi);
      this.#told("removed", before);
      return;
    }
    const after: RecordedPair =
      change.change === "activate-child"
        ? { ...before, outbound: true }
        : {
            ...before,
            local: endpointText(change.local),
            remote: endpointText(change.remote),
            encapsulated: change.encapsulated,
          };
    this.#pairs.set(spi, after);
    this.#told(change.change === "activate-child" ? "activated" : "moved", after);
  }

  traffic(): readonly ChildSaTraffic[] {
    return [];
  }

  /** Everything that stands, in the order in which it was installed. */
  get pairs(): readonly RecordedPair[] {
    return [...this.#pairs.values()];
  }

  #told(what: "installed" | "activated" | "moved" | "removed", pair: RecordedPair): void {
    this.#tell({
      kind: `sad.${what}`,
      subjects: [{ kind: "child-sa", name: pair.spiIn }],
      cause: "policy",
      level: "info",
      figures: { ...pair },
    });
  }
}

function recorded(pair: ChildSaPair, outbound: boolean): RecordedPair {
  const { connection, child, mode, esn, encapsulated, keyBits, integrity } = pair;
  const encryption = nameOf(EncryptionTransform, pair.encryption);
  const shown = {
    connection,
    child,
    mode,
    spiIn: hex(pair.spiIn),
    spiOut: hex(pair.spiOut),
    encryption: keyBits === undefined ? encryption : `${encryption} ${keyBits}`,
    esn,
    local: endpointText(pair.local),
    remote: endpointText(pair.remote),
    encapsulated,
    outbound,
    localSelectors: pair.localSelectors.map(selectorText),
    remoteSelectors: pair.remoteSelectors.map(selectorText),
  };
  return integrity === undefined ? shown : { ...shown, integrity: nameOf(IntegrityTransform, integrity) };
}
