import { expect, test } from "vitest";
import { routineKinds, type Sort, securityEventTable } from "../../src/ledger/security-event-table.ts";
import { documentText } from "../support/documents.ts";

const table: Readonly<Record<string, Sort>> = securityEventTable;

test("docs/iec-61850.md has every security event with its severity, name and ID", () => {
  const text = documentText("docs/iec-61850.md");
  const shown = new Map<string, Sort>();
  for (const [, sort = "", severity = "", name = "", id = ""] of text.matchAll(
    /^\| `([a-z0-9.-]+)` \| [^|]+ \| (\w+) \| `(\w+)` \| (\S+) \|$/gmu,
  )) {
    shown.set(sort, { severity: severity as Sort["severity"], name, id });
  }
  for (const [, severity = "", sorts = ""] of text.matchAll(/^\| (notice|warning|error|alarm) \| (.+) \|$/gmu)) {
    for (const [, sort = ""] of sorts.matchAll(/`([a-z0-9.-]+)`/gu)) {
      shown.set(sort, { severity: severity as Sort["severity"] });
    }
  }
  expect(Object.fromEntries([...shown].sort())).toEqual(Object.fromEntries(Object.entries(table).sort()));
  expect(routineKinds.filter((kind) => shown.has(kind))).toEqual([]);
});
