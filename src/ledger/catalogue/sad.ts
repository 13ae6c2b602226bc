/** Events of the data plane: pairs of ESP SAs as plain data. The subject is the Child SA. */
import { type Catalogue, listed, names, text } from "./form.ts";

type Event = Parameters<typeof text>[0];

function pair(event: Event): string {
  return `Child SA ${text(event, "spiIn")} (in) and ${text(event, "spiOut")} (out) of ${text(event, "connection")}/${text(event, "child")}`;
}

function between(event: Event): string {
  return `${listed(names(event, "localSelectors"))} and ${listed(names(event, "remoteSelectors"))}`;
}

function way(event: Event): string {
  const inUdp = event.figures?.["encapsulated"] === true ? ", inside UDP" : "";
  return `from ${text(event, "local")} to ${text(event, "remote")}${inUdp}`;
}

/**
 * Kinds that start with `sad.`. figures: connection, child, mode, spiIn, spiOut, encryption, integrity, esn, local, remote,
 * localSelectors, remoteSelectors (lists), encapsulated, outbound.
 */
export const sadEvents: Catalogue = {
  "sad.installed": {
    sentence: (e) =>
      `${pair(e)} recorded in ${text(e, "mode")} mode between ${between(e)}, ${way(e)}, ${text(e, "encryption")}`,
  },
  "sad.activated": { sentence: (e) => `${pair(e)} is used for sending from now on` },
  "sad.moved": { sentence: (e) => `${pair(e)} goes ${way(e)} from now on` },
  "sad.removed": { sentence: (e) => `${pair(e)} removed` },
};
