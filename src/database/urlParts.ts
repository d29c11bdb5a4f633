/** The parts of a database URL, cut so that no message can hold a piece of a password, whatever was left unencoded in it. */
import { readFileSync } from 'node:fs'
import { UsageError } from '../migrate/errors.ts'
import { nearest } from '../migrate/nearest.ts'
import { decoded } from './address.ts'

export interface UrlParts {
  readonly user: string | undefined
  readonly password: string | undefined
  /** Names or addresses without brackets, and ports as they are written; one entry with empty texts where the URL names none. */
  readonly hosts: readonly { readonly host: string; readonly port: string }[]
  readonly database: string | undefined
  readonly params: ReadonlyMap<string, string>
  /** Whether the names of parameters may be shown: not where they may be a piece of a password. */
  readonly mayShowNames: boolean
}

/** @param example a URL as it should look. @throws UsageError */
export function urlParts(url: string, example: string): UrlParts {
  const [, rest] = /^[a-z][a-z0-9+.-]*:\/\/(.*)$/is.exec(url.trim()) ?? []
  if (rest === undefined) {
    throw new UsageError('The database URL is not a URL.', { hint: `It looks like ${example}` })
  }
  const [, authority = '', path = '', query = ''] = /^([^/?#]*)([^?]*)(?:\?(.*))?$/s.exec(rest) ?? []
  const at = authority.lastIndexOf('@')
  // An @ behind the authority: what stands before it was meant as the password.
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

/** A certificate or key. @param parameter that names the file. @throws UsageError */
export function readPem(parameter: string, file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (cause) {
    throw new UsageError(`${parameter}=${file}: that file cannot be read (${(cause as NodeJS.ErrnoException).code}).`)
  }
}

/**
 * golang-migrate's `x-` parameters are read elsewhere.
 * @param advice what to do about a parameter that resembles no other. @throws UsageError
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
