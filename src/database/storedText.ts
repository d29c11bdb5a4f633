/** Texts as the history keeps them: a long one is compressed, in ASCII. */
import { gunzipSync, gzipSync } from 'node:zlib'

/** @param from characters from which on a text counts as long */
export function compressed(text: string | null, from: number): string | null {
  if (text === null || text.length < from) return text
  return `${COMPRESSED}${gzipSync(text).toString('base64')}`
}

/** The text that was {@link compressed}. */
export function decompressed(kept: string | null): string | null {
  if (!kept?.startsWith(COMPRESSED)) return kept
  return gunzipSync(Buffer.from(kept.slice(COMPRESSED.length), 'base64')).toString()
}

// --- internal ---

/** The prefix of a compressed text. No SQL begins so. */
const COMPRESSED = 'migratest:gzip:'
