/** Reads the server's refusals, and says what to do where the statements did not lead to the wanted schema. */
import type { Schema } from '../../schema/schema.ts'
import type { Refusal } from '../generator.ts'
import { type Hints, withHint, withRung } from '../hints.ts'
import { namedNotNulls } from './notNullNames.ts'
import { sideOf } from './side.ts'
import { laterPart } from './step.ts'

interface ServerError extends Error {
  readonly code?: string
  readonly detail?: string
}

export function refused({ from, to, statement, error }: Refusal, hints: Hints): Hints | undefined {
  const { code = '', message, detail = '' } = error as ServerError
  const { object, sql } = statement
  // A function that needs a table waits for it, and the table for the function, for a default or a check of it.
  if (/^42(?:P01|703|704|883)$/.test(code) && object.startsWith('routine ') && hints.late.has(object)) {
    const users = (sideOf(to).usersOf.get(object) ?? []).filter(({ user }) => /\/(?:default|constraint) /.test(user))
    for (const { userObject } of users) {
      const next = withRung(hints, laterPart(userObject), 1)
      if (next) return next
    }
  }
  // Something is missing that comes later: a function's body says what it needs to nobody but the server.
  if (
    /^(?:42P01|42883|42703|42704)$/.test(code) &&
    statement.does !== 'drop' &&
    !/ TYPE /.test(sql) &&
    !hints.late.has(object)
  ) {
    return withHint(hints, 'late', object)
  }
  // Rows of a partition that goes fit into no other: they go with it.
  if (code === '23514' && sql.startsWith('INSERT INTO ')) {
    const next = withRung(hints, object, 1)
    if (next) return next
  }
  // The number that a sequence has reached is outside of its new limits: it begins again.
  if (code === '22023' && message.startsWith('RESTART value')) {
    const column = /ALTER COLUMN ((?:"(?:[^"]|"")*"|\S)+) (?:SET|RESTART)/.exec(
      sql.replace(/ALTER COLUMN \S+ TYPE .*/g, ''),
    )?.[1]
    const next = withRung(hints, column === undefined ? object : `${object}/identity ${column}`, 1)
    if (next) return next
  }
  const named = dependents(`${detail}\n${message}`, from)
  const inTheWay = /^(?:2BP01|0A000)$/.test(code) && named.length > 0 ? withHint(hints, 'rebuild', ...named) : undefined
  if (inTheWay) return inTheWay
  const retyped = /ALTER COLUMN ((?:"(?:[^"]|"")*"|\S)+) TYPE /.exec(sql)?.[1]
  if (retyped !== undefined && /^(?:42804|42846|22P02|22\w{3}|42883|0A000|2BP01)$/.test(code)) {
    const about = /column "((?:[^"]|"")*)"/.exec(message)?.[1]
    const column = [...sql.matchAll(/ALTER COLUMN ((?:"(?:[^"]|"")*"|\S)+) TYPE /g)].map(([, name = '']) => name)
    const one = column.find((name) => name === about || name === `"${about}"`) ?? retyped
    // A check or an index on the column compares it with values of the old type.
    if (code === '42883') {
      const next = withHint(hints, 'rebuild', ...onColumns(from, object, column))
      if (next) return next
    }
    const next = withRung(hints, `${object}/column ${one}`, 3)
    if (next) return next
  }
  // The value for the rows of now looks at other columns or tables.
  const added = /ADD COLUMN ((?:"(?:[^"]|"")*"|\S)+) .* DEFAULT /s.exec(sql)?.[1]
  if (added !== undefined && code === '0A000' && message.includes('DEFAULT expression')) {
    const next = withRung(hints, `${object}/column ${added}`, 1)
    if (next) return next
  }
  const expression = /ALTER COLUMN ((?:"(?:[^"]|"")*"|\S)+) SET EXPRESSION /.exec(sql)?.[1]
  if (expression !== undefined) {
    const next = withRung(hints, `${object}/column ${expression}`, 1)
    if (next) return next
  }
  // A value of an enum is used before the transaction that added it is over.
  if (code === '55P04') {
    const type = /enum type (.+)$/.exec(message)?.[1]
    const key = [...sideOf(from).objects.keys()].find((other) => other === `type ${type}`)
    const next = key && withRung(hints, key, 1)
    if (next) return next
  }
  // Rows of other tables refer to those of a partition that leaves for the while.
  const left = /^ALTER TABLE (.+) DETACH PARTITION /s.exec(sql)?.[1]
  if (left && code === '23503') {
    const users = sideOf(from).usersOf.get(`table ${left}`) ?? []
    const next = withHint(
      hints,
      'rebuild',
      ...users.map(({ user }) => user).filter((user) => user.startsWith('foreign-key ')),
    )
    if (next) return next
  }
  // Rows that do not fit do not fit in another way either.
  if (/^2[23]/.test(code) && /^(?:table|foreign-key|index) /.test(object) && !sql.includes(' ATTACH PARTITION '))
    return undefined
  if (statement.does === 'alter' && sideOf(from).objects.has(object) && sideOf(to).objects.has(object)) {
    const next = object.startsWith('table ') ? undefined : withRung(hints, object, 1)
    if (next) return next
    return withHint(hints, 'rebuild', object)
  }
  // A part that is inherited does not go by itself.
  if (code === '42P16' && object.startsWith('table ') && sideOf(to).objects.has(object)) {
    return withHint(hints, 'rebuild', object)
  }
  if (statement.does === 'drop') {
    const users = sideOf(from).usersOf.get(object) ?? []
    return withHint(hints, 'rebuild', ...users.map(({ user }) => user).filter((user) => !user.includes('/column ')))
  }
  return undefined
}

/** Texts that read the same after they were set again mean the same; what else differs is made again. */
export function unreached(from: Schema, to: Schema, reached: Schema, hints: Hints): Hints | undefined {
  const named = namedNotNulls(to, reached, hints)
  if (named) return named
  const before = sideOf(from).objects
  const wanted = sideOf(to).objects
  const found = sideOf(reached).objects
  const same: string[] = []
  const other: string[] = []
  for (const [key, now] of wanted) {
    const got = found.get(key)
    if (!got) {
      other.push(key)
      continue
    }
    const was = before.get(key)
    const old = new Map(was?.members.map((member) => [member.key, member.text]))
    const made = new Map(got.members.map((member) => [member.key, member.text]))
    for (const member of now.members) {
      const text = made.get(member.key)
      if (text === member.text) continue
      const part = `${key}/${member.key}`
      if (text !== undefined && text === old.get(member.key)) same.push(part, part.replace('/column ', '/default '))
      else if (was) other.push(key)
    }
    const names = new Set(now.members.map((member) => member.key))
    if (was && got.members.some((member) => !names.has(member.key))) other.push(key)
    if (now.head !== got.head || (now.members.length === 0 && now.tail !== got.tail)) {
      const isText = now.members.length === 0 && got.members.length === 0
      if (isText && was && was.head === got.head) same.push(key)
      else if (was) other.push(key)
    }
  }
  const next = same.length > 0 ? withHint(hints, 'same', ...same) : undefined
  // A table is made anew only where nothing else helps.
  const isTable = (key: string) => key.startsWith('table ')
  return (
    next ??
    withHint(hints, 'rebuild', ...other.filter((key) => !isTable(key))) ??
    withHint(hints, 'rebuild', ...other.filter(isTable))
  )
}

// --- internal ---

/** Reads the objects that the server names as depending on another. */
function dependents(text: string, schema: Schema): string[] {
  const { objects } = sideOf(schema)
  const keys: string[] = []
  for (const line of text.split('\n')) {
    const [, what = ''] = /^(.*?) depends on /.exec(line) ?? /used by (?:a |an )?(.*)$/.exec(line) ?? []
    const rule = /^rule _RETURN on (?:materialized )?view (.+)$/.exec(what)
    const part = /^(column|constraint|default value for column) (\S+) (?:of|on) table (.+)$/.exec(what)
    const on = /^(trigger|policy|rule) (.+) on (?:table|view) (.+)$/.exec(what)
    const other = /^(?:materialized )?(view|function|procedure|index|type|sequence|table|publication) (.+)$/.exec(what)
    const found = rule
      ? `view ${rule[1]}`
      : part
        ? `table ${part[3]}/${part[1] === 'default value for column' ? 'default' : part[1]} ${part[2]}`
        : on
          ? `${on[1]} ${on[3]} ${on[2]}`
          : other
            ? `${/function|procedure/.test(other[1] ?? '') ? 'routine' : other[1]} ${other[2]}`
            : undefined
    if (found === undefined) continue
    const key = found.split('/')[0] ?? ''
    if (part?.[1] === 'constraint' && objects.has(`foreign-key ${part[3]} ${part[2]}`))
      keys.push(`foreign-key ${part[3]} ${part[2]}`)
    else if (objects.has(key)) keys.push(found)
    else {
      const index =
        other?.[1] === 'index'
          ? [...objects].find(([, { kind, name }]) => kind === 'index' && name === other[2])
          : undefined
      if (index) keys.push(index[0])
    }
  }
  return keys
}

/** Returns the keys of the indexes and constraints on columns. */
function onColumns(from: Schema, table: string, columns: readonly string[]): string[] {
  const parts = new Set(columns.map((name) => `${table}/column ${name}`))
  return (sideOf(from).usersOf.get(table) ?? [])
    .filter(
      ({ used, user }) =>
        parts.has(used) && (/^(?:index|statistics|foreign-key) /.test(user) || user.includes('/constraint ')),
    )
    .map(({ user }) => user)
}
