/** Facts about the things that a function of the project uses, found in its text. */
import { NotToldError } from './origin.ts'
import { bare, type Piece, piecesOf, tight, wordsOf } from './words.ts'

export interface OwnText {
  /** The text as it counts: without what vitest adds, with imports numbered in the order in which they occur. */
  readonly canonical: string
  /** The code with the names that its author wrote, without comments and white space. */
  readonly code: string
  /** The strings in it. */
  readonly strings: readonly string[]
  /** Words of the text that keep or load something outside of its variables, such as `eval`, or the `this` of the function around it. */
  readonly unseen: string | undefined
  /** `true` if the function may read something that is neither in its text nor in its variables. */
  readonly mayRead: boolean
  /** The names that occur in it, and the members that are used of each. */
  readonly used: ReturnType<typeof wordsOf>
}

/**
 * @param isField whether the function is the field of an instance, which is its `this`
 * @throws NotToldError if the text cannot be taken apart
 */
export function readOwnText(raw: string, isField: () => boolean): OwnText {
  const text = asWritten(raw)
  const code = tight(piecesIn(withNamesOfImports(text)))
  const words = withoutStrings(code)
  const kept = KEEPS.exec(words)?.[0].replace(/\W+$/, '')
  // Vite numbers the imports of each file, so the same function has other numbers elsewhere.
  const numbers: string[] = []
  const canonical = text.replace(IMPORT, (name) => {
    if (!numbers.includes(name)) numbers.push(name)
    return `import ${numbers.indexOf(name)}`
  })
  return {
    canonical,
    code,
    strings: piecesIn(text).flatMap(({ kind, text }) => (kind === 'text' ? text.slice(1, -1) : [])),
    unseen: kept ?? (ARROW.test(words) && THIS.test(words) && !isField() ? 'this' : undefined),
    mayRead: READS.test(words),
    used: wordsOf(withoutStrings(text.replace(HERE, 'known'))),
  }
}

/** Returns the first word through which code reads what it does not show, and whether its place means something to it. */
export function readingIn(code: string): { readonly word: string | undefined; readonly usesPlace: boolean } {
  const words = withoutStrings(code)
  return { word: READS.exec(words)?.[0], usesPlace: PLACE.test(words) }
}

/** Returns the names that occur in a text. @throws NotToldError if it cannot be taken apart */
export function namesIn(text: string): ReturnType<typeof wordsOf>['names'] {
  return wordsOf(withoutStrings(text)).names
}

/** The names of imports in code that Vite has made for a module runner. */
export const IMPORT = /\b__vi(?:te_ssr)?_import_\d+__/g

// --- internal ---

/**
 * Returns a function's text without what vitest adds: the counters of its coverage by Istanbul, which each run changes,
 * and the object that it uses for `import.meta.env`.
 */
function asWritten(text: string): string {
  return text
    .replace(/\bcov_\w+\(\)\.[fsb]\[\d+\](?:\[\d+\])?\+\+[,;]?/g, '')
    .replace(
      /\bObject\.assign\(\s*(?:\/\*[^*]*\*\/\s*)?globalThis\.__vitest_worker__\?\.metaEnv \?\? [\w.]+\s*\)/g,
      'import.meta.env',
    )
}

/** Returns code with the names that its author wrote: `(0,__vi_import_3__.readFileSync)` was `readFileSync`. */
function withNamesOfImports(code: string): string {
  return code
    .replace(/\(\s*0\s*,\s*__vi(?:te_ssr)?_import_\d+__\.([\w$]+)\s*\)/g, '$1')
    .replace(/\b__vi(?:te_ssr)?_import_\d+__\./g, '')
    .replace(/\b__vi(?:te_ssr)?_import_meta__/g, 'import.meta')
    .replace(/\b__vi(?:te_ssr)?_dynamic_import__/g, 'import')
}

/** @throws NotToldError if the text cannot be taken apart */
function piecesIn(code: string): Piece[] {
  const pieces = piecesOf(code)
  // A backslash outside of strings escapes a letter of a name.
  if (pieces && !pieces.some(({ kind, text }) => kind === 'code' && text.includes('\\'))) return pieces
  throw new NotToldError('its text cannot be taken apart')
}

function withoutStrings(code: string): string {
  return bare(piecesIn(code))
}

/**
 * Ways to remember something outside of the function's own variables, or to load what does. A function that does this
 * must run in each process. Names of properties are none of them.
 */
const KEEPS =
  /(?<!(?<!\.\.)\.|[{,](?=\w+:))\b(?:globalThis|global|eval|Function|require|module|exports)\b|\bimport\(|\bprocess\.env(?:\.\w+|\[[^\]]*\])(?:=(?![=>])|\+=|\?\?=|\|\|=)|\bdelete process\.env\b/

/** Names through which code reads what is neither in its text nor in its variables. */
const READS =
  /(?<!(?<!\.\.)\.|[{,](?=\w+:))\b(?:process|fetch|WebSocket|EventSource|XMLHttpRequest|Worker|__dirname|__filename)\b|\b(?:readFile|readFileSync)\b|\bimport\.meta\b/

/** The code's own place: how it is used has been noted already. */
const HERE = /\b__vi(?:te_ssr)?_import_meta__|\bimport\.meta\b|\b__dirname\b/g

const PLACE = /\bimport\.meta\b(?!\.env\b)|\b__(?:dir|file)name\b/

const ARROW = /^(?:async\b ?)?(?:\(|[\p{ID_Start}$_][\p{ID_Continue}$]*=>)/u

/** Words that an arrow function takes from the function around it, and that the inspector does not show. */
const THIS = /\b(?:this|super|new\.target)\b/
