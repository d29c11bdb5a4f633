/** Whether two definitions are the same but for white space and comments, also inside the body of a function. */
import { tokenize } from '../sql/tokens.ts'

/** PostgreSQL's; elsewhere routines are kept as they were written. */
export function sameTokens(a: string, b: string): boolean {
  return canonical(a).join('\0') === canonical(b).join('\0')
}

function canonical(text: string): string[] {
  const parts: string[] = []
  for (const { kind, start, end } of tokenize(text, 'postgres')) {
    if (kind === 'comment') continue
    const token = text.slice(start, end)
    // Bodies are SQL or PL/pgSQL, both of the same tokens; one in another language is compared as it stands.
    const quoted = /^(\$\w*\$)([\s\S]*)\1$/.exec(token)
    if (quoted && /\bLANGUAGE (?:sql|plpgsql)\b/i.test(text)) parts.push(...canonicalBody(quoted[2] ?? ''))
    else parts.push(token)
  }
  return parts
}

function canonicalBody(body: string): string[] {
  return [...tokenize(body, 'postgres')]
    .filter(({ kind }) => kind !== 'comment')
    .map(({ start, end }) => body.slice(start, end))
}
