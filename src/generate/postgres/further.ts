/**
 * The statements behind the one that makes an object: owner, comments, privileges, storage and the like. Each sets one
 * thing, so that a change is the ones that are new, and the opposite of those that are gone.
 */

export interface Undo {
  /** The target that the line sets; another line for the same target replaces it. */
  readonly target: string
  /** The statement that puts the target back to what it is without the line. */
  readonly sql: string
}

/** Returns the statements that lead from one list of lines to another. */
export function furtherChanges(was: readonly string[], now: readonly string[]): string[] {
  const kept = new Set(was.filter((line) => now.includes(line)))
  const added = now.filter((line) => !kept.has(line))
  const set = new Set(added.map((line) => undoOf(line)?.target))
  const undone = was
    .filter((line) => !kept.has(line))
    .map(undoOf)
    .filter((undo) => undo !== undefined)
    // A privilege is not replaced by another of the same object, and a name is changed by its own name only.
    .filter(({ target, sql }) => !set.has(target) || NOT_REPLACED.test(sql))
  return [...withoutCommon(undone, added, was), ...added.filter((line) => !leftOut(line, was))]
}

/** Returns how to take a line back; `undefined` for a line that goes with the object itself. */
export function undoOf(line: string): Undo | undefined {
  for (const { pattern, undo } of UNDO) {
    const match = pattern.exec(line)
    if (match) return undo(...(match.slice(1) as [string, string, string]))
  }
  return undefined
}

// --- internal ---

const NOT_REPLACED = /^(?:ALTER DEFAULT PRIVILEGES .* )?(?:GRANT|REVOKE) |^ALTER TABLE .* RENAME CONSTRAINT /s

/** A name, maybe quoted, maybe qualified. */
const NAME = String.raw`(?:"(?:[^"]|"")*"|[\w$\u0080-\uffff]+)(?:\.(?:"(?:[^"]|"")*"|[\w$\u0080-\uffff]+))*`

const UNDO: readonly { pattern: RegExp; undo: (a: string, b: string, c: string) => Undo }[] = [
  line(/^COMMENT ON (.*?) IS E?'/s, (what) => ({
    target: `comment ${what}`,
    // This schema is made with a comment.
    sql: `COMMENT ON ${what} IS ${what === 'SCHEMA public' ? "'standard public schema'" : 'NULL'};`,
  })),
  line(/^ALTER (.+) OWNER TO (.+);$/s, (what) => ({
    target: `owner ${what}`,
    sql: `ALTER ${what} OWNER TO CURRENT_USER;`,
  })),
  line(
    /^(ALTER DEFAULT PRIVILEGES .*? )?GRANT (.+ ON .+) TO (.+?)(?: WITH GRANT OPTION)?;$/s,
    (prefix = '', what, who) => ({
      target: `grant ${prefix}${what} ${who}`,
      sql: `${prefix}REVOKE ${what} FROM ${who};`,
    }),
  ),
  line(/^(ALTER DEFAULT PRIVILEGES .*? )?REVOKE (.+ ON .+) FROM (.+);$/s, (prefix = '', what, who) => ({
    target: `grant ${prefix}${what} ${who}`,
    sql: `${prefix}GRANT ${what} TO ${who};`,
  })),
  line(new RegExp(`^ALTER TABLE (${NAME}) RENAME CONSTRAINT (${NAME}) TO (${NAME});$`, 's'), (table, usual, name) => ({
    target: `constraint ${table} ${usual}`,
    sql: `ALTER TABLE ${table} RENAME CONSTRAINT ${name} TO ${usual};`,
  })),
  line(/^ALTER (.+) (DEPENDS ON EXTENSION .+);$/s, (what, depends) => ({
    target: `${what} ${depends}`,
    sql: `ALTER ${what} NO ${depends};`,
  })),
  line(/^ALTER TABLE (.+) ENABLE ROW LEVEL SECURITY;$/s, (table) => ({
    target: `row security ${table}`,
    sql: `ALTER TABLE ${table} DISABLE ROW LEVEL SECURITY;`,
  })),
  line(/^ALTER TABLE (.+) FORCE ROW LEVEL SECURITY;$/s, (table) => ({
    target: `forced ${table}`,
    sql: `ALTER TABLE ${table} NO FORCE ROW LEVEL SECURITY;`,
  })),
  line(/^ALTER TABLE (.+) REPLICA IDENTITY /s, (table) => ({
    target: `replica identity ${table}`,
    sql: `ALTER TABLE ${table} REPLICA IDENTITY DEFAULT;`,
  })),
  line(/^ALTER TABLE (.+) CLUSTER ON /s, (table) => ({
    target: `cluster ${table}`,
    sql: `ALTER TABLE ${table} SET WITHOUT CLUSTER;`,
  })),
  line(new RegExp(`^ALTER TABLE (${NAME}) OF `, 's'), (table) => ({
    target: `of ${table}`,
    sql: `ALTER TABLE ${table} NOT OF;`,
  })),
  line(/^(ALTER (?:TABLE|INDEX|MATERIALIZED VIEW) .+ ALTER COLUMN .+) SET STATISTICS /s, (column) => ({
    target: `statistics ${column}`,
    sql: `${column} SET STATISTICS -1;`,
  })),
  line(/^(ALTER (?:TABLE|MATERIALIZED VIEW) .+ ALTER COLUMN .+) SET \((.*)\);$/s, (column, options) => ({
    target: `options ${column}`,
    sql: `${column} RESET (${options.replace(/=[^,]*/g, '')});`,
  })),
  line(new RegExp(`^(ALTER INDEX ${NAME}) SET \\((.*)\\);$`, 's'), (index, options) => ({
    target: `options ${index}`,
    sql: `${index} RESET (${options.replace(/=[^,]*/g, '')});`,
  })),
  line(/^(ALTER (?:TABLE|MATERIALIZED VIEW) .+ ALTER COLUMN .+) SET STORAGE /s, (column) => ({
    target: `storage ${column}`,
    sql: `${column} SET STORAGE DEFAULT;`,
  })),
  line(/^(ALTER MATERIALIZED VIEW .+ ALTER COLUMN .+) SET COMPRESSION /s, (column) => ({
    target: `compression ${column}`,
    sql: `${column} SET COMPRESSION default;`,
  })),
  line(/^(ALTER VIEW .+ ALTER COLUMN .+) SET DEFAULT /s, (column) => ({
    target: `default ${column}`,
    sql: `${column} DROP DEFAULT;`,
  })),
  line(/^ALTER SEQUENCE (.+) OWNED BY .+;$/s, (sequence) => ({
    target: `owned ${sequence}`,
    sql: `ALTER SEQUENCE ${sequence} OWNED BY NONE;`,
  })),
  line(/^ALTER SEQUENCE (.+) SET (?:UN)?LOGGED;$/s, (sequence) => ({
    target: `logged ${sequence}`,
    sql: `ALTER SEQUENCE ${sequence} SET LOGGED;`,
  })),
  line(/^ALTER STATISTICS (.+) SET STATISTICS /s, (name) => ({
    target: `statistics ${name}`,
    sql: `ALTER STATISTICS ${name} SET STATISTICS -1;`,
  })),
  line(/^ALTER TABLE (.+) (?:DISABLE|ENABLE REPLICA|ENABLE ALWAYS) ((?:TRIGGER|RULE) .+);$/s, (table, what) => ({
    target: `enabled ${table} ${what}`,
    sql: `ALTER TABLE ${table} ENABLE ${what};`,
  })),
  line(/^ALTER EVENT TRIGGER (.+) (?:DISABLE|ENABLE REPLICA|ENABLE ALWAYS);$/s, (name) => ({
    target: `enabled ${name}`,
    sql: `ALTER EVENT TRIGGER ${name} ENABLE;`,
  })),
]

function line(pattern: RegExp, undo: (a: string, b: string, c: string) => Undo) {
  return { pattern, undo }
}

/** The privileges that a line names, if nothing else differs: `GRANT (…) ON t TO r`. */
function privileges(sql: string): { readonly rest: string; readonly list: readonly string[] } | undefined {
  const match = /^((?:ALTER DEFAULT PRIVILEGES .*? )?(?:GRANT|REVOKE)) (.+?) ON (.+);$/s.exec(sql)
  if (!match || match[2] === 'ALL') return undefined
  return { rest: `${match[1]} … ON ${match[3]}`, list: match[2]?.split(', ') ?? [] }
}

/** Revokes only what is not granted again by a new line; of what is granted again without its grant option, that option. */
function withoutCommon(undone: readonly Undo[], added: readonly string[], was: readonly string[]): string[] {
  return undone.flatMap(({ sql }) => {
    const gone = privileges(sql)
    if (!gone) return [sql]
    const opposite = gone.rest.startsWith('REVOKE') || gone.rest.includes(' REVOKE')
    const granted = gone.rest.replace('REVOKE', 'GRANT').replace(/ FROM (?=[^ ]+$)/, ' TO ')
    const again = added.flatMap((line) => {
      const now = privileges(line)
      const same = opposite && now?.rest.replace(OPTION, '') === granted
      return same && !OPTION.test(line.replace(/;$/, '')) ? now.list : []
    })
    const left = gone.list.filter((name) => !again.includes(name))
    const kept = gone.list.filter((name) => again.includes(name))
    const had = was.some((line) => privileges(line)?.rest === `${granted} WITH GRANT OPTION`)
    const option =
      had && kept.length > 0 ? [sql.replace(gone.list.join(', '), `GRANT OPTION FOR ${kept.join(', ')}`)] : []
    if (left.length === 0) return option
    return [...option, left.length === gone.list.length ? sql : sql.replace(gone.list.join(', '), left.join(', '))]
  })
}

const OPTION = / WITH GRANT OPTION$/

/** Returns whether a line says nothing that was not there: for GRANT, a part of what was granted. */
function leftOut(line: string, was: readonly string[]): boolean {
  const now = privileges(line)
  if (!now) return false
  return was.some((other) => {
    const before = privileges(other)
    return before?.rest === now.rest && now.list.every((name) => before.list.includes(name))
  })
}
