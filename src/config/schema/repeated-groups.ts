/** What the groups of a key server and of a member have in common. */
import { type Identity, identityKey } from "../../core/identity.ts";
import { type Report, refuseRepeats } from "../field.ts";

interface NamedGroup {
  readonly name?: string | undefined;
  readonly id?: { readonly identity: Identity } | undefined;
}

/** Reports groups whose name or `id` an earlier one has too. */
export function refuseRepeatedGroups(groups: readonly (NamedGroup | undefined)[] | undefined, report: Report): void {
  refuseRepeats(
    groups,
    (group) => group.name,
    (index) => ["groups", index, "name"],
    "group",
    report,
  );
  refuseRepeats(
    groups,
    (group) => group.id && identityKey(group.id.identity),
    (index) => ["groups", index, "id"],
    "group id",
    report,
  );
}
