/** Folders of other tools, as they are: one function a tool. A path alone is enough, too, where the folder tells whose it is. */
import type { URL } from 'node:url'
import type { Source } from '../src/migrate/source.ts'
import { folderOnDisk } from '../src/source/formats/disk.ts'
import { sourceOfFormat } from '../src/source/formats/format.ts'
import { type PrismaOptions, prismaFormat } from '../src/source/formats/prisma.ts'

export type { PrismaOptions }

/** Returns the migrations of Prisma Migrate, up to version 7. @param path default `prisma/migrations` */
export function prisma(path: string | URL = 'prisma/migrations', options: PrismaOptions = {}): Source {
  return sourceOfFormat(prismaFormat(options), folderOnDisk(path))
}
