/**
 * Knows which tables there are, and of those that a run has made which names they cannot have yet. So a statement that adds a column, a key or a
 * constraint may be sent together with the one before it: nobody has to look whether the part is there already.
 */
import { type Making, makingOf } from './makings.ts'
import { ddlTargetsOf, type StatementJournal } from './statementJournal.ts'

/** The facts that the server is asked for about the database. */
export interface Known {
  /** Names of all tables and views, in lower case. */
  readonly tables: ReadonlySet<string>
  /** `true` if a failed migration's rows may stay, in tables without transactions. */
  readonly rowsStay: boolean
}

export class Foreseen {
  /** The server's last answer. It still holds, except for the tables that the run has made since. */
  #known: Known | undefined
  /** By the names of the tables that the run has made: all statements that may have named a part of the table, in lower case. */
  #texts = new Map<string, readonly string[]>()
  #isOff = false

  /** Call when a run begins: others may have changed the tables since the last one. */
  forget(): void {
    this.ranOther()
    this.#isOff = false
  }

  /** Returns what the server says of the database; it is asked again after what may have changed more than tables' parts. */
  async known(ask: () => Promise<Known>): Promise<Known> {
    this.#known ??= await ask()
    return this.#known
  }

  /** Call when a statement has run that may change definitions. @param database the current one */
  ran(sql: string, database: string): void {
    // A temporary table hides the table that has its name.
    if (/\btemporary\b/i.test(sql)) this.#isOff = true
    const making = makingOf(sql, database)
    // A table that was there before has other parts, too.
    if (making && (making.part || !/\bif\s+not\s+exists\b/i.test(sql))) this.#made(making, sql)
    else this.#changed(ddlTargetsOf(sql, database), sql)
  }

  /** Call when something has run of which we do not know what it did. */
  ranOther(): void {
    this.#texts.clear()
    this.#known = undefined
  }

  /** Returns a function that takes everything back to what it is now. */
  remember(): () => void {
    const texts = new Map(this.#texts)
    return () => {
      this.#texts = texts
    }
  }

  /**
   * Returns what the journal stores about a statement before it runs, and assumes from then on that it has run; undefined
   * if somebody has to look.
   * @param absent returns whether there is no such table
   */
  next(sql: string, database: string, absent: (table: string) => boolean): StatementJournal | undefined {
    const making = this.#isOff ? undefined : makingOf(sql, database)
    if (!making || !this.#isMissing(making, absent)) return undefined
    this.#made(making, sql)
    const { table: name, part } = making
    return { verb: 'make', targets: [{ kind: 'TABLE', name, ...(part && { part }) }], before: [null], modes: PLAIN }
  }

  // --- internal ---

  #isMissing({ table, part }: Making, absent: (table: string) => boolean): boolean {
    const texts = this.#texts.get(table.toLowerCase())
    if (!part) return texts === undefined && absent(table)
    const name = part.name.toLowerCase()
    return texts?.every((text) => !text.includes(name)) === true
  }

  #changed(aim: ReturnType<typeof ddlTargetsOf>, sql: string): void {
    const [target, second] = aim?.targets ?? []
    if (!aim || !target || second || target.kind === 'DATABASE' || aim.verb === 'rename') this.ranOther()
    else if (target.kind === 'TABLE' && aim.verb === 'change') this.#add(target.name.toLowerCase(), sql)
    else if (target.kind === 'TABLE') this.#texts.delete(target.name.toLowerCase())
    // A table without transactions, or another one that is there now.
    if (aim?.verb === 'make' || /\bengine\b/i.test(sql)) this.#known = undefined
  }

  #add(key: string, sql: string): void {
    const texts = this.#texts.get(key)
    if (texts) this.#texts.set(key, [...texts, sql.toLowerCase()])
  }

  #made({ table, part }: Making, sql: string): void {
    const key = table.toLowerCase()
    if (part) this.#add(key, sql)
    else this.#texts.set(key, [sql.toLowerCase()])
  }
}

// --- internal ---

/** Modes under which definitions quote names with backticks. */
const PLAIN = { mode: '', quotes: 1 }
