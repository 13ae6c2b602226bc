/** The life of an established SA: made known, replaced by newer ones, ended. */

import type { Env } from "../core/engine.ts";
import { identityText } from "../core/identity.ts";
import type { Subject } from "../ledger/event.ts";
import { sanitise } from "../ledger/sanitise.ts";
import type { Book } from "./book.ts";
import { EstablishedSa, SAS_PER_IDENTITY } from "./established.ts";
import type { Authenticated, Context, Exchange, Keyed } from "./exchange.ts";
import { deletionOf, protectNotices } from "./informational.ts";
import { proposalText } from "./proposals.ts";

/** Makes the SA of an exchange that is through, and tells of it. */
export function establish(
  book: Book,
  exchange: Exchange,
  keyed: Keyed,
  authenticated: Authenticated,
  lastBlock: Uint8Array,
  ctx: Context,
): void {
  const { env, policy } = ctx;
  const { proof, peer, certificateSubject, certificateEnd, certificate } = authenticated;
  const agreed = Math.min(policy.lifetimeSeconds, keyed.lifeSeconds || policy.lifetimeSeconds);
  const expiresAt = Math.min(env.now + 1000 * agreed, certificateEnd ?? Number.POSITIVE_INFINITY);
  const sa = new EstablishedSa(
    {
      initiatorCookie: keyed.initiatorCookie,
      responderCookie: keyed.responderCookie,
      role: exchange.role,
      local: exchange.local,
      remote: exchange.remote,
      localIdentity: policy.local.identity,
      peerIdentity: proof.identity,
      peerName: peer.name,
      proposal: keyed.proposal,
      doi: exchange.doi,
      skeyidA: keyed.skeyidA,
      encryptionKey: keyed.encryptionKey,
      lastBlock,
      establishedAt: env.now,
      expiresAt,
      ...(certificateSubject === undefined ? {} : { certificateSubject }),
      ...(certificate === undefined ? {} : { certificate }),
    },
    env.crypto,
  );
  book.sas.add(sa);
  book.expireBy(sa.expiresAt);
  ctx.out.push({
    out: "event",
    event: {
      kind: "phase1.established",
      subjects: subjectsOf(sa, env),
      cause: exchange.role === "initiator" ? "policy" : "peer",
      figures: {
        sa: sa.id,
        role: sa.role,
        peer: sa.peerName,
        identity: sanitise(identityText(sa.peerIdentity, env.crypto)),
        remote: sa.remote.address,
        proposal: proposalText(sa.proposal),
        doi: sa.doi,
        lifetimeSeconds: Math.floor((expiresAt - env.now) / 1000),
        notes: authenticated.notes,
        ...(certificateSubject === undefined ? {} : { certificate: sanitise(certificateSubject) }),
      },
      level: "info",
    },
  });
  if (proof.initialContact) replaceOlder(book, sa, ctx);
  const alike = book.sas.like(sa);
  const oldest = alike.at(-1);
  if (oldest !== undefined && alike.length > SAS_PER_IDENTITY) {
    end(book, oldest, "us", `the peer has ${SAS_PER_IDENTITY} newer ones`, true, ctx);
  }
  ctx.upcalls.push({ up: "established", sa });
}

/** INITIAL-CONTACT (RFC 2407 4.6.3.3): the peer remembers no older SA, so none of its identity is of use any more. */
export function replaceOlder(book: Book, sa: EstablishedSa, ctx: Context): void {
  for (const older of book.sas.like(sa)) {
    if (older !== sa && older.establishedAt <= sa.establishedAt) {
      end(book, older, "peer", "the peer started anew (INITIAL-CONTACT)", false, ctx);
    }
  }
}

/** Ends the SAs whose lifetime is over. */
export function expire(book: Book, ctx: Context): void {
  let next = Number.POSITIVE_INFINITY;
  for (const sa of book.sas.all()) {
    if (sa.expiresAt <= ctx.env.now) end(book, sa, "expiry", "its lifetime is over", true, ctx);
    else next = Math.min(next, sa.expiresAt);
  }
  // every SA is looked at, so not more often than once a second
  if (Number.isFinite(next)) book.expireBy(Math.max(next, ctx.env.now + 1000));
}

/** Forgets an SA; `announce` sends the peer a protected D of it. */
export function end(
  book: Book,
  sa: EstablishedSa,
  by: "peer" | "expiry" | "us",
  why: string,
  announce: boolean,
  ctx: Context,
): void {
  if (!book.sas.remove(sa)) return;
  book.answers.drop(sa.id);
  if (announce) {
    const bytes = protectNotices(sa, [deletionOf(sa)], ctx.env);
    ctx.out.push({ out: "send", from: sa.local, to: sa.remote, bytes });
  }
  ctx.out.push({
    out: "event",
    event: {
      kind: "phase1.deleted",
      subjects: subjectsOf(sa, ctx.env),
      cause: by === "peer" ? "peer" : by === "expiry" ? "timer" : "policy",
      reason: why,
      figures: { sa: sa.id, by, heldSeconds: Math.round((ctx.env.now - sa.establishedAt) / 1000) },
      level: "info",
    },
  });
  ctx.upcalls.push({ up: "deleted", sa, by });
}

/** The peer's address and identity: an SA belongs to the story of both. */
export function subjectsOf(sa: EstablishedSa, env: Env): [Subject, Subject] {
  return [
    { kind: "phase1", name: sa.remote.address },
    { kind: "phase1", name: sanitise(identityText(sa.peerIdentity, env.crypto)) },
  ];
}
