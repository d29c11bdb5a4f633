/** Writes texts that match a regular expression, as far as it consists of literals, classes, groups and repetitions. */

/**
 * Returns a text that the expression probably matches, another one for each `i`; `undefined` for syntax that this does not
 * understand. The server has the last word.
 */
export function textMatching(expression: string, i: number): string | undefined {
  try {
    const parser = new Parser(expression)
    const node = parser.alternatives()
    if (!parser.isDone) return undefined
    return written(node, i)
  } catch {
    return undefined
  }
}

// --- internal ---

type Node =
  | { readonly type: 'characters'; readonly from: string }
  | { readonly type: 'sequence'; readonly parts: readonly Node[] }
  | { readonly type: 'choice'; readonly of: readonly Node[] }
  | { readonly type: 'repeat'; readonly part: Node; readonly least: number; readonly most: number }

const DIGIT = '0123456789'
const LOWER = 'abcdefghijklmnopqrstuvwxyz'
const UPPER = LOWER.toUpperCase()
const WORD = `${LOWER}${DIGIT}`

const ESCAPES: Readonly<Record<string, string>> = {
  d: DIGIT,
  w: WORD,
  s: ' ',
  D: LOWER,
  W: '-',
  S: WORD,
  t: '\t',
  n: '\n',
}
const NAMED: Readonly<Record<string, string>> = {
  alpha: LOWER,
  digit: DIGIT,
  alnum: WORD,
  lower: LOWER,
  upper: UPPER,
  space: ' ',
  punct: '-',
  xdigit: '0123456789abcdef',
  word: WORD,
}

class Parser {
  readonly #text: string
  #at = 0

  constructor(text: string) {
    this.#text = text
  }

  get isDone(): boolean {
    return this.#at >= this.#text.length
  }

  alternatives(): Node {
    const of = [this.#sequence()]
    while (this.#take('|')) of.push(this.#sequence())
    return of.length === 1 ? (of[0] as Node) : { type: 'choice', of }
  }

  #sequence(): Node {
    const parts: Node[] = []
    while (!this.isDone && !'|)'.includes(this.#text[this.#at] ?? '')) {
      const atom = this.#atom()
      if (atom) parts.push(this.#repeated(atom))
    }
    return { type: 'sequence', parts }
  }

  #atom(): Node | undefined {
    const c = this.#text[this.#at++] ?? ''
    if (c === '^' || c === '$') return undefined
    if (c === '.') return { type: 'characters', from: WORD }
    if (c === '[') return { type: 'characters', from: this.#bracket() }
    if (c === '(') {
      if (this.#take('?') && !this.#take(':')) throw new Error('look-around')
      const inner = this.alternatives()
      if (!this.#take(')')) throw new Error('not closed')
      return inner
    }
    if (c !== '\\') return { type: 'characters', from: c }
    const escaped = this.#text[this.#at++] ?? ''
    if ('AZbByYmM'.includes(escaped)) return undefined
    return { type: 'characters', from: ESCAPES[escaped] ?? escaped }
  }

  #bracket(): string {
    const isNegated = this.#take('^')
    let from = ''
    for (let first = true; first || this.#text[this.#at] !== ']'; first = false) {
      if (this.isDone) throw new Error('not closed')
      const named = /^\[:(\w+):\]/.exec(this.#text.slice(this.#at))
      if (named) {
        this.#at += named[0].length
        from += NAMED[named[1] ?? ''] ?? ''
        continue
      }
      const c = this.#text[this.#at++] ?? ''
      if (c === '\\') {
        const escaped = this.#text[this.#at++] ?? ''
        from += ESCAPES[escaped] ?? escaped
        continue
      }
      const end = this.#text[this.#at + 1]
      if (this.#text[this.#at] === '-' && end !== undefined && end !== ']') {
        this.#at += 2
        for (let n = c.charCodeAt(0); n <= end.charCodeAt(0) && from.length < 500; n++) from += String.fromCharCode(n)
      } else from += c
    }
    this.#at++
    if (!isNegated) return from
    return [...`${WORD}${UPPER}-_.`].filter((c) => !from.includes(c)).join('')
  }

  #repeated(part: Node): Node {
    const c = this.#text[this.#at] ?? ''
    let counts: readonly [number, number] | undefined
    if (c === '*') counts = [0, 8]
    else if (c === '+') counts = [1, 8]
    else if (c === '?') counts = [0, 1]
    else if (c === '{') {
      const found = /^\{(\d+)(,?)(\d*)\}/.exec(this.#text.slice(this.#at))
      if (!found) return part
      const least = Number(found[1])
      counts = [least, found[3] ? Number(found[3]) : found[2] ? least + 8 : least]
      this.#at += found[0].length - 1
    }
    if (!counts) return part
    this.#at++
    this.#take('?')
    return { type: 'repeat', part, least: counts[0], most: counts[1] }
  }

  #take(c: string): boolean {
    if (this.#text[this.#at] !== c) return false
    this.#at++
    return true
  }
}

/** Spends the digits of `i` from the last character on, so that neighbours differ. */
function written(node: Node, i: number): string {
  const left = { rest: i }
  return backwards(node, left)
}

function backwards(node: Node, left: { rest: number }): string {
  switch (node.type) {
    case 'characters': {
      const size = node.from.length
      if (size === 0) throw new Error('no character')
      const c = node.from[left.rest % size] ?? ''
      left.rest = Math.floor(left.rest / size)
      return c
    }
    case 'sequence':
      return node.parts.reduceRight((text, part) => backwards(part, left) + text, '')
    case 'choice': {
      const chosen = node.of[left.rest % node.of.length] as Node
      left.rest = Math.floor(left.rest / node.of.length)
      return backwards(chosen, left)
    }
    case 'repeat': {
      let text = ''
      let count = 0
      for (; count < node.least; count++) text = backwards(node.part, left) + text
      for (; count < node.most && left.rest > 0; count++) text = backwards(node.part, left) + text
      return text
    }
  }
}
