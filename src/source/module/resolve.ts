/** From an import to what it means: a file of the project, which we run, or a package, which Node does. */
import { isBuiltin } from 'node:module'
import { sep } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { Toolchain } from './toolchain.ts'

export type Resolved =
  /** A file that is loaded afresh with the migration. */
  | { readonly kind: 'own'; readonly path: string }
  /** What Node imports, once per process. */
  | { readonly kind: 'native'; readonly url: string }

export type Resolve = (specifier: string, from: string) => Resolved

const CODE = ['.ts', '.mts', '.cts', '.js', '.mjs', '.cjs', '.json']

export interface DiskResolver {
  /** @throws Error with the reason; the caller says in which file */
  readonly resolve: Resolve
  /** What is known of the disk may be wrong by now. */
  readonly forget: () => void
}

export function diskResolver(tools: Toolchain): DiskResolver {
  const resolver = new tools.ResolverFactory({
    tsconfig: 'auto',
    conditionNames: ['node', 'import', 'module-sync', 'default'],
    extensions: CODE,
    // As TypeScript writes them: the name of what would be built.
    extensionAlias: { '.js': ['.ts', '.js'], '.mjs': ['.mts', '.mjs'], '.cjs': ['.cts', '.cjs'] },
    builtinModules: true,
  })
  const resolve: Resolve = (specifier, from) => {
    const known = nativeResolve(specifier)
    if (known) return known
    const { path, error } = resolver.resolveFileSync(from, specifier)
    if (path === undefined) throw new Error(error ?? 'it is not found')
    const isPackage = path.includes(`${sep}node_modules${sep}`) || !CODE.some((ending) => path.endsWith(ending))
    return isPackage ? { kind: 'native', url: pathToFileURL(path).href } : { kind: 'own', path }
  }
  return { resolve, forget: () => resolver.clearCache() }
}

// --- internal ---

const OWN_ENDING = import.meta.url.endsWith('.ts') ? '.ts' : '.js'

/** What is the same wherever it is imported from. */
function nativeResolve(specifier: string): Resolved | undefined {
  if (isBuiltin(specifier))
    return { kind: 'native', url: specifier.startsWith('node:') ? specifier : `node:${specifier}` }
  if (/^(?:data|node):/.test(specifier)) return { kind: 'native', url: specifier }
  // This very copy, also where the project has another or none: a run has one set of classes.
  if (specifier === 'migratest')
    return { kind: 'native', url: new URL(`../../../index${OWN_ENDING}`, import.meta.url).href }
  return undefined
}
