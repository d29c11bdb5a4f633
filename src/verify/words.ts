/** Finds names in SQL without parsing it. Pure. */

export interface Words {
  /** The text in lower case. */
  readonly text: string
  readonly words: ReadonlySet<string>
}

export function wordsOf(text: string): Words {
  const lower = text.toLowerCase()
  return { text: lower, words: new Set(lower.match(/[\p{L}\p{N}_$]+/gu)) }
}

/** Returns whether the text has a name, in any case. One that needs quotes (`order items`, `e-mail`) is no single word. */
export function says({ text, words }: Words, name: string): boolean {
  const lower = name.toLowerCase()
  return words.has(lower) || (/[^\p{L}\p{N}_$]/u.test(lower) && text.includes(lower))
}
