/** Those who follow the ledger as it grows. */
import type { EventView } from "../api/views.ts";
import { type SecurityEventNames, securityEvent } from "../ledger/security-events.ts";
import { type StoredEvent, sentence } from "../ledger/story.ts";

/** An event as the control API shows it. @param names what the operator calls security events. */
export function viewOf(event: StoredEvent, names?: SecurityEventNames): EventView {
  const { id, at, kind, subjects, cause, level, reason, because, figures } = event;
  const security = securityEvent(event, names);
  return {
    id,
    at,
    kind,
    subjects: subjects.map((subject) => ({ ...subject })),
    cause,
    level,
    ...(reason === undefined ? {} : { reason }),
    ...(because === undefined ? {} : { because }),
    ...(figures === undefined ? {} : { figures: structuredClone(figures) as NonNullable<EventView["figures"]> }),
    ...(security === undefined ? {} : { securityEvent: security.name, severity: security.severity }),
    ...(security?.id === undefined ? {} : { securityEventId: security.id }),
    text: sentence(event),
  };
}

/** True when `text` names a subject of the event: its whole name, or what follows the first `/` of it. */
export function concerns(event: StoredEvent, text: string): boolean {
  return event.subjects.some(({ name }) => name === text || name.slice(name.indexOf("/") + 1) === text);
}

export class Followers {
  readonly #all = new Set<{ subject: string | undefined; tell: (event: EventView) => void }>();

  /** @returns what ends it. */
  add(subject: string | undefined, tell: (event: EventView) => void): () => void {
    const follower = { subject, tell };
    this.#all.add(follower);
    return () => void this.#all.delete(follower);
  }

  publish(event: StoredEvent, names?: SecurityEventNames): void {
    if (this.#all.size === 0) return;
    const view = viewOf(event, names);
    for (const { subject, tell } of this.#all) {
      if (subject === undefined || concerns(event, subject)) tell(view);
    }
  }
}
