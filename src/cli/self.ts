/** How this command is called again by whoever reads its output. */
import { extname } from "node:path";

/** `npx keyherald` from a package, `npm run -s keyherald --` from a clone. */
export const self: string = extname(import.meta.url) === ".ts" ? "npm run -s keyherald --" : "npx keyherald";
