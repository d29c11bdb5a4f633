/** Adds, drops and changes the columns of a table. */
import type { ColumnFacts, NotNullFacts } from '../../database/postgres/catalog/facts.ts'
import { columnText } from '../../database/postgres/ddl/column.ts'
import { ON_THE_WAY } from '../hints.ts'
import { type Change, joins, rungOf, type TableChange } from './change.ts'
import { identityActions } from './identity.ts'
import { nameOfNotNull } from './notNullNames.ts'
import { foreignOptions } from './options.ts'
import { ownNotNulls, renamedAbove } from './partitionNotNull.ts'
import { retype } from './retype.ts'
import { alterTable, PHASE, type PostgresStatement, type Step, statement } from './step.ts'

export function columnSteps(change: Change, table: TableChange): Step[] {
  const was = new Map((table.was.columns ?? []).map((column) => [column.quoted, column]))
  const now = new Map((table.now.columns ?? []).map((column) => [column.quoted, column]))
  // A column that came from a parent which the table leaves is its own then.
  const leaving = (table.was.parents ?? []).some((parent) => !table.now.parents?.includes(parent))
  // A table must have the columns of a parent before it can join that parent.
  const joining = (table.now.parents ?? []).some((parent) => !table.was.parents?.includes(parent))
  return [
    ...[...was.values()]
      .filter(({ quoted }) => !now.has(quoted) && (leaving || table.members.was.has(`column ${quoted}`)))
      .map((column) => dropColumn(change, table, column)),
    ...[...now.values()]
      .filter(({ quoted }) => !was.has(quoted) && (joining || table.members.now.has(`column ${quoted}`)))
      .map((column) => addColumn(change, table, column)),
    ...[...now.values()].flatMap((column) => {
      const before = was.get(column.quoted)
      return before ? changeColumn(change, table, before, column, joining) : []
    }),
  ]
}

// --- internal ---

function dropColumn(change: Change, table: TableChange, { quoted, generated }: ColumnFacts): Step {
  const { key, name, what } = table
  const part = `${key}/column ${quoted}`
  return {
    // A generated column goes before those that it is computed from.
    phase: PHASE.table + (generated === '' ? 0.2 : 0.19),
    name,
    statements: [
      alterTable(key, what, `DROP COLUMN ${quoted}`, {
        does: 'drop',
        ...(generated === '' && { destroys: `column ${name}.${quoted}` }),
      }),
    ],
    ends: [part, `${key}/default ${quoted}`, ...goingWith(change, table, part)],
    makes: [],
    frees: (change.from.belonging.get(name) ?? [])
      .filter((object) => goingWith(change, table, part).includes(`${object.kind} ${object.table} ${object.name}`))
      .map((object) => `relation ${object.name}`),
  }
}

/** Returns the objects that the server drops with a column: its indexes, constraints, statistics, and the sequences that belong to it. */
function goingWith({ from, to }: Change, { key, name, was }: TableChange, part: string): string[] {
  const column = part.slice(`${key}/column `.length)
  return [
    ...(was.sequences ?? [])
      .filter(([sequence, owner]) => owner === column && !to.objects.has(`sequence ${sequence}`))
      .map(([sequence]) => `sequence ${sequence}`),
    ...(from.usersOf.get(key) ?? []).flatMap(({ user, userObject, used }) => {
      if (used !== part) return []
      if (userObject === key) return user.startsWith(`${key}/constraint `) ? [user] : []
      return /^(?:index|statistics|foreign-key) /.test(user) &&
        user.split(' ')[1] === name.split(' ')[0] &&
        from.objects.get(user)?.table === name
        ? [user]
        : []
    }),
  ]
}

function addColumn(change: Change, table: TableChange, column: ColumnFacts): Step {
  const { key, name, what } = table
  const { quoted } = column
  const part = `column ${quoted}`
  const text =
    table.members.now.get(part) ??
    columnText({ ...column, notNullName: nameOfNotNull(table.now.notNulls, column, name) })
  const later = table.now.later?.includes(part) ?? false
  const fill = fillOf(change, table, column)
  const notNull = namedNotNull(table.now.notNulls, column)
  const statements: PostgresStatement[] =
    fill === undefined
      ? [alterTable(key, what, `ADD COLUMN ${text}`)]
      : rungOf(change, `${key}/${part}`) > 0
        ? [
            statement('alter', key, `ALTER ${what} ADD COLUMN ${withoutNotNull(text)}`),
            statement('alter', key, `UPDATE ${name} SET ${quoted} = ${fill}`),
            alterTable(key, what, notNull),
          ]
        : [
            statement('alter', key, `ALTER ${what} ADD COLUMN ${text} DEFAULT ${fill}`),
            statement('alter', key, `ALTER ${what} ALTER COLUMN ${quoted} DROP DEFAULT`),
          ]
  return {
    phase: PHASE.table + (column.generated === '' ? 0.4 : 0.45),
    name,
    statements: [
      ...statements,
      ...(later && column.expression !== null
        ? [statement('alter', key, `ALTER ${what} ALTER COLUMN ${quoted} SET DEFAULT ${column.expression}`)]
        : []),
    ],
    ends: [],
    makes: [`${key}/${part}`, `${key}/default ${quoted}`],
    takes: column.sequence ? [`relation ${column.sequence.name}`] : [],
  }
}

/** The text of a column that may be null for the while; what is behind NOT NULL, if anything, is nothing that stays. */
function withoutNotNull(text: string): string {
  return text.replace(/(?: CONSTRAINT (?:"(?:[^"]|"")*"|[^\s"]+))? NOT NULL(?: NO INHERIT)?(?=$| )/, '')
}

/** Returns the value that rows get in a new column which must not be null. */
function fillOf({ hints }: Change, { name, what }: TableChange, column: ColumnFacts): string | undefined {
  if (!column.notNull || column.expression !== null || column.identity !== '' || what.startsWith('FOREIGN'))
    return undefined
  return hints.answers.fill.get(`${name}.${column.quoted}`)
}

function changeColumn(
  change: Change,
  table: TableChange,
  was: ColumnFacts,
  now: ColumnFacts,
  joining: boolean,
): Step[] {
  const { key, name, what, members } = table
  const column = `column ${now.quoted}`
  const part = `${key}/${column}`
  if (!members.now.has(column) && !joining) return inheritedDefault(change, table, was, now)
  const forced = change.forced.has(part)
  const isSame = change.hints.same.has(part)
  const generatedChanges =
    was.generated !== now.generated || (now.generated !== '' && was.expression !== now.expression && !isSame)
  if (generatedChanges || (forced && now.generated !== '')) {
    const steps = changeGenerated(change, table, was, now)
    if (steps) return steps
    return [dropColumn(change, table, was), addColumn(change, table, now)]
  }
  // A column that is inherited changes with that of the parent.
  const inherits = was.parent !== null && now.parent !== null
  const typeChanges = (was.type !== now.type || was.collation !== now.collation || forced) && !inherits
  if (typeChanges && now.generated !== '' && rungOf(change, part) > 0)
    return [dropColumn(change, table, was), addColumn(change, table, now)]
  const alter = (action: string) => alterTable(key, what, `ALTER COLUMN ${now.quoted} ${action}`)
  const steps: Step[] = []
  if (typeChanges) {
    const defaults = was.generated === '' && was.expression !== null
    // By itself, because what the default uses may have to go before the type comes.
    if (defaults)
      steps.push({
        phase: PHASE.table + 0.29,
        name,
        statements: [alter('DROP DEFAULT')],
        ends: [`${key}/default ${now.quoted}`],
        makes: [],
        gentle: true,
      })
    steps.push({
      phase: PHASE.table + 0.3,
      name,
      statements: [alterTable(key, what, `ALTER COLUMN ${now.quoted} ${retype(change, table, was, now)}`)],
      ends: [part],
      makes: [part],
      ...(defaults && { follows: [`${key}/default ${now.quoted}`] }),
      gentle: true,
      retypes: true,
    })
  }
  const others = [
    was.compression !== now.compression &&
      `SET COMPRESSION ${now.compression === null ? 'default' : now.compression === 'l' ? 'lz4' : 'pglz'}`,
    foreignOptions(was.foreign, now.foreign),
  ].filter((action) => typeof action === 'string')
  if (others.length > 0)
    steps.push({ phase: PHASE.table + 0.9, name, statements: others.map(alter), ends: [], makes: [part], gentle: true })
  return [
    ...steps,
    ...(was.generated === '' && now.generated === '' ? defaultSteps(change, table, was, now, typeChanges) : []),
    ...identityActions(change, table, was, now),
    ...notNullSteps(change, table, was, now, typeChanges),
  ]
}

/** Returns the steps that change the expression in place; `undefined` if the column has to be made again. */
function changeGenerated(change: Change, table: TableChange, was: ColumnFacts, now: ColumnFacts): Step[] | undefined {
  const { key, name, what } = table
  const part = `${key}/column ${now.quoted}`
  if (rungOf(change, part) > 0 || was.type !== now.type || was.collation !== now.collation || change.forced.has(part))
    return undefined
  const alter = (action: string) => alterTable(key, what, `ALTER COLUMN ${now.quoted} ${action}`)
  if (was.generated === 's' && now.generated === '') {
    return [
      {
        phase: PHASE.table + 0.1,
        name,
        statements: [alter('DROP EXPRESSION')],
        ends: [part],
        makes: [part],
        gentle: true,
      },
      ...defaultSteps(change, table, { ...was, expression: null }, now, false),
      ...identityActions(change, table, was, now),
      ...notNullSteps(change, table, was, now),
    ]
  }
  if (was.generated === '' || was.generated !== now.generated) return undefined
  return [
    {
      phase: PHASE.table + 0.3,
      name,
      statements: [alter(`SET EXPRESSION AS (${now.expression})`)],
      ends: [part],
      makes: [part],
      gentle: true,
    },
    ...notNullSteps(change, table, was, now),
  ]
}

function defaultSteps(
  change: Change,
  { key, name, what, now: facts }: TableChange,
  was: ColumnFacts,
  now: ColumnFacts,
  isDropped: boolean,
): Step[] {
  const part = `${key}/default ${now.quoted}`
  const forced = change.forced.has(part)
  const before = was.expression !== null && !isDropped
  const later = facts.later?.includes(`column ${now.quoted}`) ?? false
  const changed = isDropped
    ? now.expression !== null
    : was.expression !== now.expression && !change.hints.same.has(part)
  if (!changed && !forced) return []
  const alter = (action: string) => alterTable(key, what, `ALTER COLUMN ${now.quoted} ${action}`)
  const drop = before && (forced || now.expression === null)
  return [
    ...(drop
      ? [{ phase: PHASE.table + 0.1, name, statements: [alter('DROP DEFAULT')], ends: [part], makes: [], gentle: true }]
      : []),
    ...(now.expression === null
      ? []
      : [
          {
            phase: PHASE.table + (later ? 0.97 : 0.5),
            name,
            statements: [alter(`SET DEFAULT ${now.expression}`)],
            ends: before && !drop ? [part] : [],
            makes: [part],
            gentle: true,
          },
        ]),
  ]
}

function notNullSteps(
  change: Change,
  table: TableChange,
  was: ColumnFacts,
  now: ColumnFacts,
  typeChanges = false,
): Step[] {
  const { key, name, what } = table
  const { quoted } = now
  if (table.now.bound === null && (now.inheritedNotNull || (was.inheritedNotNull && !now.notNull))) return []
  const before = was.inheritedNotNull && table.was.bound === null ? '' : namedNotNull(table.was.notNulls, was)
  const after = namedNotNull(table.now.notNulls, now)
  if (before === after) return []
  const part = `${key}/notnull ${quoted}`
  const names = [nameOfNotNull(table.was.notNulls, was, name), nameOfNotNull(table.now.notNulls, now, name)]
  if (
    // A name that only shows itself on the way is not the same every time.
    rungOf(change, ON_THE_WAY) === 0 &&
    before !== '' &&
    after !== '' &&
    names[0] !== undefined &&
    names[1] !== undefined &&
    names[0] !== names[1] &&
    unnamed(before) === unnamed(after)
  ) {
    // It is renamed before the table becomes a partition.
    if (joins(table)) return []
    const rename = statement('alter', key, `ALTER ${what} RENAME CONSTRAINT ${names[0]} TO ${names[1]}`)
    const statements = renamedAbove(change, table, was, rename)
    return [{ phase: PHASE.further, name, statements, ends: [], makes: [part], gentle: true }]
  }
  const drop = was.notNull
  const statements: PostgresStatement[] = []
  if (!was.notNull) {
    const fill = change.hints.answers.fill.get(`${name}.${quoted}`) ?? (now.generated === '' ? now.expression : null)
    const isConverted = change.hints.answers.conversions.some((one) => one.new.includes(`${name}.${quoted}`))
    if (fill !== null && !isConverted && !what.startsWith('FOREIGN'))
      statements.push(statement('alter', key, `UPDATE ${name} SET ${quoted} = ${fill} WHERE ${quoted} IS NULL`))
  }
  const action = after === '' ? undefined : after
  return [
    ...(drop
      ? [
          {
            phase: PHASE.table + 0.15,
            name,
            statements: [alterTable(key, what, `ALTER COLUMN ${quoted} DROP NOT NULL`)],
            ends: [part],
            makes: [],
            gentle: true,
          },
        ]
      : []),
    ...(action === undefined
      ? []
      : [
          {
            phase: PHASE.table + 0.6,
            name,
            statements: [...statements, alterTable(key, what, action)],
            ends: [],
            makes: [part],
            follows: [
              ...(was.notNull ? [] : ownNotNulls(change, table, was)),
              // The rows without a value get one of the new type.
              ...(typeChanges ? [`${key}/column ${quoted}`] : []),
            ],
            gentle: true,
          },
        ]),
  ]
}

/** Returns the action that sets it; empty if the column may be null. */
function namedNotNull(notNulls: readonly NotNullFacts[] | null, { name, quoted, notNull }: ColumnFacts): string {
  if (!notNull) return ''
  const own = notNulls?.find((one) => one.column === name)
  if (!own || (own.usual && own.inherited && own.valid)) return `ALTER COLUMN ${quoted} SET NOT NULL`
  return `ADD CONSTRAINT ${own.name} NOT NULL ${quoted}${own.inherited ? '' : ' NO INHERIT'}${own.valid ? '' : ' NOT VALID'}`
}

function unnamed(action: string): string {
  return action.replace(/^ADD CONSTRAINT (?:"(?:[^"]|"")*"|\S)+ NOT NULL (.*)$/, 'ALTER COLUMN $1 SET NOT NULL')
}

/** The default of an inherited column where it differs from the parent's. */
function inheritedDefault(change: Change, { key, name }: TableChange, was: ColumnFacts, now: ColumnFacts): Step[] {
  const steps: Step[] = []
  const alter = (phase: number, part: string, action: string) =>
    steps.push({
      phase,
      name,
      statements: [statement('alter', key, `ALTER TABLE ONLY ${name} ALTER COLUMN ${now.quoted} ${action}`)],
      ends: [`${key}/${part}`],
      makes: [`${key}/${part}`],
      gentle: true,
    })
  const isOwn = ({ expression, parent }: ColumnFacts) => expression !== (parent?.expression ?? null)
  const part = `default ${now.quoted}`
  if (change.forced.has(`${key}/${part}`) && was.expression !== null && was.generated === '') {
    steps.push({
      phase: PHASE.table + 0.1,
      name,
      statements: [statement('alter', key, `ALTER TABLE ONLY ${name} ALTER COLUMN ${now.quoted} DROP DEFAULT`)],
      ends: [`${key}/${part}`],
      makes: [],
      gentle: true,
    })
    if (now.expression !== null) {
      steps.push({
        phase: PHASE.table + 0.98,
        name,
        statements: [
          statement('alter', key, `ALTER TABLE ONLY ${name} ALTER COLUMN ${now.quoted} SET DEFAULT ${now.expression}`),
        ],
        ends: [],
        makes: [`${key}/${part}`],
        gentle: true,
      })
    }
  } else if (
    now.generated === '' &&
    was.generated === '' &&
    was.expression !== now.expression &&
    (isOwn(was) || isOwn(now))
  ) {
    alter(PHASE.table + 0.98, part, now.expression === null ? 'DROP DEFAULT' : `SET DEFAULT ${now.expression}`)
  }
  if (was.notNull !== now.notNull && (was.notNull !== was.parent?.notNull || now.notNull !== now.parent?.notNull))
    alter(
      PHASE.table + (now.notNull ? 0.98 : 0.15),
      `notnull ${now.quoted}`,
      `${now.notNull ? 'SET' : 'DROP'} NOT NULL`,
    )
  return steps
}
