/** Finds the names that a function's text uses. */

/** A piece of code: what the engine runs, a string, the text of a template or a regular expression, or a comment. */
export interface Piece {
  readonly kind: 'code' | 'text' | 'comment'
  readonly text: string
}

/** Takes code apart. Returns `undefined` if it cannot be told where its strings begin and end. */
export function piecesOf(code: string): Piece[] | undefined {
  const pieces: Piece[] = []
  let at = 0
  let plain = ''
  /** For each template that is open, how many braces are open in its `${…}`. */
  const open: number[] = []
  const rest = (pattern: RegExp) => {
    pattern.lastIndex = at
    return pattern.exec(code)?.[0]
  }
  const add = (kind: Piece['kind'], text: string) => {
    if (plain !== '') pieces.push({ kind: 'code', text: plain })
    plain = ''
    pieces.push({ kind, text })
    at += text.length
  }
  while (at < code.length) {
    const c = code[at] as string
    const isTemplate = c === '`' || (c === '}' && open.at(-1) === 0)
    if (isTemplate) {
      const text = rest(TEMPLATE)
      if (text === undefined) return undefined
      if (c === '}') open.pop()
      if (text.endsWith('${')) open.push(0)
      add('text', text)
      continue
    }
    const comment = c === '/' ? rest(COMMENT) : undefined
    const string = comment === undefined ? rest(STRING) : undefined
    const before = plain.trim() === '' ? (pieces.findLast(({ kind }) => kind !== 'comment')?.text ?? '') : plain
    const regex = c === '/' && comment === undefined && MAY_BEGIN_REGEX.test(before) ? rest(REGEX) : undefined
    if (comment !== undefined) add('comment', comment)
    else if (string !== undefined || regex !== undefined) add('text', string ?? regex ?? '')
    else if (c === '"' || c === "'") return undefined
    else {
      if (open.length > 0 && (c === '{' || c === '}')) open.push((open.pop() ?? 0) + (c === '{' ? 1 : -1))
      plain += c
      at++
    }
  }
  if (plain !== '') pieces.push({ kind: 'code', text: plain })
  return open.length > 0 ? undefined : pieces
}

/** Returns code without comments, and without white space that the grammar does not need, so that patterns can be short. */
export function tight(pieces: readonly Piece[]): string {
  const strings: string[] = []
  const code = pieces.map(({ kind, text }) => {
    if (kind !== 'text') return kind === 'code' ? text : ' '
    strings.push(text)
    return STRING_MARK
  })
  const short = code.join('').replace(/\s*([()[\]{},;=+.])\s*|\s+/g, (_, mark: string | undefined) => mark ?? ' ')
  return short.replaceAll(STRING_MARK, () => strings.shift() ?? '')
}

/** Returns code without comments, strings and the texts of templates. */
export function bare(pieces: readonly Piece[]): string {
  return pieces.map(({ kind, text }) => (kind === 'code' ? text : kind === 'text' ? ' "" ' : ' ')).join('')
}

export interface Words {
  /** Each name in the order in which it first occurs; the default export of a module is a name: `module.default`. */
  readonly names: readonly string[]
  /** The properties of a name that are read, if it is never used without one: `path.join` gives `join` for `path`. */
  readonly members: ReadonlyMap<string, readonly string[]>
}

/**
 * Returns the names that a function uses as variables: all words of its code but those behind a dot and its own
 * parameters. There may be more than it uses, never fewer.
 * @param code without comments and strings
 */
export function wordsOf(code: string): Words {
  const parameters = new Set(parametersOf(code))
  const names = new Set<string>()
  const members = new Map<string, Set<string> | undefined>()
  for (const { 1: before = '', 2: name = '', 3: member } of code.matchAll(WORD)) {
    if ((before.endsWith('.') && !before.endsWith('...')) || parameters.has(name) || KEYWORDS.has(name)) continue
    const known = names.has(name) ? members.get(name) : new Set<string>()
    names.add(name)
    members.set(name, member === undefined ? undefined : known?.add(member))
  }
  const all = [...members].flatMap(([name, of]): [string, string[]][] => (of ? [[name, [...of]]] : []))
  return { names: [...names], members: new Map(all) }
}

// --- internal ---

/** Stands for a string: a character that code does not contain outside of strings. */
const STRING_MARK = '\0'

const WORD =
  /((?:\.\s*)*)(?<![\p{ID_Continue}$#\\])([\p{ID_Start}$_][\p{ID_Continue}$]*(?:\.default(?![\p{ID_Continue}$]))?)(?:\s*\??\.\s*([\p{ID_Start}$_][\p{ID_Continue}$]*))?/gu
const COMMENT = /\/\/[^\n]*|\/\*[\s\S]*?\*\//y
const STRING = /"(?:[^"\\\n]|\\[\s\S])*"|'(?:[^'\\\n]|\\[\s\S])*'/y
/** The text of a template from its beginning, or from the end of a `${…}`, up to its end or the next `${`. */
const TEMPLATE = /[`}](?:[^`\\$]|\\[\s\S]|\$(?!\{))*(?:`|\$\{)/y
const REGEX = /\/(?![/*])(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\\n[])+\/[a-z]*/y
/** Matches text behind which a slash begins a regular expression and is no division. */
const MAY_BEGIN_REGEX = /(?:^|[(,=:[!&|?{};+\-*%~^<>]|\b(?:return|typeof|case|in|of|delete|void|await|yield))\s*$/

/** Those that cannot be names of variables: `async` and `of` can. */
const KEYWORDS = new Set(
  'break case catch class const continue debugger default delete do else export extends false finally for function if import in instanceof new null return super switch this throw true try typeof var void while with'.split(
    ' ',
  ),
)

/** Returns the parameters, if all of them are plain names: no other variable of those names can be used then. */
function parametersOf(code: string): string[] {
  const found =
    /^(?:async\b\s*)?(?:function\b\s*\*?\s*[\p{ID_Continue}$]*\s*)?(?:\(([\p{ID_Continue}$\s,]*)\)|([\p{ID_Continue}$]+)\s*=>)/u.exec(
      code,
    )
  return (found?.[1] ?? found?.[2] ?? '').split(',').map((name) => name.trim())
}
