/** Why nothing of what a peer offered was taken, in one sentence. */

/** More than so many different refusals are counted only: a peer may offer many things. */
const SHOWN = 4;

/** The different ones of `refusals`, the first few in words. */
export function summary(refusals: readonly string[]): string {
  const distinct = [...new Set(refusals)];
  const shown = distinct.slice(0, SHOWN).join("; ");
  return distinct.length > SHOWN ? `${shown}; and ${distinct.length - SHOWN} more` : shown;
}
