/** The data plane saw an SPI: a member without the key for it asks its key server at once. */
import type { Plain } from "../../core/engine.ts";
import { hex } from "../../util/octets.ts";
import { register } from "./registration.ts";
import { count, report } from "./report.ts";
import type { Gm, Group } from "./state.ts";

/** Whatever is seen on the network, it leads to one GROUPKEY-PULL in this time. */
const PULL_EVERY_MS = 5_000;

/**
 * Takes the command; the reply says whether the key is there, else in how many milliseconds it is asked for. A member
 * whose key servers do not answer asks when it would have done so anyway.
 */
export function spiSeen(gm: Gm, group: Group, id: number, text: string): void {
  const spi = text.toLowerCase();
  if (!/^[0-9a-f]{8}$/.test(spi)) {
    const message = "an SPI has 8 hexadecimal digits, such as 0a1b2c3d";
    gm.out.push({ out: "refuse", id, refusal: { code: "bad-spi", message } });
    return;
  }
  const known = isKnown(group, spi);
  const inMs = known ? undefined : ask(gm, group, spi);
  const reply: Plain = { group: group.name, spi, known, ...(inMs !== undefined && { inMs }) };
  gm.out.push({ out: "reply", id, reply });
}

function isKnown(group: Group, spi: string): boolean {
  return [...group.teks.values()].some((tek) => hex(tek.description.spi) === spi);
}

function ask(gm: Gm, group: Group, spi: string): number {
  count(gm, "spi-seen.unknown");
  const { now } = gm.env;
  if (group.attempt !== undefined) return 0;
  const retryAt = gm.deadlines.get(`retry:${group.name}`);
  if (retryAt !== undefined) return Math.max(0, retryAt - now);
  const at = Math.max(now, (group.seen?.pulledAt ?? Number.NEGATIVE_INFINITY) + PULL_EVERY_MS);
  if (at > now) {
    gm.deadlines.set(`seen:${group.name}`, at);
    group.seen = { pulledAt: at - PULL_EVERY_MS, waiting: spi };
  } else pull(gm, group, spi);
  return at - now;
}

/** An SPI that was seen soon after another waited until now. */
export function seenDue(gm: Gm, group: Group): void {
  const spi = group.seen?.waiting;
  if (spi !== undefined && group.attempt === undefined && !isKnown(group, spi)) pull(gm, group, spi);
}

function pull(gm: Gm, group: Group, spi: string): void {
  group.seen = { pulledAt: gm.env.now };
  const figures = { spi };
  report(gm, group.name, "gm.unknown-spi", { cause: "peer", level: "warning", figures });
  register(gm, group, `SPI ${spi} was seen, whose key is not here`);
}
