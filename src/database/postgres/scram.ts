/**
 * Answers the server's question for the password (SCRAM-SHA-256, RFC 5802 and 7677) without deriving the same key again.
 *
 * The key is made of the password by 4096 hashes, with a salt that is the same for each connection of a role, so the
 * RFC lets a client remember it. `pg` derives it for each connection, which takes longer than everything else that a
 * client does to connect. What proves that both sides know the password still differs from one connection to the next.
 */
import { createHash, createHmac, pbkdf2 } from 'node:crypto'
import { promisify } from 'node:util'
import type { Client } from 'pg'

/** Call before the client connects. A client that does not work like `pg` 8 keeps its own way. */
export function rememberKeys(client: Client): void {
  const inside = client as unknown as ClientInside
  const own = inside._handleAuthSASLContinue
  if (typeof own !== 'function') return
  inside._handleAuthSASLContinue = async (message) => {
    const { saslSession: session, password, connection } = inside
    const question = questionIn(message.data, session)
    if (!session || !question || typeof password !== 'string' || !PRINTABLE.test(password)) {
      return own.call(inside, message)
    }
    try {
      const keys = await keysOf(password, question)
      Object.assign(session, { message: 'SASLResponse', ...answerOf(session, question, message.data, keys) })
      connection.sendSCRAMClientFinalMessage(session.response)
    } catch (error) {
      connection.emit('error', error)
    }
  }
}

// --- internal ---

/** Fields of a `pg` client that its types leave out. */
interface ClientInside {
  _handleAuthSASLContinue?(message: { readonly data: string }): Promise<void> | void
  readonly saslSession?: SaslSession | null
  readonly password?: unknown
  readonly connection: {
    sendSCRAMClientFinalMessage(response: string): void
    emit(name: 'error', error: unknown): void
  }
}

/** `pg` keeps this of a negotiation from one message to the next. */
interface SaslSession {
  readonly mechanism: string
  readonly clientNonce: string
  /** The client's next message: at first its name and nonce. */
  readonly response: string
}

interface Question {
  readonly nonce: string
  readonly salt: string
  readonly iterations: number
}

/** Passwords that SASLprep leaves as they are. */
const PRINTABLE = /^[\x20-\x7e]+$/

/** A server may not make a client work longer than this; `pg` refuses it. */
const MOST_ITERATIONS = 100_000

/** Undefined for everything that is not the usual answer to the usual first message, which `pg` then deals with. */
function questionIn(data: string, session: SaslSession | null | undefined): Question | undefined {
  if (session?.mechanism !== 'SCRAM-SHA-256' || session.response !== `${NO_BINDING}n=*,r=${session.clientNonce}`) {
    return undefined
  }
  const [, nonce = '', salt = '', count] = /^r=([!-+\--~]+),s=([A-Za-z0-9+/]+={0,2}),i=([1-9]\d*)$/.exec(data) ?? []
  const iterations = Number(count ?? 0)
  const isFresh = nonce.startsWith(session.clientNonce) && nonce.length > session.clientNonce.length
  return isFresh && iterations > 0 && iterations <= MOST_ITERATIONS ? { nonce, salt, iterations } : undefined
}

/** Says that the client does not bind the password to a certificate. */
const NO_BINDING = 'n,,'

/** Keys that are derived from a role's password, the same for all of its connections. */
interface Keys {
  readonly client: Buffer
  /** A hash of the client's key, which is what the server stores. */
  readonly stored: Buffer
  readonly server: Buffer
}

const derive = promisify(pbkdf2)

const known = new Map<string, Promise<Keys>>()
/** A process has few roles. */
const MOST_KEYS = 16

function keysOf(password: string, { salt, iterations }: Question): Promise<Keys> {
  const name = `${iterations} ${salt} ${password}`
  const found = known.get(name)
  if (found) return found
  if (known.size >= MOST_KEYS) known.clear()
  const made = makeKeys(password, Buffer.from(salt, 'base64'), iterations)
  known.set(name, made)
  return made
}

async function makeKeys(password: string, salt: Buffer, iterations: number): Promise<Keys> {
  const salted = await derive(password, salt, iterations, 32, 'sha256')
  const client = hmac(salted, 'Client Key')
  return { client, stored: createHash('sha256').update(client).digest(), server: hmac(salted, 'Server Key') }
}

/** Returns what the client sends, and what the server then has to send, which `pg` checks. */
function answerOf({ clientNonce }: SaslSession, { nonce }: Question, question: string, keys: Keys) {
  const plain = `c=${Buffer.from(NO_BINDING).toString('base64')},r=${nonce}`
  const said = `n=*,r=${clientNonce},${question},${plain}`
  const mask = hmac(keys.stored, said)
  const proof = Buffer.from(keys.client.map((byte, i) => byte ^ (mask[i] as number)))
  return {
    response: `${plain},p=${proof.toString('base64')}`,
    serverSignature: hmac(keys.server, said).toString('base64'),
  }
}

function hmac(key: Buffer, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest()
}
