/**
 * Runs every benchmark, prints one table, and fails when a limit is broken. `npm run bench`. Those that need what others have
 * made, built from its source, stand by themselves: `npm run bench:handshake`, `npm run bench:wire`.
 */
import { type Figure, tell } from "./figure.ts";
import { gcksFigures } from "./gcks.ts";
import { memoryFigures } from "./ikev2-memory.ts";
import { stormFigures } from "./storm.ts";

const figures: Figure[] = [...(await gcksFigures()), ...(await stormFigures()), ...(await memoryFigures())];
tell(figures);
