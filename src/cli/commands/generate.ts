import { existsSync, readFileSync } from 'node:fs'
import { placesToFillIn } from '../../generate/conversion/codeText.ts'
import { destroyedBy } from '../../generate/destroying.ts'
import type { Generated } from '../../generate/generated.ts'
import type { Wanted } from '../../generate/generateOptions.ts'
import type { Leaving } from '../../generate/leaving.ts'
import type { GivenAnswers } from '../../generate/questions/answers.ts'
import { generateAsking } from '../../generate/questions/asking.ts'
import type { Question } from '../../generate/questions/questions.ts'
import { UsageError } from '../../migrate/errors.ts'
import type { Source } from '../../migrate/source.ts'
import { labelOf } from '../../migrate/version.ts'
import { diffText } from '../../schema/diff.ts'
import { memory } from '../../source/memory.ts'
import { amend, finishDraft, type Run } from '../amend.ts'
import { ask } from '../asking.ts'
import type { Context } from '../context.ts'
import { destroyedRows } from '../destroyedRows.ts'
import { migrationFiles } from '../drafts.ts'
import { newPlace, writeMigrations } from '../newMigration.ts'
import { titleOf } from '../numbering.ts'
import { paintedDiff, plural } from '../render.ts'
import { wantedOf } from '../wanted.ts'

/** Exit code if questions are open and nobody can be asked. */
const QUESTIONS_OPEN = 3

export async function run(context: Context, words: readonly string[]): Promise<number> {
  if (context.options.done) return finishDraft(context)
  if (context.options.amend && words.length > 0) {
    throw new UsageError('--amend keeps the name of the migration, so it takes none.')
  }
  if (context.options.amend && context.options.online) {
    throw new UsageError('--amend writes one migration, and --online may need several: they exclude each other.')
  }
  const wanted = await wantedOf(context)
  const given = givenAnswers(context)
  if (context.options.check) return check(context, wanted)
  const withAnswers = (byId: Readonly<Record<string, string>>) => ({ ...given, byId: { ...given.byId, ...byId } })
  const asking = canAsk(context) ? (question: Question) => askOf(context, question) : undefined
  if (context.options.amend) {
    const run: Run = (source, schema, byId) =>
      generateWith(context, schema, byId === 'old' ? { destroy: true } : withAnswers(byId), source)
    return amend(context, wanted, run, { ask: asking, tell: (questions) => openQuestions(context, questions) })
  }
  const { result } = await generateAsking((byId) => generateWith(context, wanted, withAnswers(byId)), {}, asking)
  return result.questions.length > 0 ? openQuestions(context, result.questions) : write(context, result, words)
}

// --- internal ---

function askOf(context: Context, question: Question): Promise<string | undefined> {
  context.idle()
  return ask(question, (text) => context.tell(text))
}

/** Adds how many rows of the development database would go. */
async function withRows(context: Context, result: Generated): Promise<Generated> {
  const objects = result.questions.flatMap(({ kind, object }) => (kind === 'destroy' ? [object] : []))
  const rows = await destroyedRows(context, objects)
  const questions = result.questions.map((question) => {
    const said = rows.get(question.object)
    return said === undefined ? question : { ...question, why: `${question.why} ${capitalized(said)}` }
  })
  return { ...result, questions }
}

function capitalized(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}`
}

async function generateWith(
  context: Context,
  wanted: Wanted,
  answers: GivenAnswers,
  source?: Source,
): Promise<Generated> {
  const [{ generate }, server] = await Promise.all([import('../../generate/generate.ts'), context.testServer()])
  const { table, schema } = context.config
  context.busy('generating the migration, and proving it')
  const result = await generate({
    server,
    migrations: source ?? (await migrationsOf(context)),
    ...(table !== undefined && { table }),
    ...(schema !== undefined && { schema }),
    wanted,
    answers,
    ...(context.options.online && { online: true }),
    ...leavingOf(context),
  })
  return withRows(context, result)
}

/** Returns the options of the configuration, overridden by those of the command line. */
function leavingOf({ config, options }: Context): Leaving {
  const leave = [...(config.generate?.leave ?? []), ...(options.leave ?? [])]
  const only = options.only?.split(',').map((one) => one.trim()) ?? config.generate?.only ?? []
  return { ...(leave.length > 0 && { leave }), ...(only.length > 0 && { only }) }
}

/** The folder of a new project is made with its first migration. */
async function migrationsOf(context: Context): Promise<Source> {
  const { migrations } = context
  if (typeof migrations === 'string' && !existsSync(migrations)) return memory({})
  return context.source()
}

/** Compares the schemas only: whether somebody forgot to generate needs no answers. */
async function check(context: Context, wanted: Wanted): Promise<number> {
  const { questions, up, from, to } = await generateWith(context, wanted, { askRenames: false, destroy: true })
  const same = questions.length === 0 && up.length === 0
  const { changes } = to.diff(from)
  context.print(
    same
      ? 'The migrations build the wanted schema.'
      : `The migrations do not build the wanted schema (- migrations, + wanted):\n\n${paintedDiff(diffText({ changes }))}\n\nTo write what is missing: migratest generate`,
    { same, changes: same ? [] : changes },
  )
  return same ? 0 : 1
}

async function write(context: Context, result: Generated, words: readonly string[]): Promise<number> {
  const { up, down, migrations, left, remark } = result
  if (left.length > 0) context.tell(`left alone, because the command knows none: ${left.join(', ')}`)
  if (remark !== undefined) context.tell(`note: ${remark}\n`)
  if (up.length === 0) {
    context.print('Nothing to do: the migrations build the wanted schema.', { files: [], up, down })
    return 0
  }
  const rows = await destroyedRows(context, up.flatMap(destroyedBy))
  for (const said of rows.values()) context.tell(`drops rows: ${said}`)
  for (const one of result.aside ?? []) context.tell(`set aside: ${one}`)
  const waits = up.flatMap(({ blocks }) => blocks ?? [])
  for (const wait of waits) context.tell(`note: ${wait}`)
  const title = titleOf(words) || result.name
  const named = migrations.map((one) => ({ ...one, title: one.suffix === '' ? title : `${title}_${one.suffix}` }))
  const code = named.find((one) => one.code !== undefined)?.code
  const json = {
    title,
    up,
    down,
    ...(code !== undefined && { code }),
    ...(context.options.online && { migrations: named }),
  }
  if (context.options['dry-run']) {
    const text = named
      .map((one) => one.code ?? `-- up: ${one.title}\n${one.upText}\n-- down\n${one.downText}`)
      .join('\n')
    context.print(text.trimEnd(), { files: [], ...json })
    return 0
  }
  const place = await newPlace(context)
  const draft = existsSync(place.folder) ? await migrationFiles(place).draft() : undefined
  if (draft) {
    context.tell(
      `note: ${labelOf(draft.migration)} is a draft. To put a change into it instead: migratest generate --amend`,
    )
  }
  const files = await writeMigrations(
    place,
    named.map(({ title: name, upText, downText, alone = false, code }) => ({
      title: name,
      up: upText,
      down: downText,
      alone,
      code,
    })),
  )
  const { format } = await context.source()
  if (format && !format.downs) context.tell(`${format.tool} has no downs, so only the up was written.`)
  context.print(
    `${files.join('\n')}\n${plural(up.length, 'statement')} up, ${plural(down.length, 'statement')} down${named.length > 1 ? `, in ${named.length} migrations` : ''}; proven up, down and up again.${code === undefined ? '' : toFillIn(code)}`,
    { files, ...json },
  )
  return 0
}

/** Returns the sentences that say which functions the user still has to write, and which command then proves them. */
function toFillIn(code: string): string {
  return `\nFill in ${placesToFillIn(code)}: until then, the file cannot be loaded. Then "migratest verify" runs it with rows.`
}

function canAsk({ options }: Context): boolean {
  return Boolean(process.stdin.isTTY && process.stderr.isTTY && !options.json && !options.quiet)
}

/** Says which questions are open, unless the user has left them. Returns the exit code. */
function openQuestions(context: Context, questions: readonly Question[]): number {
  const lines = questions.flatMap(({ why, flag }) => [`  ${why}`, `    ${flag}`])
  if (canAsk(context)) context.tell('Nothing was written.')
  else if (context.options.json) context.print('', { questions })
  else context.tell(`Nothing was written: ${plural(questions.length, 'question')} first.\n\n${lines.join('\n')}`)
  return QUESTIONS_OPEN
}

function givenAnswers({ options }: Context): GivenAnswers {
  const { rename, fill, map, using, split = [], merge = [], destroy, answers } = options
  const conversions = [...split, ...merge]
  return {
    ...(rename && { renames: rename }),
    ...(options['no-renames'] && { askRenames: false }),
    ...(fill && { fill }),
    ...(map && { map }),
    ...(using && { using }),
    ...(conversions.length > 0 && { conversions }),
    ...(destroy && { destroy }),
    ...(answers !== undefined && { byId: readAnswerFile(answers) }),
  }
}

/** The document that `--json` prints, with an `answer` in each question. */
function readAnswerFile(file: string): Record<string, string> {
  let document: { questions?: unknown }
  try {
    document = JSON.parse(readFileSync(file, 'utf8'))
  } catch (cause) {
    throw new UsageError(`--answers ${file} cannot be read: ${(cause as Error).message}`, { cause })
  }
  const questions = Array.isArray(document.questions)
    ? (document.questions as { id?: unknown; answer?: unknown }[])
    : []
  const answers = questions.flatMap(({ id, answer }) =>
    typeof id === 'string' && typeof answer === 'string' ? [[id, answer] as const] : [],
  )
  if (answers.length === 0) {
    throw new UsageError(`--answers ${file} has no answers.`, {
      hint: 'Write the document that --json prints to the file, and add "answer" to each question.',
    })
  }
  return Object.fromEntries(answers)
}
