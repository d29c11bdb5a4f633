/** The rules of verification. Each has a section in `docs/verify.md`, whose anchor is the rule's name. */
import { UsageError } from '../migrate/errors.ts'
import { nearest } from '../migrate/nearest.ts'

export type Severity = 'error' | 'warning' | 'notice'
export const SEVERITIES: readonly Severity[] = ['error', 'warning', 'notice']

/** What a rule looks at. `--only` chooses groups. */
export type RuleGroup = 'schema' | 'rows' | 'live' | 'paths' | 'release' | 'compat' | 'session' | 'interrupt'

export interface Rule {
  readonly group: RuleGroup
  readonly severity: Severity
  /** What was observed, in a few words. */
  readonly summary: string
  /** Why it matters. */
  readonly why: string
  /** What to do instead. */
  readonly instead: string
}

/** What a rule can be set to in the configuration. */
export type RuleLevel = 'off' | Severity

const TABLE = {
  'version-order': {
    group: 'schema',
    severity: 'error',
    summary: 'a version is taken or late on the branch to be merged into, or two migrations are last',
    why: 'Databases that have applied the later migrations of that branch never run this one, or run it in another order.',
    instead: 'Give the migration a number above those of the branch, or join two heads with "migratest merge".',
  },
  'up-fails': {
    group: 'schema',
    severity: 'error',
    summary: 'the up fails',
    why: 'Nothing above this version can be deployed.',
    instead: 'Mend the statement that fails.',
  },
  'down-fails': {
    group: 'schema',
    severity: 'error',
    summary: 'the down fails',
    why: 'The night on which the down is needed is the first on which it would run.',
    instead:
      'Mend the down, or state why there is none: a down with "-- migrate: irreversible REASON" as its only content.',
  },
  'down-missing': {
    group: 'schema',
    severity: 'error',
    summary: 'there is no down, and the changes of the up remain',
    why: 'The version goes back, and the schema does not.',
    instead: 'Write a down, or a down file that states why there is none: -- migrate: irreversible REASON',
  },
  'down-differs': {
    group: 'schema',
    severity: 'error',
    summary: 'the down does not restore the schema below',
    why: 'After a rollback the old code meets a schema that it has never met, and the next up starts from there.',
    instead: 'Let the down undo all that the up does, with the same types, defaults, constraints and indexes.',
  },
  'up-differs': {
    group: 'schema',
    severity: 'error',
    summary: 'up, down and up again gives another schema than the first up',
    why: 'Databases that were rolled back once differ from all others from then on.',
    instead: 'Find what the second run meets that the first did not: a sequence, a marker, a condition.',
  },
  'nil-left': {
    group: 'schema',
    severity: 'error',
    summary: 'after every migration is undone, something is left',
    why: 'A migration makes what no down removes: applying all of them again meets it.',
    instead: 'Remove it in the down of the migration that makes it.',
  },
  'paths-differ': {
    group: 'paths',
    severity: 'error',
    summary: 'the schema, rows or numbers depend on the way by which a version was reached',
    why: 'Two databases at one version are not the same, so that what is tested on one does not hold for the other.',
    instead: 'Let no migration depend on what an earlier run has left: sequences, temporary tables, settings.',
  },
  'fails-with-rows': {
    group: 'rows',
    severity: 'error',
    summary: 'a migration fails over ordinary rows, and not over empty tables',
    why: 'Tests begin with empty tables, and the first database in which it fails is one that is in use.',
    instead: 'Let the migration deal with the rows before it demands something of them.',
  },
  'fails-with-some-rows': {
    group: 'rows',
    severity: 'warning',
    summary: 'a migration fails over rows that the schema allows: NULL, empty, long, large, repeated values',
    why: 'Whether it can be deployed depends on values that nobody has looked at.',
    instead: 'Count such rows with a query before you deploy, or let the migration deal with them.',
  },
  'rows-lost': {
    group: 'rows',
    severity: 'error',
    summary: 'rows are gone from a table that the file does not name',
    why: 'Nobody who reads the file sees that they go: a foreign key, a trigger or a partition takes them along.',
    instead: 'Move the rows first, or name the table in the file, with a DELETE that says which rows go.',
  },
  'rows-deleted': {
    group: 'rows',
    severity: 'notice',
    summary: 'rows are gone, as the file says',
    why: 'No down brings them back.',
    instead: 'Keep a copy until nobody can need them.',
  },
  'values-dropped': {
    group: 'rows',
    severity: 'notice',
    summary: 'a column with values is dropped, as the file says',
    why: 'No down brings the values back.',
    instead: 'Drop the column in a later release than the code that used it.',
  },
  'rows-changed': {
    group: 'rows',
    severity: 'error',
    summary: 'a value is another than before, without a statement that says so, or after the way up and back',
    why: 'It is found when somebody misses the old value, and then it is in no backup that is still kept.',
    instead: 'Write each value that has to change with a statement whose WHERE says which rows are meant.',
  },
  'values-made-up': {
    group: 'rows',
    severity: 'warning',
    summary: 'MySQL, MariaDB: rows get a value that nobody chose, since a column must have one',
    why: 'Every row says 0, an empty text or the first label, as if somebody had meant it, and no query tells them from real ones.',
    instead:
      'Add the column with a DEFAULT that is right for the rows that are there, or as NULL, fill it, and then set NOT NULL.',
  },
  'counter-goes-back': {
    group: 'rows',
    severity: 'error',
    summary: 'a sequence would give out numbers that are taken',
    why: 'The next INSERT fails over the primary key, and so does each one after it until the sequence has caught up.',
    instead: 'Set the sequence behind the largest number: select setval(…, (select max(id) from …)).',
  },
  'constraint-not-met': {
    group: 'rows',
    severity: 'error',
    summary: 'rows break what the server takes for granted: a foreign key, a CHECK, a stored generated column',
    why: 'It was made while the server did not check, or its function has changed, and the server will never look at those rows again. A dump of such a database cannot be restored.',
    instead: 'Make the constraint while the server checks, after the rows that break it are mended.',
  },
  'object-broken': {
    group: 'rows',
    severity: 'error',
    summary: 'something with a body or an expression fails when it is used: it worked before, or has never worked',
    why: 'The server does not look into bodies when they are made, or when something they name is dropped or renamed: the first who uses them meets the error.',
    instead: 'Replace the function, procedure, trigger or view in the same migration.',
  },
  'table-rewritten': {
    group: 'live',
    severity: 'warning',
    summary: 'a table with rows is rewritten, and nobody can read or write it meanwhile',
    why: 'It takes as long as copying the table and building all its indexes, and every query on it waits that long.',
    instead: 'Add what is new beside what is there, fill it in batches, and then switch.',
  },
  'scan-while-locked': {
    group: 'live',
    severity: 'warning',
    summary: 'a table is read from end to end, or its rows are changed, while a lock keeps others out',
    why: 'The longer the table, the longer the others wait: the work grows with the rows, and the lock lasts as long.',
    instead:
      'Do the work under a lock that lets others go on, and take the strong lock only for the blink that needs it.',
  },
  'index-blocks-writes': {
    group: 'live',
    severity: 'warning',
    summary: 'an index is built while nobody can write to its table',
    why: 'Every INSERT, UPDATE and DELETE on the table waits until the index is built.',
    instead: 'Build it with CONCURRENTLY, in a migration of its own.',
  },
  'copy-blocks-writes': {
    group: 'live',
    severity: 'warning',
    summary: 'MySQL, MariaDB: the table is changed in a way that keeps writers out',
    why: 'The server copies the table, or builds an index, and every INSERT, UPDATE and DELETE waits until it is done.',
    instead:
      'Give each clause a statement of its own: one that cannot be made in place makes all of them copy. For the rest, add what is new beside what is there, and switch.',
  },
  'blocks-reads': {
    group: 'live',
    severity: 'warning',
    summary: 'a lock against readers is held while later statements of the migration take their time',
    why: 'The lock lasts until the migration ends, not until its statement does.',
    instead: 'Give the statement that takes the lock a migration of its own.',
  },
  'locks-other-table': {
    group: 'live',
    severity: 'notice',
    summary: 'a table that the file does not name is locked, too',
    why: 'Who reads the file does not see that this table is concerned. If it is busy, the migration waits for it, and all others behind the migration.',
    instead: 'Set a lock_timeout, and name the table in a comment.',
  },
  'rows-locked': {
    group: 'live',
    severity: 'notice',
    summary: 'one statement changes more than half of the rows of a table',
    why: 'Each changed row stays locked until its transaction ends, and whoever wants to change it waits.',
    instead: 'Change them in batches, each in a transaction of its own.',
  },
  'no-lock-timeout': {
    group: 'live',
    severity: 'notice',
    summary: 'statements that lock out readers wait for their lock without a limit',
    why: 'If one long query uses the table, the statement waits for it, and every later query waits behind the statement.',
    instead:
      "Limit the wait for all migrations: openDatabase(url, { statementLockTimeoutMs: 5000 }), or SET lock_timeout = '5s' at the top of a file.",
  },
  'waits-for-transactions': {
    group: 'live',
    severity: 'notice',
    summary: 'CONCURRENTLY waits for every open transaction that uses the table',
    why: 'It blocks nobody, but a transaction that somebody has left open stops it.',
    instead: 'End idle transactions (idle_in_transaction_session_timeout), and run it when no long query does.',
  },
  'invalid-index': {
    group: 'live',
    severity: 'error',
    summary: 'an index is left that is not valid',
    why: 'It costs every write and serves no query, and IF NOT EXISTS passes over it.',
    instead: 'Before it is built: DROP INDEX CONCURRENTLY IF EXISTS, in a migration of its own.',
  },
  'release-edited': {
    group: 'release',
    severity: 'error',
    summary: 'a migration of the release was edited',
    why: 'Databases of that release have applied the old text and never see the new one, so that they differ from new databases from then on.',
    instead: 'Restore the file, and write the change as a new migration.',
  },
  'release-removed': {
    group: 'release',
    severity: 'error',
    summary: 'a migration of the release is gone',
    why: 'Databases of that release have what it made, new ones never will, and most tools stop when an applied migration is missing.',
    instead: 'Restore the file, and undo what it does in a new migration.',
  },
  'release-order': {
    group: 'release',
    severity: 'error',
    summary: 'a new migration sorts before the last one of the release',
    why: 'A tool that remembers the highest number or time never runs it on databases of that release, in silence; others stop.',
    instead: 'Give it a name that comes last.',
  },
  'release-differs': {
    group: 'release',
    severity: 'error',
    summary: 'an upgrade from the release ends elsewhere than a fresh install',
    why: 'What is tested on a new database does not hold for those of the users who upgrade.',
    instead: 'Write a migration that brings both to the same.',
  },
  'upgrade-fails': {
    group: 'release',
    severity: 'error',
    summary: 'the upgrade from the release fails',
    why: 'Whoever has that release cannot get the next one.',
    instead: 'Let the migration deal with what the release has left, rows included.',
  },
  'old-code-breaks': {
    group: 'compat',
    severity: 'notice',
    summary: 'a query that the version before could send fails now',
    why: 'While a deployment rolls, old code runs on the new schema: for minutes, or until the rollback is over.',
    instead:
      'Expand first, contract later: add what is new beside what is there, and remove the old when no code uses it.',
  },
  'old-app-fails': {
    group: 'compat',
    severity: 'warning',
    summary: 'the old tests fail on the new schema',
    why: 'The old code cannot run beside the new one, so that the deployment needs a pause, and has no way back.',
    instead:
      'Expand first, contract later: add what is new beside what is there, and remove the old when no code uses it.',
  },
  'depends-on-session': {
    group: 'session',
    severity: 'warning',
    summary: 'the result depends on a setting of the session',
    why: 'Another server, user or program has other settings, and the same migration leads to other rows or another schema there.',
    instead: 'Say in the file what is meant, or set the setting in it.',
  },
  'needs-right': {
    group: 'session',
    severity: 'notice',
    summary: 'PostgreSQL: a statement needs a right that a role that owns nothing does not have',
    why: 'Databases are often migrated by a role that is no superuser, and hosted ones have none to give.',
    instead:
      'Let the role that migrates have that right, or let somebody else do this part once, before the migrations.',
  },
  'not-deterministic': {
    group: 'session',
    severity: 'warning',
    summary: 'two runs do not end in the same schema, or in as many rows',
    why: 'No two databases at that version are the same, so that what is tested on one does not hold for the other.',
    instead: 'Give names and numbers that do not depend on the moment or on chance.',
  },
  'not-repeatable': {
    group: 'interrupt',
    severity: 'error',
    summary: 'interrupted and continued, a migration ends elsewhere, or cannot be continued',
    why: 'A deployment that is ended, or a server that restarts, leaves a database that nobody has seen before.',
    instead:
      'Give each statement that must not be repeated a migration of its own, and let none depend on the session.',
  },
  'migration-lock-lost': {
    group: 'interrupt',
    severity: 'error',
    summary: "two processes that migrate at once get in each other's way",
    why: 'Two instances of a program that start together both migrate, and only the lock keeps the second one out.',
    instead: 'Let no migration release locks that it has not taken.',
  },
  'allow-invalid': {
    group: 'schema',
    severity: 'error',
    summary: 'an "allow" names no rule of ours, or gives no reason',
    why: 'What it was meant to allow is not allowed, or nobody will know why it was.',
    instead: 'Write: -- migrate: allow RULE because REASON',
  },
  'allow-unused': {
    group: 'schema',
    severity: 'notice',
    summary: 'an "allow" allows nothing',
    why: 'It would hide the next finding of that rule without anybody having judged it.',
    instead: 'Remove the line.',
  },
} as const satisfies Record<string, Rule>

export type RuleId = keyof typeof TABLE
export const RULES: Readonly<Record<RuleId, Rule>> = TABLE
const RULE_IDS = Object.keys(TABLE) as readonly RuleId[]
export const GROUPS: readonly RuleGroup[] = [...new Set(Object.values(TABLE).map(({ group }) => group))]

/** Groups that are only checked if they are asked for: they run the migrations many times. */
export const ON_DEMAND: readonly RuleGroup[] = ['compat', 'session', 'interrupt']

export function isRule(name: string): name is RuleId {
  return Object.hasOwn(TABLE, name)
}

/** Returns a hint with the rule that was probably meant; where none is close, how to list them. */
export function meantRule(name: string): string {
  const meant = nearest(name, RULE_IDS)
  return meant ? `Did you mean ${meant}?` : 'migratest verify rules lists them.'
}

/** Returns the address of the rule's section in the documentation, relative to the package. */
export function docsOf(rule: RuleId): string {
  return `docs/verify.md#${rule}`
}

/** Throws a UsageError for levels of unknown rules, and for levels that there are not. */
export function refuseUnknownRules(levels: Readonly<Record<string, unknown>>, where: string): void {
  const known: readonly unknown[] = ['off', ...SEVERITIES, undefined]
  for (const [name, level] of Object.entries(levels)) {
    if (!isRule(name)) throw new UsageError(`${where}: there is no rule "${name}".`, { hint: meantRule(name) })
    if (known.includes(level)) continue
    throw new UsageError(`${where}: ${name} is "${level}".`, {
      hint: 'A rule is "off", "notice", "warning" or "error".',
    })
  }
}
