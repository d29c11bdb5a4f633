/** Medians of interleaved runs, and ratios pair by pair: machines drift, pairs don't. */
export interface Series {
  readonly name: string
  /** Milliseconds, one a round. */
  readonly times: number[]
}

export async function interleaved<Name extends string>(
  names: readonly Name[],
  rounds: number,
  run: (name: Name) => Promise<number>,
): Promise<(Series & { readonly name: Name })[]> {
  const series = names.map((name) => ({ name, times: [] as number[] }))
  // The first round warms up files, code and server, and is not counted.
  for (let round = 0; round <= rounds; round++) {
    const order = round % 2 ? series : series.toReversed()
    for (const { name, times } of order) {
      const ms = await run(name)
      if (round > 0) times.push(ms)
    }
  }
  return series
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted.length / 2
  return sorted.length % 2
    ? (sorted[Math.floor(middle)] ?? Number.NaN)
    : ((sorted[middle - 1] ?? 0) + (sorted[middle] ?? 0)) / 2
}

/** Rows of a Markdown table: name, median, and the median of the ratios to the first series. */
export function table(series: readonly Series[]): string {
  const [first] = series
  const rows = series.map(({ name, times }) => {
    const ratios = times.map((time, i) => time / (first?.times[i] ?? Number.NaN))
    return `| ${name} | ${median(times).toFixed(1)} ms | ${Math.min(...times).toFixed(1)}–${Math.max(...times).toFixed(1)} | ${median(ratios).toFixed(2)} |`
  })
  return ['| | median | min–max | × first |', '|---|---|---|---|', ...rows].join('\n')
}
