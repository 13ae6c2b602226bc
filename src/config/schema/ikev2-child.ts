/** What a Child SA of a connection is to be. */
import type * as z from "zod";
import { defaultEspProposals } from "../../ikev2/suite.ts";
import type { ChildPolicy } from "../../ikev2/types.ts";
import { equal } from "../../util/octets.ts";
import { checked, choice, integer, type Loose, list, type Report, section } from "../field.ts";
import { espProposal, trafficSelector } from "../ikev2-values.ts";
import { durationOrNever, name, share } from "../values.ts";

const hourMs = 3_600_000;
/** An SA that is not rekeyed by then ends: so much longer than the time until it is rekeyed. */
const leeway = 1.1;

/** When an SA is rekeyed, and when it ends: of IKE SAs and Child SAs alike. */
export function lifeShape(rekeyMs: number) {
  return {
    rekey: durationOrNever("10s", "30d").default(rekeyMs),
    lifetime: durationOrNever("10s", "60d").optional(),
    jitter: share(0, 50).default(0.1),
  };
}

/** Reports an SA that would end before it is rekeyed. */
export function checkLife({ rekey, lifetime }: Loose<{ rekey: number; lifetime?: number }>, report: Report): void {
  if (rekey === undefined || lifetime === undefined || rekey === Number.POSITIVE_INFINITY || lifetime > rekey) return;
  report(["lifetime"], "ends before it is rekeyed", "a time longer than `rekey`");
}

/** The times of a checked section. */
export function buildLife({
  rekey,
  lifetime,
  jitter,
}: {
  rekey: number;
  lifetime?: number | undefined;
  jitter: number;
}) {
  return { rekeyMs: rekey, lifetimeMs: lifetime ?? Math.round(rekey * leeway), jitter };
}

function childShape() {
  return section({
    name: name(),
    mode: choice("tunnel", "transport").default("tunnel"),
    local: list(trafficSelector(), 0, 64).prefault([]),
    remote: list(trafficSelector(), 0, 64).prefault([]),
    proposals: list(espProposal(), 1, 20).optional(),
    ...lifeShape(hourMs),
    rekeyOctets: integer(1_000_000, Number.MAX_SAFE_INTEGER).optional(),
    rekeyPackets: integer(1_000, Number.MAX_SAFE_INTEGER).optional(),
    inactivity: durationOrNever("1s", "30d").default(Number.POSITIVE_INFINITY),
    start: choice("connection", "manual").default("connection"),
  });
}

/** What stands in the list `children`. */
export type ChildSection = z.output<ReturnType<typeof childShape>>;

/** One entry of `children`. */
export function childSection(): z.ZodType<ChildSection> {
  return checked(childShape(), checkChild);
}

function checkChild(child: Loose<ChildSection>, report: Report): void {
  checkLife(child, report);
  for (const side of ["local", "remote"] as const) {
    child[side]?.forEach((selector, index) => {
      if (child.mode !== "transport" || selector === undefined) return;
      if (equal(selector.value.startAddress, selector.value.endAddress)) return;
      const expected = "one address, nothing for that of the two ends, or mode: tunnel";
      report([side, index], "transport mode is for traffic between two hosts, not networks", expected);
    });
  }
  const families = (side: Loose<ChildSection>["local"]) =>
    (side ?? []).flatMap((selector) => selector?.value.startAddress.length ?? []);
  const [local, remote] = [families(child.local), families(child.remote)];
  if (local.length > 0 && remote.length > 0 && !local.some((family) => remote.includes(family))) {
    report(["remote"], "is of another IP version than `local`: nothing could flow", "addresses of the same IP version");
  }
}

/** The policy of a checked entry. */
export function buildChild(child: ChildSection): ChildPolicy {
  return {
    name: child.name,
    mode: child.mode,
    localSelectors: child.local.map(({ value }) => value),
    remoteSelectors: child.remote.map(({ value }) => value),
    proposals: child.proposals?.map(({ value }) => value) ?? defaultEspProposals,
    ...buildLife(child),
    rekeyOctets: child.rekeyOctets ?? Number.POSITIVE_INFINITY,
    rekeyPackets: child.rekeyPackets ?? Number.POSITIVE_INFINITY,
    inactivityMs: child.inactivity,
    start: child.start,
  };
}
