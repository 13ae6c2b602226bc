/** How this command is called again by whoever reads its output. */
import { extname } from "node:path";

/** `npx keyherald` from a package, `npx node src/cli/main.ts` from a clone. */
export const self: string = extname(import.meta.url) === ".ts" ? "npx node src/cli/main.ts" : "npx keyherald";
