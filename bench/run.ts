/** Runs every benchmark, prints one table, and fails when a limit is broken. `npm run bench` */
import { type Figure, kept, table } from "./figure.ts";
import { gcksFigures } from "./gcks.ts";
import { stormFigures } from "./storm.ts";

const figures: Figure[] = [...(await gcksFigures()), ...(await stormFigures())];
process.stdout.write(`${table(figures)}\n`);
if (!figures.every(kept)) process.exitCode = 1;
