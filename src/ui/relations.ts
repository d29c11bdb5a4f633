/** Reads from a schema what a diagram shows: tables and views as boxes, foreign keys and views' sources as lines. Pure. */
import type { SchemaObject } from '../schema/model.ts'
import type { Dialect } from '../sql/dialect.ts'
import { tokenize } from '../sql/tokens.ts'

export interface Box {
  /** The name in the schema; unique among tables and views. */
  readonly name: string
  readonly kind: 'table' | 'view'
  readonly columns: readonly BoxColumn[]
  readonly change: 'added' | 'changed' | 'removed' | undefined
}

interface BoxColumn {
  readonly name: string
  readonly type: string
  readonly key: 'primary' | 'foreign' | undefined
}

interface Line {
  readonly from: string
  readonly to: string
  /** `key`: a foreign key; `view`: the view `from` reads `to`. */
  readonly kind: 'key' | 'view'
  /** The columns of a foreign key. */
  readonly columns: readonly string[]
}

export interface Relations {
  readonly boxes: readonly Box[]
  readonly lines: readonly Line[]
}

/** @param before the schema before the migration; what it touched is marked. Without it, nothing is */
export function relationsOf(
  after: readonly SchemaObject[],
  before: readonly SchemaObject[] | undefined,
  dialect: Dialect,
): Relations {
  const changes = before === undefined ? new Map<string, Box['change']>() : changesOf(before, after)
  const removed = (before ?? []).filter((object) => isBox(object) && changes.get(object.name) === 'removed')
  const shown = [...after.filter(isBox), ...removed]
  const names = new Map(shown.map(({ name }) => [plain(name, dialect), name]))
  const gone = new Set(removed.map(({ name }) => name))
  const keys = [...after, ...(before ?? []).filter(({ table }) => table !== null && gone.has(table))]
  const lines = [
    ...keys.flatMap((object) => keyOf(object, names, dialect) ?? []),
    ...shown.filter(({ kind }) => kind === 'view').flatMap((view) => sourcesOf(view, names, dialect)),
  ]
  const foreign = new Set(lines.flatMap(({ from, columns }) => columns.map((column) => `${from} ${column}`)))
  const boxes = shown.map((object): Box => {
    const primary = new Set(primaryOf(object, dialect))
    const columns = object.columns.map(({ name, type }): BoxColumn => {
      const key = primary.has(name) ? 'primary' : foreign.has(`${object.name} ${name}`) ? 'foreign' : undefined
      return { name, type, key }
    })
    return {
      name: object.name,
      kind: object.kind === 'view' ? 'view' : 'table',
      columns,
      change: changes.get(object.name),
    }
  })
  return { boxes, lines }
}

/** Returns the boxes that the migration touched, with those that a line connects to them if `ring` is set. */
export function around({ boxes, lines }: Relations, ring: boolean): Relations {
  const near = new Set(boxes.filter(({ change }) => change !== undefined).map(({ name }) => name))
  const touched = new Set(near)
  if (ring) {
    for (const { from, to } of lines) {
      if (touched.has(from)) near.add(to)
      if (touched.has(to)) near.add(from)
    }
  }
  return {
    boxes: boxes.filter(({ name }) => near.has(name)),
    lines: lines.filter(({ from, to }) => near.has(from) && near.has(to)),
  }
}

// --- internal ---

function isBox({ kind }: SchemaObject): boolean {
  return kind === 'table' || kind === 'view'
}

/** A table is touched if it, or anything that belongs to it, such as an index, is different. */
function changesOf(before: readonly SchemaObject[], after: readonly SchemaObject[]): Map<string, Box['change']> {
  const texts = (objects: readonly SchemaObject[]) => {
    const found = new Map<string, string>()
    for (const object of objects) {
      const owner = object.table ?? (isBox(object) ? object.name : undefined)
      if (owner !== undefined) found.set(owner, `${found.get(owner) ?? ''}\n${JSON.stringify(object)}`)
    }
    return found
  }
  const [old, now] = [texts(before), texts(after)]
  const changes = new Map<string, Box['change']>()
  for (const [name, text] of now) {
    if (!old.has(name)) changes.set(name, 'added')
    else if (old.get(name) !== text) changes.set(name, 'changed')
  }
  for (const name of old.keys()) if (!now.has(name)) changes.set(name, 'removed')
  return changes
}

interface Name {
  /** The name without quotes, its parts joined by dots. */
  readonly text: string
  /** Index of the token after it. */
  readonly next: number
}

type Word = { readonly text: string; readonly isName: boolean }

function wordsOf(sql: string, dialect: Dialect): Word[] {
  const words: Word[] = []
  for (const { kind, start, end } of tokenize(sql, dialect)) {
    if (kind === 'comment') continue
    const source = sql.slice(start, end)
    words.push({ text: kind === 'quoted' ? unquoted(source) : source, isName: kind === 'quoted' || kind === 'word' })
  }
  return words
}

function unquoted(source: string): string {
  const quote = source[0] ?? ''
  return source.slice(1, -1).replaceAll(quote + quote, quote)
}

/** Reads a name of one or several parts. */
function nameAt(words: readonly Word[], at: number): Name | undefined {
  if (!words[at]?.isName) return undefined
  let text = words[at].text
  let next = at + 1
  while (words[next]?.text === '.' && words[next + 1]?.isName) {
    text += `.${words[next + 1]?.text}`
    next += 2
  }
  return { text, next }
}

function plain(name: string, dialect: Dialect): string {
  return nameAt(wordsOf(name, dialect), 0)?.text ?? name
}

/** Returns the names in the parentheses that begin at a token. */
function listAt(words: readonly Word[], at: number): string[] {
  const names: string[] = []
  if (words[at]?.text !== '(') return names
  for (let i = at + 1; i < words.length && words[i]?.text !== ')'; i++)
    if (words[i]?.isName) names.push(words[i]?.text ?? '')
  return names
}

function keyOf(object: SchemaObject, names: ReadonlyMap<string, string>, dialect: Dialect): Line | undefined {
  if (object.kind !== 'foreign-key' || object.table === null) return undefined
  const words = wordsOf(object.head, dialect)
  const key = words.findIndex(({ text }, i) => /^foreign$/i.test(text) && /^key$/i.test(words[i + 1]?.text ?? ''))
  const open = words.findIndex(({ text }, i) => i > key && text === '(')
  const target = nameAt(words, words.findIndex(({ text }, i) => i > key && /^references$/i.test(text)) + 1)
  const to = target && known(target.text, names)
  const from = known(plain(object.table, dialect), names)
  if (key === -1 || to === undefined || from === undefined) return undefined
  return { from, to, kind: 'key', columns: listAt(words, open) }
}

function known(name: string, names: ReadonlyMap<string, string>): string | undefined {
  // MySQL may name the database, too.
  return names.get(name) ?? names.get(name.slice(name.lastIndexOf('.') + 1))
}

const BEFORE_SOURCE = /^(?:from|join|only|lateral|,|\()$/i

function sourcesOf(view: SchemaObject, names: ReadonlyMap<string, string>, dialect: Dialect): Line[] {
  const words = wordsOf(`${view.head}${view.tail}`, dialect)
  const found = new Set<string>()
  for (let i = 0; i < words.length; i++) {
    const name = BEFORE_SOURCE.test(words[i - 1]?.text ?? '') ? nameAt(words, i) : undefined
    const source = name && known(name.text, names)
    if (source !== undefined && source !== view.name) found.add(source)
  }
  return [...found].map((to) => ({ from: view.name, to, kind: 'view', columns: [] }))
}

function primaryOf({ members }: SchemaObject, dialect: Dialect): string[] {
  for (const { text } of members) {
    if (!/\bprimary\s+key\b/i.test(text)) continue
    const words = wordsOf(text, dialect)
    const at = words.findIndex(
      ({ text: word }, i) => /^primary$/i.test(word) && /^key$/i.test(words[i + 1]?.text ?? ''),
    )
    return listAt(words, at + 2)
  }
  return []
}
