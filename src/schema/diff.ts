/** Compares two schemas and returns the differences as lines of DDL for people to read. */
import type { Objects, SchemaMember, SchemaObject } from './model.ts'
import { statementOf } from './text.ts'
import { sameTokens } from './tokens.ts'

export interface DiffLine {
  readonly sign: '+' | '-' | ' '
  readonly text: string
}

export interface ObjectDiff {
  readonly change: 'added' | 'removed' | 'changed'
  /** The object's kind and name, such as `table users`. */
  readonly object: string
  readonly lines: readonly DiffLine[]
}

export interface SchemaDiff {
  readonly changes: readonly ObjectDiff[]
  /**
   * Differences without a change of meaning, in words: a different column order, white space or comments in a routine.
   */
  readonly minor: readonly string[]
}

export function diffSchemas(before: Objects, after: Objects): SchemaDiff {
  // A schema that was read again shares most objects with the one before.
  const turns = changedTurns(queued(before), queued(after))
  const old = byKey(withoutThoseOf(after, before, turns))
  const now = byKey(withoutThoseOf(before, after, turns))
  const changes: ObjectDiff[] = []
  const minor: string[] = []
  // Removals come first and in reverse order, the order in which they would have to be executed.
  for (const [key, object] of [...old].reverse()) {
    if (!now.has(key)) changes.push({ change: 'removed', object: label(object), lines: whole('-', object) })
  }
  for (const [key, object] of now) {
    const was = old.get(key)
    if (!was) {
      changes.push({ change: 'added', object: label(object), lines: whole('+', object) })
      continue
    }
    const turn = turns.get(key) ?? []
    const relaid = was.head !== object.head && object.kind === 'routine' && sameTokens(was.head, object.head)
    if (relaid) minor.push(`white space or comments of ${label(object)}`)
    const lines = [...changedLines(relaid ? { ...was, head: object.head } : was, object), ...turn]
    if (lines.length > 0) changes.push({ change: 'changed', object: label(object), lines })
    else minor.push(...movedColumns(was, object))
  }
  return { changes, minor }
}

/** Formats the difference as a unified diff: a sign, a space, and the line. */
export function diffText({ changes }: Pick<SchemaDiff, 'changes'>): string {
  return changes.flatMap(({ lines }) => lines.map(({ sign, text }) => `${sign} ${text}`.trimEnd())).join('\n')
}

/** Compares two texts line by line and returns the changes with the lines around them. Empty if they are equal. */
export function textDiff(before: string, after: string): string {
  const shown = around(lineDiff(lines('-', before), lines('+', after)))
  return shown.map(({ sign, text }) => `${sign} ${text}`.trimEnd()).join('\n')
}

// --- internal ---

/** Returns the objects of `some` that are not objects of `others`, and those that act at another turn there. */
function withoutThoseOf(others: Objects, some: Objects, turns: ReadonlyMap<string, unknown>): SchemaObject[] {
  const there = new Set(others.objects)
  return some.objects.filter((object) => !there.has(object) || (turns.size > 0 && turns.has(keyOf(object))))
}

function byKey(objects: readonly SchemaObject[]): Map<string, SchemaObject> {
  return new Map(objects.map((object) => [keyOf(object), object]))
}

function keyOf({ kind, name, table }: SchemaObject): string {
  return `${kind} ${table ?? ''} ${name}`
}

/** Returns the objects that act one after another at the same moment, by key. */
function queued({ objects }: Objects): Map<string, SchemaObject> {
  return byKey(objects.filter(({ moment }) => moment !== undefined))
}

function label({ kind, name, table }: SchemaObject): string {
  const title = `${kind.replaceAll('-', ' ')} ${name}`
  return table === null ? title : `${title} on ${table}`
}

/** Returns what to say of objects that act before or after others now, in another order than before. */
function changedTurns(old: ReadonlyMap<string, SchemaObject>, now: ReadonlyMap<string, SchemaObject>) {
  const turns = new Map<string, DiffLine[]>()
  const before = queues(old, now)
  for (const [moment, keys] of queues(now, old)) {
    const previous = before.get(moment) ?? []
    const line = (sign: '+' | '-', queue: readonly string[], key: string): DiffLine => {
      const earlier = now.get(queue[queue.indexOf(key) - 1] ?? '')
      const place = earlier ? `after ${earlier.name}` : 'first'
      return { sign, text: `-- ${now.get(key)?.name} fires ${place}` }
    }
    const signed = (sign: '+' | '-', queue: readonly string[]) => queue.map((text) => ({ sign, text }))
    for (const { sign, text: key } of lineDiff(signed('-', previous), signed('+', keys))) {
      if (sign === '+') turns.set(key, [line('-', previous, key), line('+', keys, key)])
    }
  }
  return turns
}

/** Returns the keys of objects that act one after another at the same moment, of those that others have as well. */
function queues(all: ReadonlyMap<string, SchemaObject>, others: ReadonlyMap<string, SchemaObject>) {
  const both = [...all].filter(([key, { moment }]) => others.get(key)?.moment === moment)
  const grouped = Map.groupBy(both, ([, { table, moment }]) => `${table} ${moment}`)
  return new Map([...grouped].map(([moment, members]) => [moment, members.map(([key]) => key)]))
}

function movedColumns(was: SchemaObject, now: SchemaObject): string[] {
  const names = (sign: '+' | '-', { columns }: SchemaObject) => columns.map(({ name }) => ({ sign, text: name }))
  const moved = lineDiff(names('-', was), names('+', now)).filter(({ sign }) => sign === '+')
  return moved.length > 0 ? [`the position of ${moved.map(({ text }) => text).join(', ')} in ${label(now)}`] : []
}

function whole(sign: '+' | '-', object: SchemaObject): DiffLine[] {
  return [statementOf(object), ...object.more, ...(object.later ?? [])]
    .flatMap((text) => text.split('\n'))
    .map((text) => ({ sign, text }))
}

/** Compares members by their keys and everything else line by line. */
function changedLines(was: SchemaObject, now: SchemaObject): DiffLine[] {
  if (was.members.length === 0 || now.members.length === 0) {
    const own = (sign: '-' | '+', some: SchemaObject) => lines(sign, statementOf(some))
    return [...around(lineDiff(own('-', was), own('+', now))), ...moreLines(was, now)]
  }
  const head = was.head === now.head ? [] : pair(was.head, now.head)
  const members = memberLines(was.members, now.members)
  const tail = was.tail === now.tail ? [] : pair(was.tail, now.tail)
  const more = moreLines(was, now)
  if (head.length + members.length + tail.length === 0) return more
  const context = (text: string): DiffLine[] => lines(' ', text)
  return [
    ...(head.length > 0 ? head : context(now.head)),
    ...members.map((line) => ({ ...line, text: `  ${line.text}` })),
    ...(tail.length > 0 ? tail : context(now.tail)),
    ...more,
  ]
}

/** Compares independent statements: unchanged ones give no context for the changed ones, so they are omitted. */
function moreLines(was: SchemaObject, now: SchemaObject): DiffLine[] {
  const all = lineDiff(lines('-', further(was)), lines('+', further(now)))
  return all.filter(({ sign }) => sign !== ' ')
}

function memberLines(was: readonly SchemaMember[], now: readonly SchemaMember[]): DiffLine[] {
  const texts = new Map(now.map((member) => [member.key, member.text]))
  const known = new Map(was.map((member) => [member.key, member.text]))
  const gone = was.flatMap(({ key, text }): DiffLine[] => {
    const other = texts.get(key)
    if (other === undefined) return [{ sign: '-', text }]
    return other === text ? [] : pair(text, other)
  })
  const added = now.filter(({ key }) => !known.has(key)).map(({ text }): DiffLine => ({ sign: '+', text }))
  return [...gone, ...added]
}

function pair(was: string, now: string): DiffLine[] {
  return [...lines('-', was), ...lines('+', now)]
}

function lines(sign: DiffLine['sign'], text: string): DiffLine[] {
  return text === '' ? [] : text.split('\n').map((line) => ({ sign, text: line }))
}

/**
 * Compares by longest common subsequence. Above a size at which that would take long, returns all old lines and then
 * all new ones.
 */
function lineDiff(was: readonly DiffLine[], now: readonly DiffLine[]): DiffLine[] {
  let start = 0
  while (start < was.length && start < now.length && was[start]?.text === now[start]?.text) start++
  let end = 0
  while (end < was.length - start && end < now.length - start && was.at(-1 - end)?.text === now.at(-1 - end)?.text)
    end++
  const same = (line: DiffLine): DiffLine => ({ sign: ' ', text: line.text })
  const middle = lcs(was.slice(start, was.length - end), now.slice(start, now.length - end))
  return [...now.slice(0, start).map(same), ...middle, ...now.slice(now.length - end).map(same)]
}

const LCS_CELLS = 4_000_000

function lcs(was: readonly DiffLine[], now: readonly DiffLine[]): DiffLine[] {
  if (was.length * now.length > LCS_CELLS) return [...was, ...now]
  const width = now.length + 1
  const length = new Uint32Array((was.length + 1) * width)
  const at = (i: number, j: number) => length[i * width + j] ?? 0
  for (let i = was.length - 1; i >= 0; i--) {
    for (let j = now.length - 1; j >= 0; j--) {
      length[i * width + j] =
        was[i]?.text === now[j]?.text ? at(i + 1, j + 1) + 1 : Math.max(at(i + 1, j), at(i, j + 1))
    }
  }
  const result: DiffLine[] = []
  let i = 0
  let j = 0
  while (i < was.length || j < now.length) {
    const old = was[i]
    const line = now[j]
    if (old && line && old.text === line.text) {
      result.push({ sign: ' ', text: line.text })
      i++
      j++
    } else if (old && (!line || at(i + 1, j) >= at(i, j + 1))) {
      result.push(old)
      i++
    } else if (line) {
      result.push(line)
      j++
    }
  }
  return result
}

const CONTEXT = 2

/** Returns only the lines near a change, and always the first line, since it names the changed object. */
function around(all: readonly DiffLine[]): DiffLine[] {
  const changed = all.flatMap((line, i) => (line.sign === ' ' ? [] : [i]))
  if (changed.length === 0) return []
  const shown: DiffLine[] = []
  let last = -1
  for (const [i, line] of all.entries()) {
    const near = i === 0 || changed.some((at) => Math.abs(at - i) <= CONTEXT)
    if (!near) continue
    if (i > last + 1) shown.push({ sign: ' ', text: '…' })
    shown.push(line)
    last = i
  }
  return shown
}

/** Returns the further statements that come after the one that creates the object. */
function further({ more, later = [] }: SchemaObject): string {
  return [...more, ...later].join('\n')
}
