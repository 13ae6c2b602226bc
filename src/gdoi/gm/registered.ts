/** What a complete GROUPKEY-PULL changes (RFC 6407 3.3). */
import { hex } from "../../util/octets.ts";
import type { Download } from "./exchange.ts";
import { releaseKept } from "./expiry.ts";
import { followMulticast, installTeks, rekeyState, removeTek, replaceRekey, tekName } from "./keys.ts";
import { localTowards } from "./own-address.ts";
import { count, report } from "./report.ts";
import { registerSoon, scheduleKeys, straysJudged } from "./schedule.ts";
import type { Attempt, Gm, Group } from "./state.ts";
import { groupView } from "./view.ts";

/** Takes policy and keys over, unless a push overtook them. */
export function registered(gm: Gm, group: Group, attempt: Extract<Attempt, { at: "pull" }>, download: Download): void {
  const { now } = gm.env;
  const { sa } = attempt.pull;
  const { contents, kek, keys } = download;
  if (overtaken(group, attempt, download)) {
    count(gm, "pull.overtaken");
    registerSoon(gm, group, "overtaken", "a push came while it registered, and was newer", { atOnce: true });
    return;
  }
  const kept = (contents.rekey && hex(contents.rekey.spi)) === group.rekey?.spi;
  straysJudged(group, !kept || contents.teks.some((tek) => !group.teks.has(tekName(tek.protocolId, tek.spi))));
  // not sa.local, which is a wildcard where the socket's address is one
  const local = localTowards(gm.policy, sa.peerName) ?? sa.local;
  group.registration = { keyServer: sa.peerName, local, at: now };
  group.delays = contents.delays ?? {};
  group.sids = keys.sids;
  if (contents.rekey !== undefined && kek !== undefined) {
    const same = group.rekey?.spi === hex(contents.rekey.spi) ? group.rekey.seq : 0;
    replaceRekey(gm, group, rekeyState(gm, group, contents.rekey, kek, Math.max(download.seq, same)));
  } else {
    replaceRekey(gm, group, undefined);
    followMulticast(gm, group);
  }
  group.retired = group.retired.filter((spi) => spi !== group.rekey?.spi);
  group.path = kek?.path;
  group.handover = undefined;
  const current = new Set(contents.teks.map((tek) => tekName(tek.protocolId, tek.spi)));
  const removeAt = now + 1000 * (group.delays.deactivationSeconds ?? 0);
  if (download.teks.length > 0) {
    for (const name of [...group.teks.keys()]) if (!current.has(name)) removeTek(gm, group, name, removeAt);
  }
  installTeks(gm, group, download.teks);
  releaseKept(gm, group);
  afterwards(gm, group, attempt, download);
}

/**
 * Whether a push that was accepted during the exchange is newer than what the exchange brought: its SEQ is above the
 * one of message 4, or it replaced the KEK. TEKs that it deleted would come back otherwise. A SEQ that is below ours
 * without such a push is stale, and ignored alone (RFC 6407 3.3).
 */
function overtaken(group: Group, { pull }: Extract<Attempt, { at: "pull" }>, { contents, seq }: Download): boolean {
  if (contents.rekey === undefined || group.pushesAccepted === pull.pushesBefore) return false;
  const spi = hex(contents.rekey.spi);
  return group.retired.includes(spi) || (group.rekey?.spi === spi && seq < group.rekey.seq);
}

function afterwards(gm: Gm, group: Group, attempt: Extract<Attempt, { at: "pull" }>, download: Download): void {
  const { now } = gm.env;
  const silent = group.failingSince === undefined ? undefined : now - group.failingSince;
  group.failingSince = undefined;
  group.failedRounds = 0;
  group.lastError = undefined;
  count(gm, "registered");
  scheduleKeys(gm, group);
  const { rekey } = group;
  const other = download.contents.otherProtocols;
  report(gm, group.name, "gm.registered", {
    cause: "policy",
    reason: attempt.why,
    figures: {
      keyServer: attempt.pull.sa.peerName,
      teks: download.teks.length,
      sids: group.sids?.values.length ?? 0,
      ...(rekey && { kek: rekey.spi, seq: rekey.seq, ack: rekey.sa.ack ?? 0 }),
      ...(silent !== undefined && { silentMs: silent }),
      ...(other.length > 0 && { otherProtocols: other.map(String) }),
    },
  });
  const asked = group.oneSid ? group.config.sids : download.asked;
  group.oneSid = false;
  if ((group.sids?.values.length ?? 0) < asked && asked > 1) {
    const figures = { asked, given: group.sids?.values.length ?? 0 };
    report(gm, group.name, "gm.fewer-sids", { cause: "peer", level: "warning", figures });
  }
  for (const id of group.commands.splice(0)) gm.out.push({ out: "reply", id, reply: { ...groupView(gm, group) } });
}
