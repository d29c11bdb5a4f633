import type { Migration, Source } from '../source.ts'
import { buildGraph, type Graph, type RelationsByVersion } from './graph.ts'

export interface ReadGraph {
  readonly migrations: readonly Migration[]
  readonly relations: RelationsByVersion
  readonly graph: Graph
}

/** Reads the migrations and relations of a source and builds their graph. Runs no body. */
export async function readGraph(source: Source): Promise<ReadGraph> {
  const migrations = await source.list()
  const relations = (await source.relations?.()) ?? new Map()
  return { migrations, relations, graph: buildGraph(migrations, relations) }
}
