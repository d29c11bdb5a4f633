/** Watches the files of a wanted schema. */
import { existsSync, statSync } from 'node:fs'
import { dirname, matchesGlob, relative, resolve, sep } from 'node:path'
import type { WantedFrom } from '../generate/wanted/wantedFrom.ts'
import { type CollectOptions, type Collector, collect } from './collect.ts'

/** @param onSaved called after each save of one of the files */
export function collectWanted(from: WantedFrom, options: CollectOptions, onSaved: () => void): Collector {
  const paths = 'command' in from ? from.inputs : from.paths
  const collectors = paths.filter((path) => path !== '-').map((path) => collectPath(path, options, onSaved))
  return {
    ready: Promise.all(collectors.map(({ ready }) => ready)).then(() => undefined),
    close: async () => {
      await Promise.all(collectors.map((collector) => collector.close()))
    },
  }
}

// --- internal ---

/**
 * A file is watched through its folder: many editors save by putting another file in its place, and a watch of the file
 * itself would stay with the old one.
 */
function collectPath(path: string, options: CollectOptions, onSaved: () => void): Collector {
  const whole = resolve(path)
  if (statSync(whole, { throwIfNoEntry: false })?.isDirectory()) return collect(whole, options, onSaved)
  if (!/[*?{[]/.test(path) || existsSync(whole)) {
    return collect(
      existingFolder(dirname(whole)),
      { ...options, isFlat: true, only: (file) => file === whole },
      onSaved,
    )
  }
  const fixed = whole.slice(0, whole.search(/[*?{[]/))
  const folder = existingFolder(fixed.endsWith(sep) ? fixed : dirname(fixed))
  return collect(
    folder,
    { ...options, only: (file) => matchesGlob(relative(folder, file), relative(folder, whole)) },
    onSaved,
  )
}

function existingFolder(folder: string): string {
  return existsSync(folder) ? folder : existingFolder(dirname(folder))
}
