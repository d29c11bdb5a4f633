/** Recognizes by the beginning of a code file which tool it is written for. */

/**
 * Returns `true` if the file has a function `up` whose first parameter, as it is written (`knex: Knex`, `{ sql }`,
 * `pgm`), matches. That parameter tells tools apart whose files are alike otherwise.
 */
export function takes(text: string, parameter: RegExp): boolean {
  return [...text.matchAll(UP)].some(([, inParentheses, bare]) => parameter.test((inParentheses ?? bare ?? '').trim()))
}

// --- internal ---

/** `up(a)`, `up = (a) =>`, `up: async (a) =>`, `up = function (a)`, `up = a =>`, `up: Migration = async ({ a }) =>`. */
const UP =
  /\bup\b(?:\s*:\s*[\w.<>]+)?\s*(?:[=:]\s*)?(?:async\b\s*)?(?:function\b\s*\w*\s*)?(?:\(\s*(\{[^)]*|[^,)]*)|(\w+)\s*=>)/g
