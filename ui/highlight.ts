/**
 * Splits code into coloured parts, as data: what is shown is always text. SQL is read by our own lexer, which knows both
 * dialects; TypeScript by highlight.js.
 */
import typescript from 'highlight.js/lib/languages/typescript'
import { createLowlight } from 'lowlight'
import type { Dialect } from '../src/sql/dialect.ts'
import { tokenize } from '../src/sql/tokens.ts'
import { KEYWORDS, TYPES } from './sqlWords.ts'

export interface Part {
  readonly text: string
  readonly kind: 'keyword' | 'type' | 'string' | 'number' | 'comment' | 'name' | 'plain'
}

/** Returns the lines of a text, each as its parts. */
export function highlight(text: string, language: Dialect | 'typescript'): readonly (readonly Part[])[] {
  if (text.length > MOST_CHARACTERS) return lines([{ text, kind: 'plain' }])
  const key = `${language} ${text}`
  const known = done.get(key)
  if (known) return known
  const result = lines(language === 'typescript' ? ofTypescript(text) : ofSql(text, language))
  done.set(key, result)
  if (done.size > MOST_KEPT) done.delete(done.keys().next().value ?? '')
  return result
}

// --- internal ---

/** Longer texts are shown without colours, so that the page stays quick. */
const MOST_CHARACTERS = 300_000
const MOST_KEPT = 400
const done = new Map<string, readonly (readonly Part[])[]>()

/** Made when it is first needed: most folders have no code. */
let lowlight: ReturnType<typeof createLowlight> | undefined

function ofSql(text: string, dialect: Dialect): Part[] {
  const parts: Part[] = []
  let at = 0
  for (const { kind, start, end } of tokenize(text, dialect)) {
    if (start > at) parts.push({ text: text.slice(at, start), kind: 'plain' })
    const source = text.slice(start, end)
    parts.push({ text: source, kind: kindOfToken(kind, source) })
    at = end
  }
  if (at < text.length) parts.push({ text: text.slice(at), kind: 'plain' })
  return parts
}

function kindOfToken(kind: string, source: string): Part['kind'] {
  if (kind === 'word') {
    const word = source.toLowerCase()
    return KEYWORDS.has(word) ? 'keyword' : TYPES.has(word) ? 'type' : 'plain'
  }
  if (kind === 'string' || kind === 'number') return kind
  if (kind === 'comment' || kind === 'hint' || kind === 'command') return 'comment'
  return kind === 'quoted' ? 'name' : 'plain'
}

interface Node {
  readonly type: string
  readonly value?: string
  readonly properties?: { readonly className?: unknown }
  readonly children?: readonly Node[]
}

function ofTypescript(text: string): Part[] {
  const parts: Part[] = []
  const visit = (node: Node, kind: Part['kind']) => {
    if (node.type === 'text') parts.push({ text: node.value ?? '', kind })
    const own = node.type === 'element' ? kindOfClass(String(node.properties?.className)) : undefined
    for (const child of node.children ?? []) visit(child, own ?? kind)
  }
  lowlight ??= createLowlight({ typescript })
  visit(lowlight.highlight('typescript', text) as Node, 'plain')
  return parts
}

function kindOfClass(name: string): Part['kind'] | undefined {
  if (/keyword|literal|variable\.language/.test(name)) return 'keyword'
  if (/string|regexp/.test(name)) return 'string'
  if (/number/.test(name)) return 'number'
  if (/comment|doctag/.test(name)) return 'comment'
  if (/type|built_in|title\.class/.test(name)) return 'type'
  return /subst/.test(name) ? 'plain' : undefined
}

function lines(parts: readonly Part[]): Part[][] {
  const all: Part[][] = [[]]
  for (const { text, kind } of parts) {
    for (const [i, piece] of text.split('\n').entries()) {
      if (i > 0) all.push([])
      if (piece !== '') all.at(-1)?.push({ text: piece.replace(/\r$/, ''), kind })
    }
  }
  return all
}
