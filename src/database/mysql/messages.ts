/** Which statements go to the server in one message. */

/** The newline: a statement may end in a comment. */
export function joined(statements: readonly string[]): string {
  return statements.join('\n;\n')
}

/**
 * What the server may skip altogether goes alone: beside others it would be an empty statement, which is an error. So does what
 * has a body (MySQL keeps what stands behind it, up to the next statement, as part of that), and what may have many results.
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

/** CREATE …, as far as the word that says what. */
const BODY = /^(?:\/\*!\d*\s*)?create\b[^;(]{0,300}?\b(?:procedure|function|trigger|event|package)\b/i

/** What runs others, of which each may have a result. */
const SEVERAL = /^(?:\/\*M?!\d*\s*)?(?:call|execute|begin\s+not|if|case|loop|while|repeat|for|set\s+statement)\b/i

/** Longer messages than the server takes (max_allowed_packet) would be cut off. */
const MOST_LENGTH = 2 ** 20
