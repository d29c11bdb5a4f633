/** Substitutes environment variables as goose does: the grammar of the Go package mfridman/interpolate. */

export type Environment = Readonly<Record<string, string | undefined>>

/**
 * Substitutes `$NAME`, `${NAME}`, `${NAME:-default}`, `${NAME-default}`, `${NAME:from:length}` and `${NAME?message}`.
 * `$$` and `\$` stand for a dollar sign. A variable that is not set is empty.
 * @throws Error for other text after a dollar sign, and for a variable that is required and not set
 */
export function interpolate(text: string, env: Environment): string {
  return new Expander(text, env).expression('', true)
}

// --- internal ---

class Expander {
  readonly #text: string
  readonly #env: Environment
  #at = 0

  constructor(text: string, env: Environment) {
    this.#text = text
    this.#env = env
  }

  /** @param stop the character before which to stop @param counts `false` if the result will not be used */
  expression(stop: string, counts: boolean): string {
    let out = ''
    while (this.#at < this.#text.length && this.#text[this.#at] !== stop) {
      const two = this.#text.slice(this.#at, this.#at + 2)
      const literal = ESCAPES[two]
      if (literal !== undefined) {
        this.#at += 2
        out += literal
      } else if (two.startsWith('$') && two.length === 2) out += this.#expansion(counts)
      else {
        out += two[0]
        this.#at++
      }
    }
    return out
  }

  #expansion(counts: boolean): string {
    this.#at++
    if (this.#text[this.#at] !== '{') return this.#env[this.#take(NAME, 'a name')] ?? ''
    this.#at++
    const name = this.#take(NAME, 'a name')
    const value = this.#env[name]
    const operator = this.#take(OPERATOR, 'an operator')
    if (operator === '}') return value ?? ''
    const result = this.#operate(name, value, operator, counts)
    this.#take(/\}/y, '"}"')
    return result
  }

  #operate(name: string, value: string | undefined, operator: string, counts: boolean): string {
    switch (operator) {
      case ':-':
        return this.#otherwise(value === '' ? undefined : value, counts)
      case '-':
        return this.#otherwise(value, counts)
      case '?': {
        const message = this.expression('}', counts && value === undefined)
        if (value === undefined && counts) throw new Error(`$${name}: ${message || 'not set'}`)
        return value ?? ''
      }
      default:
        return this.#part(value ?? '')
    }
  }

  #otherwise(value: string | undefined, counts: boolean): string {
    const other = this.expression('}', counts && value === undefined)
    return value ?? other
  }

  #part(value: string): string {
    const from = Number(this.#take(INTEGER, 'a number'))
    const start = Math.min(from < 0 ? Math.max(from + value.length, 0) : from, value.length)
    if (this.#text[this.#at] !== ':') return value.slice(start)
    this.#at++
    const length = Number(this.#take(INTEGER, 'a number'))
    const end = length < 0 ? Math.max(value.length + length, start) : start + length
    return value.slice(start, end)
  }

  #take(pattern: RegExp, what: string): string {
    pattern.lastIndex = this.#at
    const found = pattern.exec(this.#text)?.[0]
    if (found === undefined) throw new Error(`${what} is missing after "${this.#text.slice(0, this.#at)}"`)
    this.#at += found.length
    return found
  }
}

/** A backslash before another one stays, and so does what begins a command of a shell. */
const ESCAPES: Readonly<Record<string, string>> = { '\\\\': '\\\\', '\\$': '$', $$: '$', '$(': '$(' }
const NAME = /\p{L}[\p{L}\p{N}_]*/uy
const OPERATOR = /\}|:-|:|-|\?/y
const INTEGER = /\s*[+-]?\d+\s*/y
