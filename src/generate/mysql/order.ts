/** Orders: which of several things can stay where they are, and which table must come before which. */

/** Returns the longest run of items, given as positions, that rises; the others have to move. */
export function risingPositions(positions: readonly number[]): ReadonlySet<number> {
  const length: number[] = []
  const before: number[] = []
  positions.forEach((position, at) => {
    length[at] = 1
    before[at] = -1
    for (let other = 0; other < at; other++) {
      if ((positions[other] ?? 0) >= position || (length[other] ?? 0) + 1 <= (length[at] ?? 0)) continue
      length[at] = (length[other] ?? 0) + 1
      before[at] = other
    }
  })
  let at = length.indexOf(Math.max(...length))
  const rising = new Set<number>()
  while (at >= 0 && positions.length > 0) {
    rising.add(positions[at] ?? 0)
    at = before[at] ?? -1
  }
  return rising
}

/**
 * Orders names so that each comes after those it needs, otherwise as given. Where they need each other in a circle, the
 * one that is given first comes first.
 */
export function afterNeeds(names: readonly string[], needs: (name: string) => readonly string[]): string[] {
  const known = new Set(names)
  const done: string[] = []
  const seen = new Set<string>()
  const visit = (name: string) => {
    if (seen.has(name)) return
    seen.add(name)
    for (const other of needs(name)) if (known.has(other)) visit(other)
    done.push(name)
  }
  for (const name of names) visit(name)
  return done
}
