/** Reads the words and names of a statement. */
import { type Token, tokenize } from '../../../sql/tokens.ts'
import { identifier } from '../tables.ts'

/** The tokens of a statement, one after another. Most statements name their object in the first few: no more are read. */
export class Words {
  readonly #sql: string
  readonly #database: string
  readonly #unread: Iterator<Token>
  readonly #tokens: Token[] = []
  #at = 0

  constructor(sql: string, database: string) {
    this.#sql = sql
    this.#database = database
    this.#unread = tokenize(sql, 'mysql')
  }

  /** Consumes and returns the next word if it is one of these. */
  take(...words: readonly string[]): string | undefined {
    const word = this.#text().toLowerCase()
    if (!words.includes(word)) return undefined
    this.#at++
    return word
  }

  /** Consumes all of these words that come next. */
  skip(words: readonly string[]): void {
    while (this.take(...words));
  }

  /** Consumes what may stand between CREATE and the kind of object: options, and a definer. */
  skipOptions(): void {
    for (let token = this.#token(this.#at); token; token = this.#token(++this.#at)) {
      const word = this.#text().toLowerCase()
      if (BEFORE_KIND.includes(word)) continue
      // A definer: 'name'@'host', `name`@`host`, name@host.
      const before = this.#previous()
      if (before === '=' || before === '@' || word === '@' || word.startsWith('@')) continue
      if (token.kind !== 'word') continue
      return
    }
  }

  skipTo(word: string): void {
    while (this.#token(this.#at) && this.#text().toLowerCase() !== word) this.#at++
    this.#at++
  }

  /** Reads names separated by one of `between`; undefined if there is none. */
  names(between: readonly string[]): string[] | undefined {
    const all: string[] = []
    do {
      const name = this.name()
      if (name === undefined) return undefined
      all.push(name)
    } while (this.take(...between))
    return all
  }

  /** Reads a name and returns it quoted and qualified. */
  name(): string | undefined {
    const first = this.plainName()
    if (first === undefined) return undefined
    if (this.#text() !== '.') return `${identifier(this.#database)}.${identifier(first)}`
    this.#at++
    const second = this.plainName()
    return second === undefined ? undefined : `${identifier(first)}.${identifier(second)}`
  }

  /** Reads a name that is not qualified, and returns it without quotes. */
  plainName(): string | undefined {
    const token = this.#token(this.#at)
    if (!token) return undefined
    const text = this.#text()
    this.#at++
    if (token.kind === 'word') return text
    if (token.kind !== 'quoted' && !text.startsWith('"')) return undefined
    const quote = text[0] as string
    return text.slice(1, -1).replaceAll(quote + quote, quote)
  }

  /** Returns whether one of these words occurs in the rest. */
  has(words: readonly string[]): boolean {
    for (let at = this.#at, token = this.#token(at); token; token = this.#token(++at)) {
      if (token.kind === 'word' && words.includes(this.#sql.slice(token.start, token.end).toLowerCase())) return true
    }
    return false
  }

  /** Returns the new name in ALTER TABLE … RENAME [TO | AS] name, if the table is renamed and not a column or key. */
  renamed(): string | undefined {
    for (; this.#token(this.#at); this.#at++) {
      if (this.#text().toLowerCase() !== 'rename') continue
      this.#at++
      if (['column', 'index', 'key'].includes(this.#text().toLowerCase())) continue
      this.take('to', 'as')
      return this.name()
    }
    return undefined
  }

  #text(at = this.#at): string {
    const token = this.#token(at)
    return token ? this.#sql.slice(token.start, token.end) : ''
  }

  #previous(): string {
    return this.#text(this.#at - 1)
  }

  #token(at: number): Token | undefined {
    while (this.#tokens.length <= at) {
      const { value, done } = this.#unread.next()
      if (done) return undefined
      if (value.kind !== 'comment') this.#tokens.push(value)
    }
    return this.#tokens[at]
  }
}

// --- internal ---

const BEFORE_KIND =
  'or replace temporary unique fulltext spatial vector online offline ignore aggregate algorithm = undefined merge temptable definer current_user role sql security invoker'.split(
    ' ',
  )
