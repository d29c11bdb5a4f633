/** What the beginning of a code file says about the tool that it is for. */

/**
 * Returns the first parameter of each function named `up`, as it is written: `knex: Knex`, `{ sql }`, `pgm`. That
 * parameter tells tools apart whose files are alike otherwise.
 */
export function parametersOfUp(text: string): string[] {
  return [...text.matchAll(UP)].map(([, inParentheses, bare]) => (inParentheses ?? bare ?? '').trim())
}

/** Returns `true` if the file has an `up` whose first parameter matches. */
export function takes(text: string, parameter: RegExp): boolean {
  return parametersOfUp(text).some((one) => parameter.test(one))
}

// --- internal ---

/** `up(a)`, `up = (a) =>`, `up: async (a) =>`, `up = function (a)`, `up = a =>`, `up: Migration = async ({ a }) =>`. */
const UP =
  /\bup\b(?:\s*:\s*[\w.<>]+)?\s*(?:[=:]\s*)?(?:async\b\s*)?(?:function\b\s*\w*\s*)?(?:\(\s*([^,)]*)|(\w+)\s*=>)/g
