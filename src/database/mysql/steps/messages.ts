/** Decides which statements are sent together in one message. */

/** Joins statements into a message, with newlines since a statement may end in a comment. */
export function joined(statements: readonly string[]): string {
  return statements.join('\n;\n')
}

/**
 * Groups statements into messages. Three kinds are sent alone: those the server may skip altogether (among others, they
 * would be an empty statement, which is an error), those with a body (MySQL stores the text after the body, up to the
 * next statement, as part of it), and those that may have many results.
 */
export function together(statements: readonly string[]): string[][] {
  const messages: string[][] = []
  let open: string[] | undefined
  let length = 0
  for (const sql of statements) {
    const skipped = /^\/\*M?!/i.test(sql) && sql.indexOf('*/') === sql.length - 2
    length += sql.length
    if (skipped || BODY.test(sql) || SEVERAL.test(sql)) {
      messages.push([sql])
      open = undefined
    } else if (open && length < MOST_LENGTH) open.push(sql)
    else {
      open = [sql]
      length = sql.length
      messages.push(open)
    }
  }
  return messages
}

// --- internal ---

/** Matches CREATE … up to the word for a kind that has a body. */
const BODY = /^(?:\/\*!\d*\s*)?create\b[^;(]{0,300}?\b(?:procedure|function|trigger|event|package)\b/i

/** Matches statements that run others, each of which may have a result. */
const SEVERAL = /^(?:\/\*M?!\d*\s*)?(?:call|execute|begin\s+not|if|case|loop|while|repeat|for|set\s+statement)\b/i

/** Length of a message. Messages longer than the server accepts (max_allowed_packet) would be cut off. */
const MOST_LENGTH = 2 ** 20
