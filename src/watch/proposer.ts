/**
 * Proposes a migration for each save of the wanted schema. Once it is written, it is a draft: the next saves write it
 * anew, until it is finished, or somebody edits it.
 */
import { basename } from 'node:path'
import { placesToFillIn } from '../generate/conversion/codeText.ts'
import { type Draft, draftMark, sealed } from '../generate/draft.ts'
import { generate } from '../generate/generate.ts'
import type { Generated } from '../generate/generated.ts'
import { generateAsking } from '../generate/questions/asking.ts'
import type { Question as GenerateQuestion } from '../generate/questions/questions.ts'
import { readWantedFrom, type WantedFrom } from '../generate/wanted/wantedFrom.ts'
import { withoutMigration } from '../generate/withoutMigration.ts'
import { MigrationFailedError } from '../migrate/errors.ts'
import type { Migration, NewSql, Source } from '../migrate/source.ts'
import { labelOf } from '../migrate/version.ts'
import type { TestServer } from '../testing/testServer.ts'
import type { Collector } from './collect.ts'
import { collectWanted } from './collectWanted.ts'
import { failureOf, type OnWatchEvent, type Proposal } from './events.ts'
import { Schedule } from './schedule.ts'

export interface ProposerOptions {
  readonly from: WantedFrom
  /** The name, for the comment in a draft, of the file whose saves rewrite it: `schema.sql`. */
  readonly schema: string
  readonly server: () => Promise<TestServer<unknown>>
  /** Where our own tables are, if that is not the usual place. */
  readonly place: { readonly table?: string; readonly schema?: string }
  readonly files: MigrationFiles
}

/** A draft among the migrations. */
export interface FoundDraft extends Draft {
  readonly migration: Migration
}

/** Writes the files of migrations, in the format of their folder. Each function returns the paths. */
export interface MigrationFiles {
  /** Returns the newest migration if it is a draft: one that another migration follows is none any more. */
  draft(): Promise<FoundDraft | undefined>
  write(title: string, sql: NewSql): Promise<string[]>
  /** Writes a file in TypeScript, in the place of a migration or as a new one. */
  writeCode(instead: Migration | undefined, title: string, code: string): Promise<string[]>
  /** Returns nothing if the files have this text already. */
  rewrite(migration: Migration, sql: NewSql): Promise<string[]>
  /** Returns `true` if the files have this text. */
  has(migration: Migration, sql: NewSql): Promise<boolean>
  remove(migration: Migration): Promise<string[]>
  /** Takes away what says that it is a draft. */
  finish(migration: Migration): Promise<string[]>
}

interface Around {
  readonly source: Source
  readonly poll: boolean
  readonly onEvent: OnWatchEvent
  /** Asks one question; undefined if there is no user to ask. */
  readonly answer: ((question: GenerateQuestion, signal: AbortSignal) => Promise<string | undefined>) | undefined
}

export class Proposer {
  readonly #options: ProposerOptions
  readonly #around: Around
  readonly #schedule = new Schedule(() => this.#next())
  #collector: Collector | undefined
  /** The work that is due: look whether there is something to propose, write it, or finish the draft. */
  #due: 'nothing' | 'look' | 'write' | 'finish' = 'nothing'
  #question: AbortController | undefined
  #answers: Readonly<Record<string, string>> = {}
  /** The last message, so that it is not printed twice. */
  #lastMessage: string | undefined
  #failed: string | undefined
  /** The files that this watch has written last. */
  #own: ReadonlySet<string> = new Set()
  #hadDraft = false
  /** The name of the draft, also of one that was just removed. */
  #drafted: string | undefined
  /** The migration that was said to be edited by hand. */
  #edited: string | undefined
  #isOver = false

  constructor(options: ProposerOptions, around: Around) {
    this.#options = options
    this.#around = around
  }

  /** Starts to follow the wanted schema. */
  async start(): Promise<void> {
    const { poll, onEvent } = this.#around
    const { from } = this.#options
    const onPolling = (why: string) =>
      onEvent({ type: 'warning', message: `The wanted schema is checked every 100 ms, because ${why}.` })
    this.#collector = collectWanted(from, { poll, onPolling }, () => this.#do('look'))
    await this.#collector.ready
    if ('command' in from && from.inputs.length === 0) {
      onEvent({
        type: 'warning',
        message: `"${from.command}" runs at the start and with the key g. For each save, name the files that it reads: wanted: { command, inputs }.`,
      })
    }
    this.#do('look')
  }

  /** Looks again, because migrations have changed; but not for the files that this watch has written itself. */
  look(saved: readonly string[]): void {
    if (saved.length > 0 && saved.every((file) => this.#own.has(file))) return
    this.#do('look')
  }

  /** Asks what is open, and writes what is proposed. */
  write(): void {
    this.#do('write')
  }

  finish(): void {
    this.#do('finish')
  }

  /** Returns whether this is the migration that the watch writes anew with each save, or has just removed. */
  isDraft(name: string): boolean {
    return name === this.#drafted
  }

  idle(): Promise<void> {
    return this.#schedule.idle()
  }

  async close(): Promise<void> {
    this.#isOver = true
    this.#question?.abort()
    await this.#collector?.close()
    await this.#schedule.idle()
  }

  // --- internal ---

  #do(what: 'look' | 'write' | 'finish'): void {
    if (this.#isOver) return
    // A save that comes right after the user's key does not make the watch forget what the key asked for.
    if (what !== 'look' || this.#due === 'nothing') this.#due = what
    this.#question?.abort()
    this.#schedule.poke()
  }

  async #next(): Promise<void> {
    const due = this.#due
    this.#due = 'nothing'
    if (due === 'nothing' || this.#isOver) return
    try {
      if (due === 'finish') await this.#finish()
      else await this.#propose(due === 'write')
    } catch (error) {
      if (!this.#isOver) this.#fail(error as Error)
    }
  }

  async #propose(isToWrite: boolean): Promise<void> {
    const { onEvent } = this.#around
    const draft = await this.#draft()
    // Somebody has removed the draft: its answers go with it.
    if (!draft && this.#hadDraft) this.#answers = {}
    this.#hadDraft = draft !== undefined
    const source = draft ? withoutMigration(this.#around.source, draft.migration) : this.#around.source
    const wanted = await readWantedFrom(this.#options.from)
    const server = await this.#options.server()
    const known = { ...draft?.answers, ...this.#answers }
    const run = (byId: Readonly<Record<string, string>>) =>
      generate({ server, migrations: source, ...this.#options.place, wanted, answers: { byId } })
    // A draft follows each save, so what it needs to know is asked at once; else the user says when.
    const canAsk = isToWrite || draft !== undefined
    const { result, answers } = await generateAsking(run, known, canAsk ? this.#ask() : undefined)
    if (this.#isOver) return
    if (canAsk) this.#answers = answers
    // The schema was saved again meanwhile: the next round sees it, and nobody waits for this one.
    if (this.#due !== 'nothing' && !isToWrite) return
    const mended = this.#failed !== undefined
    this.#failed = undefined
    if (result.questions.length > 0) return this.#say({ type: 'questions', questions: result.questions })
    // Generating takes a moment, in which somebody may have edited the draft.
    if (draft && !(await this.#options.files.draft())?.isUntouched) return this.#do('look')
    if (result.up.length === 0) return this.#nothing(draft, isToWrite || mended)
    const proposal = proposalOf(result)
    if (!draft && !isToWrite) return this.#say({ type: 'proposed', proposal }, mended)
    const isWritten = await this.#writeDraft(draft, result, proposal, answers)
    if (draft && !isWritten && (isToWrite || mended)) {
      onEvent({ type: 'idle', why: `${labelOf(draft.migration)} is what the wanted schema needs` })
    }
  }

  async #writeDraft(
    draft: FoundDraft | undefined,
    { name, upText, downText, migrations }: Generated,
    proposal: Proposal,
    answers: Readonly<Record<string, string>>,
  ): Promise<boolean> {
    const { files, schema } = this.#options
    const code = migrations[0]?.code
    if (code !== undefined) return this.#writeCode(draft, proposal, code)
    const halves = { up: `${draftMark(schema, answers)}${upText}`, down: `${draftMark(schema)}${downText}` }
    const written = draft ? await files.rewrite(draft.migration, halves) : await files.write(name, halves)
    this.#drafted = draft?.migration.name ?? (await files.draft())?.migration.name
    if (written.length === 0) return false
    this.#own = new Set(written.map((file) => basename(file)))
    this.#around.onEvent({ type: 'drafted', proposal, files: written, again: draft !== undefined })
    this.#lastMessage = undefined
    return true
  }

  /** Writes a migration in which a person has to write code. It is theirs from the beginning, so it is no draft. */
  async #writeCode(draft: FoundDraft | undefined, proposal: Proposal, code: string): Promise<boolean> {
    const files = await this.#options.files.writeCode(draft?.migration, proposal.title, code)
    // The file cannot run yet. The next save that can run is an edit of the person, and no draft of ours.
    this.#own = new Set()
    this.#answers = {}
    this.#hadDraft = false
    this.#say({ type: 'drafted', proposal, files, again: draft !== undefined, fillIn: placesToFillIn(code) })
    return true
  }

  /** There is nothing to write. A draft that has become needless goes. */
  async #nothing(draft: FoundDraft | undefined, isAsked: boolean): Promise<void> {
    this.#answers = {}
    const why = 'the migrations build the wanted schema'
    if (draft && this.#around.source.format?.nameless) {
      const files = await this.#options.files.rewrite(draft.migration, this.#empty())
      if (files.length === 0) return isAsked ? this.#around.onEvent({ type: 'idle', why }) : undefined
      this.#own = new Set(files.map((file) => basename(file)))
      this.#say({ type: 'withdrawn', why: `${why}; ${labelOf(draft.migration)} does nothing now`, files: [] })
    } else if (draft) {
      const files = await this.#options.files.remove(draft.migration)
      this.#own = new Set(files.map((file) => basename(file)))
      this.#say({ type: 'withdrawn', why: `${why} without it`, files })
    } else if (this.#lastMessage !== undefined && !this.#lastMessage.startsWith(WITHDRAWN)) {
      this.#say({ type: 'withdrawn', why, files: [] })
    } else if (isAsked) this.#around.onEvent({ type: 'idle', why })
  }

  /** A draft of which nothing is left, where a database would not notice that its file is gone. */
  #empty(): NewSql {
    return { up: sealed(`${draftMark(this.#options.schema)}-- Nothing is left of this draft.\nSELECT 1;\n`), down: '' }
  }

  async #finish(): Promise<void> {
    const draft = await this.#options.files.draft()
    if (!draft) return this.#around.onEvent({ type: 'idle', why: 'there is no draft' })
    // A draft without any change is removed.
    const isEmpty = await this.#options.files.has(draft.migration, this.#empty())
    const files = await this.#options.files[isEmpty ? 'remove' : 'finish'](draft.migration)
    this.#own = new Set(files.map((file) => basename(file)))
    this.#answers = {}
    this.#around.onEvent({ type: 'finished', files })
  }

  /** Returns the draft, unless somebody has edited it: then it is theirs, and a further change is a migration of its own. */
  async #draft(): Promise<FoundDraft | undefined> {
    const draft = await this.#options.files.draft()
    if (draft?.isUntouched) this.#drafted = draft.migration.name
    if (!draft || draft.isUntouched) return draft
    this.#drafted = undefined
    const message = `${labelOf(draft.migration)} was edited by hand, so it is not written anew: a further change is proposed as a migration of its own.`
    if (this.#edited !== draft.migration.name) this.#around.onEvent({ type: 'warning', message })
    this.#edited = draft.migration.name
    return undefined
  }

  #ask(): ((question: GenerateQuestion) => Promise<string | undefined>) | undefined {
    const { answer } = this.#around
    if (!answer) return undefined
    return async (question) => {
      if (this.#due !== 'nothing' || this.#isOver) return undefined
      this.#question = new AbortController()
      const { signal } = this.#question
      try {
        const given = await answer(question, signal)
        return signal.aborted ? undefined : given
      } finally {
        this.#question = undefined
      }
    }
  }

  /** @param again `true`: also if it was said before */
  #say(event: Parameters<OnWatchEvent>[0], again = false): void {
    const text = JSON.stringify(event)
    if (text === this.#lastMessage && !again) return
    this.#lastMessage = text
    this.#around.onEvent(event)
  }

  #fail(error: Error): void {
    // A migration that fails has failed in the database, too, and was reported.
    if (error instanceof MigrationFailedError || this.#failed === error.message) return
    this.#failed = error.message
    this.#around.onEvent({ type: 'unreadable', error: failureOf(error) })
  }
}

// --- internal ---

const WITHDRAWN = '{"type":"withdrawn"'

function proposalOf({ name, up, down, upText, downText, remark, left }: Generated): Proposal {
  return {
    title: name,
    up: upText,
    down: downText,
    statements: { up: up.length, down: down.length },
    remark,
    left,
  }
}
