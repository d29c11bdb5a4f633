/** Compares the files of a release with those that are there now: edited, removed, inserted before its last. */

import { fingerprintOfHalf, loadHalf } from '../../migrate/load.ts'
import { buildGraph, independent } from '../../migrate/plan/graph.ts'
import type { Migration, Relations, Source } from '../../migrate/source.ts'
import { labelOf, versionOf } from '../../migrate/version.ts'
import { textDiff } from '../../schema/diff.ts'
import type { Dialect } from '../../sql/dialect.ts'
import type { Observation } from '../finding.ts'
import type { Half, Halves } from '../halves.ts'
import { statementAt } from '../statementAt.ts'
import type { Release } from './release.ts'

interface Now {
  readonly source: Source
  readonly migrations: readonly Migration[]
  readonly halves: Halves
  readonly dialect: Dialect
}

/** Returns a finding for each file that databases of the release would not see as they should. */
export async function releaseFiles(release: Release, now: Now): Promise<Observation[]> {
  const relations = (await now.source.relations?.()) ?? new Map<number, Relations>()
  const found: Observation[] = []
  for (const old of release.migrations) {
    const same = now.migrations.find((one) => isSame(one, old, now.source))
    if (!same) {
      const isReplaced = [...relations.values()].some(({ replaces }) => replaces?.includes(labelOf(old)))
      if (!isReplaced) found.push(removed(release, old))
      continue
    }
    // A squashed migration has the version of the last one that it replaces.
    if (relations.get(same.version)?.replaces) continue
    const edit = await edited(release, old, same, now)
    if (edit) found.push(edit)
  }
  return [...found, ...inserted(release, now, relations)]
}

/** Returns the migrations that the release did not have, and that sort before its last one. */
export function insertedBefore(release: Release, now: Pick<Now, 'source' | 'migrations'>): Migration[] {
  const place = placesOf(now)
  const known = now.migrations.filter((one) => release.migrations.some((old) => isSame(one, old, now.source)))
  const last = Math.max(...known.map(place), ...(now.source.format ? [] : release.migrations.map(place)))
  return now.migrations.filter((one) => !known.includes(one) && place(one) <= last)
}

// --- internal ---

function isSame(one: Migration, old: Migration, { format }: Source): boolean {
  return format ? format.identify(one.name) === format.identify(old.name) : one.version === old.version
}

/** Returns where a migration comes in the order by which its tool tells what is new. */
function placesOf({ source, migrations }: Pick<Now, 'source' | 'migrations'>): (migration: Migration) => number {
  if (source.format?.tool !== 'Drizzle') {
    return source.format ? (one) => migrations.indexOf(one) : ({ version }) => version
  }
  // Drizzle goes by the time in its journal, not by the place.
  return ({ facts }) => Number((JSON.parse(facts ?? '{}') as { when?: number }).when ?? 0)
}

function removed({ revision, shown }: Release, old: Migration): Observation {
  const file = shown(old.up ?? old.down ?? old.name)
  return {
    rule: 'release-removed',
    version: versionOf(old),
    half: 'up',
    file,
    objects: [labelOf(old)],
    message: `${labelOf(old)} is in ${revision}, and there is no such migration now. Databases of that release have applied it, new ones never will.`,
    fix: { text: `Restore it (git checkout ${revision} -- ${file}), and undo what it does in a new migration.` },
  }
}

async function edited(
  { revision, source: before }: Release,
  old: Migration,
  same: Migration,
  { source, halves, dialect }: Now,
): Promise<Observation | undefined> {
  const [was, is] = [await loadHalf(before, old, 'up', { dialect }), await loadHalf(source, same, 'up', { dialect })]
  if (fingerprintOfHalf(was) === fingerprintOfHalf(is)) return undefined
  const half = halves.of(versionOf(same), 'up')
  const texts = { was: (was.text ?? '').replace(/^\uFEFF/, ''), is: half?.text ?? is.text ?? '' }
  const file = half?.file ?? same.up ?? same.name
  return {
    rule: 'release-edited',
    version: versionOf(same),
    half: 'up',
    file,
    ...placeOfEdit(texts, half),
    objects: [labelOf(same)],
    message: `It is another than in ${revision}. Databases of that release have applied the old text, and do not get the new one.`,
    fix: { text: `Restore it (git checkout ${revision} -- ${file}), and write the change as a new migration.` },
    evidence: { diff: textDiff(texts.was, texts.is) },
  }
}

/** Returns the statement with the first line that is another. */
function placeOfEdit({ was, is }: { readonly was: string; readonly is: string }, half: Half | undefined) {
  const [old, now] = [was.split('\n'), is.split('\n')]
  const different = now.findIndex((line, n) => line !== old[n])
  // Only lines at the end are gone.
  const line = different === -1 ? now.length : different + 1
  const column = Math.max(1, (now[line - 1] ?? '').search(/\S/) + 1)
  const statement = half && statementAt(half, line, column)
  return {
    line,
    column,
    endLine: line,
    ...(statement && { endLine: statement.endLine, statement: statement.statement }),
  }
}

function inserted(release: Release, now: Now, relations: ReadonlyMap<number, Relations>): Observation[] {
  const { format } = now.source
  // This tool applies a migration wherever it is inserted. Another check compares the outcome.
  if (format?.outOfOrder === 'apply') return []
  const last = release.migrations.at(-1)
  const known = release.migrations.map(({ version }) => version)
  const graph = format ? undefined : buildGraph(now.migrations, relations)
  return insertedBefore(release, now).flatMap((migration): Observation[] => {
    // A migration on a branch of its own, which says so, may still run.
    if (graph && independent(graph, [migration.version], known).length > 0) return []
    const half = now.halves.of(versionOf(migration), 'up')
    const [first] = half?.statements ?? []
    const place = half && first ? placeOfStart(half, first.start) : {}
    const what = `It is not in ${release.revision}, and sorts before ${last ? labelOf(last) : 'nil'}, the last one there.`
    return [
      {
        rule: 'release-order',
        version: versionOf(migration),
        half: 'up',
        file: half?.file ?? migration.up ?? migration.name,
        ...place,
        objects: [labelOf(migration)],
        message: `${what} ${consequence(format?.tool, format?.outOfOrder)}`,
        fix: { text: 'Make it again with a name that comes last.' },
      },
    ]
  })
}

function consequence(tool: string | undefined, policy: 'error' | 'ignore' | 'apply' | undefined): string {
  if (tool === undefined) {
    return 'A tool that remembers only the last version, as golang-migrate does, never runs it on databases of that release, and says nothing; migratest refuses to go on.'
  }
  if (tool === 'Drizzle') {
    return 'Drizzle runs what is newer than the latest time in its table: it never runs this one on databases of that release, and says nothing.'
  }
  return policy === 'ignore'
    ? `${tool} never runs it on databases of that release, and says nothing.`
    : `${tool} does not run it on databases of that release, or stops.`
}

function placeOfStart({ text }: Half, start: number) {
  const before = text.slice(0, start).split('\n')
  return { line: before.length, column: (before.at(-1)?.length ?? 0) + 1, endLine: before.length }
}
