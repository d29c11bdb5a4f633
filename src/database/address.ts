import { UsageError } from '../migrate/errors.ts'

/** The address that a URL points to. */
export interface DatabaseAddress {
  /** A host name, an IP address, or the folder of a socket. */
  readonly host: string
  readonly port: number
  readonly database: string
}

/** Returns `true` if a host is this machine: a socket, a loopback address, or an empty name. */
export function isLoopback(host: string): boolean {
  return host.startsWith('/') || /^(?:|localhost|\[?::1\]?|127(?:\.\d{1,3}){3})$/i.test(host)
}

/** Decodes the percent escapes in a part of a URL. @throws UsageError for a `%` without two hex digits */
export function decoded(part: string): string {
  try {
    return decodeURIComponent(part)
  } catch {
    throw new UsageError('The database URL has a % that is not followed by two hex digits.', {
      hint: 'A percent sign itself is written %25.',
    })
  }
}

/** Advice for the case that no server answers, by the system's error code. */
export const UNREACHABLE: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'Nothing listens there: is the server running, and are host and port right?',
  ENOTFOUND: 'The host name cannot be resolved: is it spelt right?',
  EAI_AGAIN: 'The host name cannot be resolved just now: is there a network?',
  ETIMEDOUT: 'No answer: is a firewall in between, or is host or port wrong?',
  ENOENT: 'There is no such socket: is the server running, and does it listen there?',
}
