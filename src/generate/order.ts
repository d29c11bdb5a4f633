/** Puts things into an order that respects what has to come before what; the same input gives the same order. */

export interface Ordered<T> {
  /** Returns what decides between two items that may both come next; the smaller comes first. */
  readonly rank: (item: T) => string
  /** Pairs: the first comes before the second. */
  readonly before: Iterable<readonly [T, T]>
}

/**
 * Kahn's algorithm. Items in a circle come in the order of their ranks, each circle where nothing else can come before
 * it: whoever runs the result finds out whether the circle matters.
 */
export function inOrder<T>(items: readonly T[], { rank, before }: Ordered<T>): T[] {
  const ranks = new Map(items.map((item) => [item, rank(item)]))
  const after = new Map<T, Set<T>>()
  const waits = new Map<T, number>(items.map((item) => [item, 0]))
  for (const [first, second] of before) {
    if (first === second || !waits.has(first) || !waits.has(second)) continue
    const list = after.get(first) ?? new Set()
    if (list.has(second)) continue
    after.set(first, list.add(second))
    waits.set(second, (waits.get(second) ?? 0) + 1)
  }
  const sorted = [...items].sort((a, b) => ((ranks.get(a) ?? '') < (ranks.get(b) ?? '') ? -1 : 1))
  const result: T[] = []
  const left = new Set(sorted)
  while (left.size > 0) {
    let next: T | undefined
    for (const item of left) {
      if (waits.get(item) === 0) {
        next = item
        break
      }
    }
    next ??= outOfCircle(left, after)
    left.delete(next)
    result.push(next)
    for (const other of after.get(next) ?? []) waits.set(other, (waits.get(other) ?? 0) - 1)
  }
  return result
}

// --- internal ---

/** Returns the first item of a circle that waits for no other circle. */
function outOfCircle<T>(left: ReadonlySet<T>, after: ReadonlyMap<T, ReadonlySet<T>>): T {
  const before = new Map<T, T[]>()
  for (const item of left) {
    for (const other of after.get(item) ?? [])
      if (left.has(other)) before.set(other, [...(before.get(other) ?? []), item])
  }
  for (const item of left) {
    const seen = reach(item, before)
    // All that it waits for waits for it, too.
    if ([...seen].every((other) => reach(other, before).has(item))) return item
  }
  return left.values().next().value as T
}

function reach<T>(from: T, edges: ReadonlyMap<T, readonly T[]>): Set<T> {
  const seen = new Set<T>()
  const open = [from]
  for (let at = open.pop(); at !== undefined; at = open.pop()) {
    for (const other of edges.get(at) ?? []) {
      if (seen.has(other)) continue
      seen.add(other)
      open.push(other)
    }
  }
  return seen
}
