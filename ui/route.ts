/** The part of the page that is shown, kept in the address's fragment, so that a reload and an exported file have it. */
import { computed, signal } from '@preact/signals'

export type View = 'migrations' | 'compare' | 'findings' | 'rows' | 'activity'
export type VersionTab = 'migration' | 'schema' | 'diagram'

export interface Route {
  readonly view: View
  /** The chosen migration, or the two schemas to compare, or the chosen table. */
  readonly parts: readonly string[]
  readonly query: URLSearchParams
}

const hash = signal(location.hash)
addEventListener('hashchange', () => {
  hash.value = location.hash
})

export const route = computed<Route>(() => {
  const [path = '', query] = hash.value.replace(/^#\/?/, '').split('?')
  const [view = '', ...parts] = path.split('/').map(decoded)
  const known = VIEWS.find((one) => one === view) ?? 'migrations'
  return { view: known, parts: parts.filter(Boolean), query: new URLSearchParams(query) }
})

/** Returns whether the address names no part of the page. */
export function isFirst(): boolean {
  return /^#?\/?$/.test(hash.peek())
}

/** Returns the link to a part of the page. */
export function linkTo(
  view: View,
  parts: readonly string[] = [],
  query: Readonly<Record<string, string | undefined>> = {},
): string {
  const given = Object.entries(query).filter((entry): entry is [string, string] => Boolean(entry[1]))
  const more = given.length > 0 ? `?${new URLSearchParams(given)}` : ''
  return `#/${[view, ...parts].map(encodeURIComponent).join('/')}${more}`
}

/** Goes to a link. @param quietly `true` replaces the entry in the history, for steps that "back" should not repeat */
export function go(link: string, quietly = false): void {
  if (!quietly) {
    location.hash = link
    return
  }
  history.replaceState(null, '', link)
  hash.value = link
}

// --- internal ---

const VIEWS: readonly View[] = ['migrations', 'compare', 'findings', 'rows', 'activity']

function decoded(part: string): string {
  try {
    return decodeURIComponent(part)
  } catch {
    return part
  }
}
