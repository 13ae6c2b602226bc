/** Events of members. */
import type { Catalogue } from "./form.ts";

export const gmEvents: Catalogue = {};
