/** Rekeys of a real key server, from the order to the last acknowledgement. */
import { ApiError } from "../../../src/api/client.ts";
import type { RekeyDetail } from "../../../src/api/views.ts";
import { type Spawned, until } from "./spawned.ts";

/** Orders new TEKs for a group and resolves when everybody acknowledged or is missing. */
export async function rekeyed(keyServer: Spawned, group = "g"): Promise<RekeyDetail> {
  const { rekeys } = await keyServer.client.call("rekey", { what: "tek" }, { name: group });
  const [{ spi, seq } = { spi: "", seq: 0 }] = rekeys;
  return await until(`rekey ${seq} is settled`, async () => {
    try {
      const detail = await keyServer.client.call("rekeyDetail", {}, { name: group, spi, seq: String(seq) });
      return detail.rekey.settled ? detail : undefined;
    } catch (error) {
      if (error instanceof ApiError && error.code === "rekey-waits") return undefined;
      throw error;
    }
  });
}
