/** `generate --amend` writes the newest migration anew, `generate --done` says that a draft is one no more. */

import { placesToFillIn } from '../generate/conversion/codeText.ts'
import { draftMark } from '../generate/draft.ts'
import type { Generated } from '../generate/generated.ts'
import type { Wanted } from '../generate/generateOptions.ts'
import { generateAsking } from '../generate/questions/asking.ts'
import type { Question } from '../generate/questions/questions.ts'
import { withoutMigration } from '../generate/withoutMigration.ts'
import { UsageError } from '../migrate/errors.ts'
import type { Migration, Source } from '../migrate/source.ts'
import { labelOf } from '../migrate/version.ts'
import type { FoundDraft, MigrationFiles } from '../watch/proposer.ts'
import type { Context } from './context.ts'
import { migrationFiles, rewriteAsCode } from './drafts.ts'
import { type NewPlace, newPlace } from './newMigration.ts'
import { migrationsOnBase } from './numbering.ts'
import { plural } from './render.ts'
import { schemaOfSide, sideAt } from './sides.ts'
import { configuredFrom, namedFrom } from './wanted.ts'
import { typedLine } from './watch/terminal.ts'

/**
 * Generates from what the migrations of a source build to a wanted schema.
 * @param answers beside those of the command line; `old`: the change is that of before, which those do not concern
 */
export type Run = (
  source: Source,
  wanted: Wanted,
  answers: Readonly<Record<string, string>> | 'old',
) => Promise<Generated>

interface Asking {
  /** Undefined if nobody can be asked. */
  readonly ask: ((question: Question) => Promise<string | undefined>) | undefined
  /** Says what is open, and returns the exit code. */
  readonly tell: (questions: readonly Question[]) => number
}

/**
 * @throws UsageError if the newest migration is shared with others, or if edits by hand would be lost and nobody agrees
 */
export async function amend(context: Context, wanted: Wanted, run: Run, { ask, tell }: Asking): Promise<number> {
  const place = await newPlace(context)
  const files = migrationFiles(place)
  const { newest, draft } = await newestOf(place, files)
  const label = labelOf(newest)
  const source = withoutMigration(place.source, newest)
  if (!context.options['dry-run'] && !(await mayReplace(context, newest, draft, files, run, source))) {
    context.tell('Nothing was written.')
    return 1
  }
  const { result, answers } = await generateAsking((byId) => run(source, wanted, byId), draft?.answers ?? {}, ask)
  if (result.questions.length > 0) return tell(result.questions)
  const { up, down, upText, downText } = result
  const code = result.migrations[0]?.code
  if (up.length === 0) {
    throw new UsageError(
      `The migrations build the wanted schema without ${label}, so there is nothing to write into it.`,
      {
        hint: `If it is applied somewhere, undo it first (migratest down 1); then delete its files.`,
      },
    )
  }
  const mark = draft ? (said = {}) => draftMark(schemaName(context), said) : () => ''
  const halves = { up: `${mark(answers)}${upText}`, down: `${mark()}${downText}` }
  if (context.options['dry-run']) {
    context.print((code ?? `-- up: ${label}\n${upText}\n-- down\n${downText}`).trimEnd(), {
      files: [],
      title: newest.name,
      up,
      down,
    })
    return 0
  }
  const written = code === undefined ? await files.rewrite(newest, halves) : await rewriteAsCode(place, newest, code)
  const text =
    written.length === 0
      ? `${label} is what the wanted schema needs.`
      : `${written.join('\n')}\nwritten anew: ${plural(up.length, 'statement')} up, ${plural(down.length, 'statement')} down; proven up, down and up again.${code === undefined ? '' : `\nFill in ${placesToFillIn(code)}: until then, the file cannot be loaded.`}`
  context.print(text, { files: written, title: newest.name, up, down })
  return 0
}

export async function finishDraft(context: Context): Promise<number> {
  const files = migrationFiles(await newPlace(context))
  const draft = await files.draft()
  const done = draft ? await files.finish(draft.migration) : []
  context.print(draft ? `${done.join('\n')}\ndone: no longer a draft.` : 'There is no draft.', { files: done })
  return 0
}

// --- internal ---

/** @throws UsageError if there is none, or if it must stay as it is */
async function newestOf(
  place: NewPlace,
  files: MigrationFiles,
): Promise<{ readonly newest: Migration; readonly draft: FoundDraft | undefined }> {
  const newest = (await place.source.list()).at(-1)
  if (!newest) throw new UsageError('There is no migration to write anew.', { hint: 'Leave --amend out.' })
  const label = labelOf(newest)
  if ((await place.source.read(newest, 'up'))?.kind !== 'sql') {
    throw new UsageError(`${label} is code, and SQL was generated.`, { hint: 'Leave --amend out.' })
  }
  const shared = await migrationsOnBase(place)
  if (shared?.some((other) => labelOf(other) === label)) {
    throw new UsageError(`${label} is on the branch to be merged into already: others may have applied it.`, {
      hint: 'Leave --amend out: the change then is a migration of its own.',
    })
  }
  return { newest, draft: await files.draft() }
}

/** Returns `false` if the files have edits by hand that the user wants to keep. @throws UsageError if nobody can be asked */
async function mayReplace(
  context: Context,
  newest: Migration,
  draft: FoundDraft | undefined,
  files: MigrationFiles,
  run: Run,
  source: Source,
): Promise<boolean> {
  if (context.options.yes || draft?.isUntouched) return true
  if (!draft && (await isAsGenerated(context, newest, files, run, source))) return true
  const why = `${labelOf(newest)} differs from what generate writes for it, so somebody has written or edited it by hand.`
  if (!process.stdin.isTTY || !process.stderr.isTTY || context.options.json) {
    throw new UsageError(`${why} Nothing was written.`, { hint: 'To replace it all the same: --yes' })
  }
  context.idle()
  const line = await typedLine(`${why}\nReplace it all the same? (y/n) `)
  return line?.trim().toLowerCase() === 'y'
}

/** The same schemas give the same text, so what generate writes now for the old change is what it wrote then. */
async function isAsGenerated(
  context: Context,
  newest: Migration,
  files: MigrationFiles,
  run: Run,
  source: Source,
): Promise<boolean> {
  const wanted = { schema: await schemaOfSide(context, sideAt.version(context, 'latest')) }
  const { questions, upText, downText } = await run(source, wanted, 'old')
  return questions.length === 0 && files.has(newest, { up: upText, down: downText })
}

function schemaName(context: Context): string {
  const from = namedFrom(context) ?? configuredFrom(context.found)
  return from ? sideAt.sql(from).label : 'the wanted schema'
}
