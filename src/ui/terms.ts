/**
 * Remembers under which port and with which token a folder's page was served last. The next start uses them again if it
 * can: the address stays valid, and a page that is still open reconnects.
 */
import { createHash, randomBytes } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { privateFolder } from '../server/places.ts'
import type { UiServerOptions } from './server.ts'

interface Kept {
  readonly port: number
  readonly token: string
}

export class Terms {
  readonly #file: string
  readonly #kept: Kept

  private constructor(file: string, kept: Kept) {
    this.#file = file
    this.#kept = kept
  }

  /** @param folder the absolute path of the migrations */
  static of(folder: string): Terms {
    const name = `page-${createHash('sha256').update(folder).digest('hex').slice(0, 12)}.json`
    const file = join(privateFolder(), name)
    return new Terms(file, read(file) ?? { port: 0, token: randomBytes(24).toString('base64url') })
  }

  /** @param port the port that the user named */
  options(port: number | undefined): UiServerOptions {
    const { port: last, token } = this.#kept
    return { token, port: port ?? last, elsewhere: port === undefined }
  }

  /** @param url the address under which the page is served now */
  keep(url: string): void {
    const kept: Kept = { ...this.#kept, port: Number(new URL(url).port) }
    // Only the user may read the token. The folder is private, too.
    writeFileSync(this.#file, JSON.stringify(kept), { mode: 0o600 })
  }
}

// --- internal ---

function read(file: string): Kept | undefined {
  try {
    const { port, token } = JSON.parse(readFileSync(file, 'utf8')) as Partial<Kept>
    if (Number.isInteger(port) && typeof token === 'string' && token.length >= 32) return { port: Number(port), token }
  } catch {
    // There is none yet, or it was cut off: a new one is made.
  }
  return undefined
}
