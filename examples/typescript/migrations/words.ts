/** A helper of migrations: what it does is part of each that imports it. */
import limits from './limits.json' with { type: 'json' }

export type Length = 'short' | 'medium' | 'long'

export function countWords(text: string): number {
  return text.split(/\s+/).filter(Boolean).length
}

export function lengthOf(words: number): Length {
  if (words <= limits.short) return 'short'
  return words <= limits.medium ? 'medium' : 'long'
}
