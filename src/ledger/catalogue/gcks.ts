/** Events of the key server. */
import type { Catalogue } from "./form.ts";

export const gcksEvents: Catalogue = {};
