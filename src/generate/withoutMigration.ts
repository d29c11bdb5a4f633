/** Leaves a migration out of a source. */
import type { Migration, Source } from '../migrate/source.ts'

/** Returns the source as it is without one of its migrations. */
export function withoutMigration(source: Source, left: Migration): Source {
  return {
    name: source.name,
    format: source.format,
    folder: source.folder,
    list: async () => (await source.list()).filter(({ version }) => version !== left.version),
    read: (migration, direction) => source.read(migration, direction),
    ...(source.codeKey && { codeKey: (migration) => (source.codeKey as NonNullable<Source['codeKey']>)(migration) }),
    ...(source.relations && {
      relations: async () => {
        const relations = await (source.relations as NonNullable<Source['relations']>)()
        return new Map([...relations].filter(([version]) => version !== left.version))
      },
    }),
  }
}
