/** Which objects each migration made and removed, as far as this watch saw it: a down has to undo just that. */

/** Objects of a database, one line each, as `table public.users` or `column public.users.name text`. */
export type Shape = ReadonlySet<string>

/** What undoing migrations did not undo. */
export interface Leftovers {
  /** Objects that the migrations made and that are still there. */
  readonly left: readonly string[]
  /** Objects that the migrations removed and that are not back. */
  readonly missing: readonly string[]
}

export class Effects {
  readonly #known = new Map<number, { readonly made: Shape; readonly removed: Shape }>()

  /** @param before the shape below the migration. @param after the shape with it */
  record(version: number, before: Shape, after: Shape): void {
    this.#known.set(version, { made: without(after, before), removed: without(before, after) })
  }

  forget(version: number): void {
    this.#known.delete(version)
  }

  clear(): void {
    this.#known.clear()
  }

  /**
   * Compares the shape after migrations were undone with what is known of them.
   * @param undone versions. @returns undefined where not all of them are known
   */
  leftBy(undone: readonly number[], now: Shape): Leftovers | undefined {
    const made = new Set<string>()
    const removed = new Set<string>()
    for (const version of [...undone].sort((a, b) => a - b)) {
      const effect = this.#known.get(version)
      if (!effect) return undefined
      for (const object of effect.made) if (!removed.delete(object)) made.add(object)
      for (const object of effect.removed) if (!made.delete(object)) removed.add(object)
    }
    return { left: [...made].filter((object) => now.has(object)), missing: [...without(removed, now)] }
  }
}

/** Undefined where nothing is left and nothing is missing. Of a table that is left, its columns and indexes are not named. */
export function leftoversText({ left, missing }: Leftovers): string | undefined {
  const parts = [
    left.length > 0 ? `left ${listed(left)}` : '',
    missing.length > 0 ? `did not give back ${listed(missing)}` : '',
  ].filter(Boolean)
  return parts.length > 0 ? parts.join(' and ') : undefined
}

// --- internal ---

const MOST_NAMED = 4

function without(some: Shape, others: Shape): Set<string> {
  return new Set([...some].filter((object) => !others.has(object)))
}

function listed(objects: readonly string[]): string {
  const tables = new Set(objects.flatMap((object) => /^table (.*)$/.exec(object)?.[1] ?? []))
  const ofTable = (object: string) =>
    tables.has(/^(?:column|constraint|index|trigger) .* on (.*)$/.exec(object)?.[1] ?? '')
  const named = objects.filter((object) => !ofTable(object))
  const more = named.length > MOST_NAMED ? ` and ${named.length - MOST_NAMED} more` : ''
  return `${named.slice(0, MOST_NAMED).join(', ')}${more}`
}
