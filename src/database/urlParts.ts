/**
 * Splits a database URL into its parts so that no message can contain a piece of a password, whatever characters were
 * left unencoded in it.
 */
import { readFileSync } from 'node:fs'
import { UsageError } from '../migrate/errors.ts'
import { nearest } from '../migrate/nearest.ts'
import { decoded } from './address.ts'

export interface UrlParts {
  readonly user: string | undefined
  readonly password: string | undefined
  /**
   * Host names or addresses without brackets, and ports as written; one entry with empty texts if the URL names no
   * host.
   */
  readonly hosts: readonly { readonly host: string; readonly port: string }[]
  readonly database: string | undefined
  readonly params: ReadonlyMap<string, string>
  /** `true` if messages may show the names of parameters; `false` if they may be a piece of a password. */
  readonly mayShowNames: boolean
}

/** Splits a URL. @param example a URL of the expected form, for error messages @throws UsageError */
export function urlParts(url: string, example: string): UrlParts {
  const [, rest] = /^[a-z][a-z0-9+.-]*:\/\/(.*)$/is.exec(url.trim()) ?? []
  if (rest === undefined) {
    throw new UsageError('The database URL is not a URL.', { hint: `It looks like ${example}` })
  }
  const [, authority = '', path = '', query = ''] = /^([^/?#]*)([^?]*)(?:\?(.*))?$/s.exec(rest) ?? []
  const at = authority.lastIndexOf('@')
  // There is an @ after the authority: the text before it was meant as part of the password.
  const isSplit =
    path.includes('@') || path.includes('#') || (at === -1 && query.includes('@') && authority.includes(':'))
  if (isSplit) {
    throw new UsageError('The database URL has a character in its user or password that has to be encoded.', {
      hint: `In ${example}, these characters of a password are written so: @ %40, : %3A, / %2F, ? %3F, # %23, % %25.`,
    })
  }
  const [user, ...password] = (at === -1 ? '' : authority.slice(0, at)).split(':')
  const params = new Map<string, string>()
  for (const part of query.split('&').filter(Boolean)) {
    const [name = '', ...value] = part.split('=')
    params.set(decoded(name), decoded(value.join('=').replaceAll('+', ' ')))
  }
  return {
    user: user ? decoded(user) : undefined,
    password: password.length > 0 ? decoded(password.join(':')) : undefined,
    hosts: authority
      .slice(at + 1)
      .split(',')
      .map(hostAndPort),
    database: path.length > 1 ? decoded(path.slice(1)) : undefined,
    params,
    mayShowNames: !query.includes('@'),
  }
}

/** Reads a certificate or key. @param parameter the URL parameter that names the file @throws UsageError */
export function readPem(parameter: string, file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (cause) {
    throw new UsageError(`${parameter}=${file}: that file cannot be read (${(cause as NodeJS.ErrnoException).code}).`)
  }
}

/**
 * Throws for unknown parameters, except golang-migrate's `x-` parameters, which are handled elsewhere.
 * @param advice the hint for a parameter whose name resembles no other
 * @throws UsageError
 */
export function refuseUnknown(
  params: ReadonlyMap<string, string>,
  mayShowNames: boolean,
  { honoured, passedOver, advice }: { honoured: readonly string[]; passedOver: readonly string[]; advice: string },
): void {
  const name = [...params.keys()].find(
    (one) => !honoured.includes(one) && !passedOver.includes(one) && !one.startsWith('x-'),
  )
  if (name === undefined) return
  if (!mayShowNames) {
    throw new UsageError('The database URL has a parameter that is not known here.', {
      hint: 'Where a password holds @ : / ? # or %, they are written %40 %3A %2F %3F %23 %25.',
    })
  }
  const meant = nearest(name, honoured)
  throw new UsageError(`The database URL has a parameter that is not known here: ${name}.`, {
    hint: meant ? `Did you mean ${meant}?` : advice,
  })
}

// --- internal ---

function hostAndPort(text: string): { host: string; port: string } {
  const [, bracketed, plain = '', port = ''] = /^(?:\[([^\]]*)\]|([^:]*))(?::(.*))?$/s.exec(text) ?? []
  return { host: decoded(bracketed ?? plain), port }
}
