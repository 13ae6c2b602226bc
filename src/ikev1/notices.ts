/** What an Informational exchange changes: of an SA when it is protected, nothing when it is not. */
import type { Datagram } from "../core/engine.ts";
import { Flag, NotifyType } from "../iana/isakmp.ts";
import { equal } from "../util/octets.ts";
import type { Header } from "../wire/payloads.ts";
import type { Book } from "./book.ts";
import { type EstablishedSa, saId } from "./established.ts";
import type { Context, InitiatorExchange } from "./exchange.ts";
import {
  deletedIds,
  type Notices,
  noteInTheClear,
  notificationText,
  openNotices,
  refusalBehindKeys,
} from "./informational.ts";
import { end, replaceOlder, subjectsOf } from "./sa-life.ts";

/** A datagram of an Informational exchange; what is not genuine is counted and dropped. */
export function receiveInformational(book: Book, datagram: Datagram, header: Header, ctx: Context): void {
  const ours = book.halfOpen.initiator(header.initiatorCookie);
  const attempt = ours?.remote.address === datagram.from.address ? ours : undefined;
  const refused =
    (header.flags & Flag.ENCRYPTION) === 0
      ? noteInTheClear(datagram, attempt, ctx)
      : attempt?.state.at === "ID-SENT"
        ? takeRefusal(attempt, datagram, header, ctx)
        : takeProtected(book, datagram, header, ctx);
  if (refused !== undefined) book.reports.drop(...refused, datagram.from, ctx.env, ctx.out);
}

/**
 * The responder refuses message 5, behind the keys that both have by then. Somebody on the way may have altered what it
 * refuses, so the message is sent once more before the attempt is given up.
 */
function takeRefusal(
  attempt: InitiatorExchange,
  datagram: Datagram,
  header: Header,
  ctx: Context,
): readonly [string, string] | undefined {
  const { state } = attempt;
  if (state.at !== "ID-SENT" || !equal(state.keyed.responderCookie, header.responderCookie)) {
    return ["cookie", "another responder cookie"];
  }
  const said = refusalBehindKeys(state.keyed, datagram, header, ctx.env);
  if (said === undefined) return ["forged-informational", "not protected with the keys of this exchange"];
  attempt.refusal = said;
  return undefined;
}

function takeProtected(
  book: Book,
  datagram: Datagram,
  header: Header,
  ctx: Context,
): readonly [string, string] | undefined {
  const sa = book.sas.get(saId(header.initiatorCookie, header.responderCookie));
  if (sa === undefined) return ["unknown-cookies", "Informational exchange of no SA here"];
  const notices = openNotices(sa, header, datagram.bytes, ctx.env);
  if (!notices.ok) return ["forged-informational", notices.error];
  if (!sa.takeMessageId(header.messageId)) {
    book.reports.count("drop.replay");
    return undefined;
  }
  // genuine and new, so this is where the peer is now
  sa.remote = datagram.from;
  sa.local = datagram.via;
  act(book, sa, notices.value, ctx);
  return undefined;
}

function act(book: Book, sa: EstablishedSa, { notifications, deletes }: Notices, ctx: Context): void {
  const { env, out } = ctx;
  for (const notification of notifications) {
    if (notification.notifyType === NotifyType.INITIAL_CONTACT) replaceOlder(book, sa, ctx);
    book.reports.tell(`notification ${notification.notifyType}`, sa.remote, env, out, (times) => ({
      kind: "phase1.notification",
      subjects: subjectsOf(sa, env),
      cause: "peer",
      reason: notificationText(notification),
      figures: { sa: sa.id, type: notification.notifyType, times },
      level: "info",
    }));
    ctx.upcalls.push({ up: "notification", sa, notification });
  }
  for (const id of deletes.flatMap(deletedIds)) {
    const deleted = book.sas.get(id);
    // an SA may delete itself, and others of the same peer
    if (deleted !== undefined && deleted.peerKey === sa.peerKey) {
      end(book, deleted, "peer", "the peer deleted it", false, ctx);
    }
  }
}
