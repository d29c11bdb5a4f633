/** Compares two definitions, ignoring white space and comments, also inside the body of a function. */
import { tokenize } from '../sql/tokens.ts'

/**
 * Returns whether two definitions have the same tokens. For PostgreSQL only; the other databases keep routines as they
 * were written.
 */
export function sameTokens(a: string, b: string): boolean {
  return canonical(a).join('\0') === canonical(b).join('\0')
}

function canonical(text: string): string[] {
  const tokens = [...tokenize(text, 'postgres')]
    .filter(({ kind }) => kind !== 'comment')
    .map(({ start, end }) => text.slice(start, end))
  // Bodies in SQL or PL/pgSQL are compared by token, bodies in other languages character by character.
  const language = tokens[tokens.findIndex((token) => /^language$/i.test(token)) + 1] ?? ''
  if (!/^(?:sql|plpgsql)$/i.test(language)) return tokens
  return tokens.flatMap((token) => {
    const quoted = /^(\$\w*\$)([\s\S]*)\1$/.exec(token)
    return quoted ? canonicalBody(quoted[2] ?? '') : [token]
  })
}

function canonicalBody(body: string): string[] {
  return [...tokenize(body, 'postgres')]
    .filter(({ kind }) => kind !== 'comment')
    .map(({ start, end }) => body.slice(start, end))
}
