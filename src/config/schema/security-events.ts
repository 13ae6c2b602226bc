/** `securityEvents`: what the operator's edition of IEC 62351 calls events. */
import * as z from "zod";
import { securityEventTable, severities } from "../../ledger/security-event-table.ts";
import type { SecurityEventNames } from "../../ledger/security-events.ts";
import { checked, choice, field, section, shown, textOf, Wrong } from "../field.ts";
import { didYouMean } from "../suggest.ts";

const sorts = Object.keys(securityEventTable);
/** MSGID of RFC 5424 6.2.7, which the name is when there is no ID. */
const longestWithoutId = 32;

/** MNEMONIC of IEC 62351-14 has 64 characters at most. */
function eventName() {
  return field("1 to 64 letters, digits, underscores, dots and hyphens", (input) => {
    const name = textOf(input);
    if (!/^[\w.-]{1,64}$/.test(name)) throw new Wrong(`${shown(name)} cannot be the name of an event`);
    return name;
  });
}

/** DomainID:EventGroup.EventNumber, at most 32 characters. */
function eventId() {
  return field("DOMAIN:GROUP.NUMBER, such as IEC62351-9:5.1", (input) => {
    const id = textOf(input);
    const [, group, number] = /^[A-Za-z0-9-]{1,20}:([1-9]\d{0,4})\.([1-9]\d{0,4})$/.exec(id) ?? [];
    if (group === undefined || Number(group) > 65_535 || Number(number) > 65_535) {
      throw new Wrong(`${shown(id)} is no number of an event`);
    }
    return id;
  });
}

/** The section `securityEvents`: by sort, what is to be another. */
export function securityEventsSection() {
  const entry = section({
    name: eventName().optional(),
    id: eventId().optional(),
    severity: choice(...severities).optional(),
  });
  return checked(z.record(z.string(), entry), (given, report) => {
    for (const [sort, one] of Object.entries(given)) {
      const known = Object.hasOwn(securityEventTable, sort);
      if (!known) {
        const message = `"${sort}" is no sort of security event${didYouMean(sort, sorts)}`;
        report([sort], message, "a sort of the table in docs/iec-61850.md, such as phase1.certificate-revoked");
        continue;
      }
      if (one === undefined) continue;
      if (Object.values(one).every((value) => value === undefined))
        report([sort], "says nothing", "a name, id or severity");
      const own: { readonly id?: string } = securityEventTable[sort as keyof typeof securityEventTable];
      if ((one.name?.length ?? 0) > longestWithoutId && one.id === undefined && own.id === undefined) {
        const message = `a name of ${one.name?.length} characters needs an id: syslog carries ${longestWithoutId} without one`;
        report([sort, "name"], message, `at most ${longestWithoutId} characters, or an id`);
      }
    }
  });
}

/** The names of a checked section. */
export function buildSecurityEvents(given: z.output<ReturnType<typeof securityEventsSection>>): SecurityEventNames {
  return new Map(
    Object.entries(given).map(([sort, { name, id, severity }]) => [
      sort,
      { ...(name !== undefined && { name }), ...(id !== undefined && { id }), ...(severity && { severity }) },
    ]),
  );
}
