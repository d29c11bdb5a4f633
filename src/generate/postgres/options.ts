/** Options as the catalogs keep them, `name=value` each. */

export function optionsOf(options: readonly string[] | null): Map<string, string> {
  return new Map(
    (options ?? []).map((option) => {
      const at = option.indexOf('=')
      return [option.slice(0, at), option.slice(at + 1)]
    }),
  )
}

/** Returns the change of options of a foreign table or its column; `undefined` if there is none. */
export function foreignOptions(was: readonly string[] | null, now: readonly string[] | null): string | undefined {
  const before = optionsOf(was)
  const after = optionsOf(now)
  const value = (text: string) => `'${text.replaceAll("'", "''")}'`
  const parts = [
    ...[...before.keys()].filter((name) => !after.has(name)).map((name) => `DROP ${name}`),
    ...[...after]
      .filter(([name, text]) => before.get(name) !== text)
      .map(([name, text]) => `${before.has(name) ? 'SET' : 'ADD'} ${name} ${value(text)}`),
  ]
  return parts.length === 0 ? undefined : `OPTIONS (${parts.join(', ')})`
}
