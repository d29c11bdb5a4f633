/**
 * Decides who may talk to the page's server: only a browser on this machine that was given the token. Pure, apart from
 * comparing the token.
 */
import { createHash, timingSafeEqual } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import type { TLSSocket } from 'node:tls'

export interface Access {
  readonly token: string
  /** The path at which the page is, with a slash at both ends. */
  readonly base: string
}

export type Verdict =
  | { readonly kind: 'allowed' }
  /** The address had the right token: set `cookie`, then go to the page's address without it. */
  | { readonly kind: 'entered'; readonly cookie: string }
  | { readonly kind: 'refused'; readonly status: 400 | 403 | 405; readonly why: string }

/**
 * Judges a request. `Host` is checked against DNS rebinding, `Origin` and `Sec-Fetch-Site` against requests that another
 * site's page makes, and the cookie, which only the token's address sets, against everybody else.
 */
export function judge(request: IncomingMessage, access: Access): Verdict {
  const { socket, headers, method = 'GET' } = request
  if (!isLoopbackAddress(socket.remoteAddress ?? '')) return refused(403, 'Only this machine may open the page.')
  const host = headers.host ?? ''
  if (!isOwnHost(host, socket.localPort)) return refused(403, `The host "${shown(host)}" is not this server's name.`)
  const { origin } = headers
  const scheme = (socket as Partial<TLSSocket>).encrypted === true ? 'https' : 'http'
  if (origin !== undefined && origin !== `${scheme}://${host}`)
    return refused(403, 'Another site may not ask this server.')
  const isRead = method === 'GET' || method === 'HEAD'
  if (!isRead && method !== 'POST') return refused(405, `${shown(method)} is not used here.`)
  if (!isRead && origin === undefined) return refused(403, 'A request that changes something needs an Origin.')
  const url = new URL(request.url ?? '/', 'http://page')
  const given = url.searchParams.get('token')
  if (isRead && given !== null && url.pathname === access.base) {
    return isToken(given, access)
      ? { kind: 'entered', cookie: cookieOf(access, socket.localPort) }
      : refused(403, STALE)
  }
  const site = headers['sec-fetch-site']
  if (site !== undefined && site !== 'same-origin' && site !== 'none') {
    return refused(403, 'Another site may not ask this server.')
  }
  return isToken(cookieIn(headers.cookie, socket.localPort), access) ? { kind: 'allowed' } : refused(403, STALE)
}

// --- internal ---

const STALE = 'Open the address that migratest printed: it contains a token, without which nobody is let in.'

function refused(status: 400 | 403 | 405, why: string): Verdict {
  return { kind: 'refused', status, why }
}

function isLoopbackAddress(address: string): boolean {
  return address === '::1' || /^(?:::ffff:)?127\.\d{1,3}\.\d{1,3}\.\d{1,3}$/.test(address)
}

/** A name that the system resolves to this machine without asking anybody, and the port of this very connection. */
function isOwnHost(host: string, port: number | undefined): boolean {
  const [, name = '', given = '80'] = /^(127\.0\.0\.1|localhost|\[::1\])(?::(\d{1,5}))?$/i.exec(host) ?? []
  return name !== '' && Number(given) === port
}

function isToken(given: string | undefined, { token }: Access): boolean {
  const hash = (text: string) => createHash('sha256').update(text).digest()
  return given !== undefined && timingSafeEqual(hash(given), hash(token))
}

/** Cookies do not distinguish ports, so two pages on this machine need two names. */
function cookieName(port: number | undefined): string {
  return `migratest-${port}`
}

function cookieOf({ token, base }: Access, port: number | undefined): string {
  return `${cookieName(port)}=${token}; Path=${base}; HttpOnly; SameSite=Strict`
}

function cookieIn(header: string | undefined, port: number | undefined): string | undefined {
  const name = cookieName(port)
  return header
    ?.split(/;\s*/)
    .find((part) => part.startsWith(`${name}=`))
    ?.slice(name.length + 1)
}

function shown(text: string): string {
  return text.slice(0, 60).replace(/[^\w.:[\]-]/g, '?')
}
