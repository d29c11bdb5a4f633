/** The migrations of a release: a revision of git, from which databases are upgraded. */
import { relative, resolve } from 'node:path'
import { UsageError } from '../../migrate/errors.ts'
import type { Migration, Source } from '../../migrate/source.ts'
import { shorten } from '../../source/folder.ts'
import { FORMATS } from '../../source/formats/all.ts'
import { folderOnDisk } from '../../source/formats/disk.ts'
import { sourceOfFormat } from '../../source/formats/format.ts'
import { checkOut } from '../../source/gitCheckout.ts'
import { openFolder } from '../../source/open.ts'

export interface Release {
  /** The revision as the user names it, such as `v1.4.0`. */
  readonly revision: string
  readonly source: Source
  readonly migrations: readonly Migration[]
  /** Returns the name of a file of the release as it is, or was, called in the work tree. */
  shown(file: string): string
  dispose(): void
}

/**
 * Reads the migrations of a revision from a temporary folder.
 * @param folder the folder of the migrations in the work tree
 * @throws UsageError if there is no such revision, or if it has no migrations in that folder
 */
export async function openRelease(revision: string, folder: string | undefined, now: Source): Promise<Release> {
  if (folder === undefined) {
    throw new UsageError(`The migrations are not in a folder, so git does not know those of ${revision}.`)
  }
  const checkout = checkOut(revision, folder, 'files')
  try {
    const place = checkout.locate(folder)
    const source = sourceAt(place, now)
    const migrations = await source.list()
    if (migrations.length === 0) throw new UsageError(`${revision} has no migrations in ${shorten(folder)}.`)
    const shown = (file: string) => shorten(resolve(folder, relative(place, resolve(file))))
    return { revision, source, migrations, shown, dispose: checkout.dispose }
  } catch (error) {
    checkout.dispose()
    throw error
  }
}

// --- internal ---

/** Opens the folder as one of the tool whose migrations are there now, if that is known: it was so in the release. */
function sourceAt(place: string, { format }: Source): Source {
  const known = format && FORMATS.find(({ tool }) => tool === format.tool)
  return known ? sourceOfFormat(known.make(), folderOnDisk(place)) : openFolder(place)
}
