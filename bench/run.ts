/**
 * Runs every benchmark, prints one table, and fails when a limit is broken. `npm run bench`. The one that needs strongSwan
 * built from its source stands by itself: `npm run bench:handshake`.
 */
import { type Figure, tell } from "./figure.ts";
import { gcksFigures } from "./gcks.ts";
import { memoryFigures } from "./ikev2-memory.ts";
import { stormFigures } from "./storm.ts";

const figures: Figure[] = [...(await gcksFigures()), ...(await stormFigures()), ...(await memoryFigures())];
tell(figures);
