import { expect, test } from "vitest";
import {
  answerRequest,
  answersRequest,
  closeRequest,
  freeMessageId,
  newWindow,
  openRequest,
  patience,
  reopenRequest,
  repeatRequest,
  standingOf,
  takeRequest,
} from "./window.ts";

const policy = { firstMs: 1000, factor: 2, maxMs: 3000, tries: 4 };
const octets = [Uint8Array.of(1, 2, 3)];

test("requests are numbered from 0 on and only one is under way", () => {
  const window = newWindow();
  expect(freeMessageId(window)).toBe(0);
  openRequest(window, octets);
  expect(freeMessageId(window)).toBeUndefined();
  expect(answersRequest(window, 1)).toBe(false);
  expect(answersRequest(window, 0)).toBe(true);
  closeRequest(window);
  expect(freeMessageId(window)).toBe(1);
  expect(answersRequest(window, 0)).toBe(false);
});

test("a request is repeated with the same octets and longer and longer waits, then given up", () => {
  const window = newWindow();
  openRequest(window, octets);
  const waits = [patience(window, policy)];
  for (let again = repeatRequest(window, policy); again !== undefined; again = repeatRequest(window, policy)) {
    expect(again).toBe(octets);
    waits.push(patience(window, policy));
  }
  expect(waits).toEqual([1000, 2000, 3000, 3000]);
});

test("IKE_SA_INIT that begins again keeps its Message ID and counts its sends anew", () => {
  const window = newWindow();
  openRequest(window, octets);
  repeatRequest(window, policy);
  reopenRequest(window);
  expect(freeMessageId(window)).toBe(0);
  openRequest(window, octets);
  expect(patience(window, policy)).toBe(1000);
});

test("the last answer is kept for a repeated request until the next request is taken", () => {
  const window = newWindow();
  expect(standingOf(window, 0)).toBe("new");
  expect(standingOf(window, 1)).toBe("outside");
  takeRequest(window);
  expect(standingOf(window, 0)).toBe("answering");
  answerRequest(window, octets);
  expect(standingOf(window, 0)).toBe("repeated");
  expect(window.answer).toBe(octets);
  expect(standingOf(window, 1)).toBe("new");
  takeRequest(window);
  expect(standingOf(window, 0)).toBe("outside");
});

test("nothing stands before the first request, and no Message ID is used twice", () => {
  const window = newWindow();
  expect(standingOf(window, -1)).toBe("outside");
  window.next = 0xffff_ffff;
  openRequest(window, octets);
  closeRequest(window);
  expect(freeMessageId(window)).toBeUndefined();
});
