import { UsageError } from '../migrate/errors.ts'

/** Where a URL leads. */
export interface DatabaseAddress {
  /** A name, an address, or where a socket is. */
  readonly host: string
  readonly port: number
  readonly database: string
}

/** Whether a host is this machine: a socket, a loopback address, or none at all. */
export function isLoopback(host: string): boolean {
  return host.startsWith('/') || /^(?:|localhost|\[?::1\]?|127(?:\.\d{1,3}){3})$/i.test(host)
}

/** A part of a URL. @throws UsageError for a `%` that stands for nothing */
export function decoded(part: string): string {
  try {
    return decodeURIComponent(part)
  } catch {
    throw new UsageError('The database URL has a % that is not followed by two hex digits.', {
      hint: 'A percent sign itself is written %25.',
    })
  }
}

/** What to do where no server answers, by the system's code. */
export const UNREACHABLE: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'Nothing listens there: is the server running, and are host and port right?',
  ENOTFOUND: 'The host name cannot be resolved: is it spelt right?',
  EAI_AGAIN: 'The host name cannot be resolved just now: is there a network?',
  ETIMEDOUT: 'No answer: is a firewall in between, or is host or port wrong?',
  ENOENT: 'There is no such socket: is the server running, and does it listen there?',
}
