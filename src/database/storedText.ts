/** The form in which the history stores texts: long ones are compressed and written in ASCII. */
import { gunzipSync, gzipSync } from 'node:zlib'

/** Compresses a long text. @param from the number of characters from which on a text counts as long */
export function compressed(text: string | null, from: number): string | null {
  if (text === null || text.length < from) return text
  return `${COMPRESSED}${gzipSync(text).toString('base64')}`
}

/** Returns the text that was passed to {@link compressed}. */
export function decompressed(kept: string | null): string | null {
  if (!kept?.startsWith(COMPRESSED)) return kept
  return gunzipSync(Buffer.from(kept.slice(COMPRESSED.length), 'base64')).toString()
}

// --- internal ---

/** The prefix of a compressed text. SQL never begins with it. */
const COMPRESSED = 'migratest:gzip:'
