/** Events of Phase 1. */
import type { Catalogue } from "./form.ts";

export const phase1Events: Catalogue = {};
