import { createConnection } from 'mysql2/promise'
import { describe, test } from 'vitest'
import { openDatabase } from '../../src/database/open.ts'
import { driverContract } from '../../src/migrate/contract/index.ts'

let n = 0
for (const port of [13306, 13307])
  describe(String(port), () => {
    for (const { name, run } of driverContract)
      test(name, async () => {
        const admin = await createConnection(`mysql://root:pw@172.17.0.1:${port}/test`)
        const db = `c${process.pid}_${n++}`
        await admin.query(`create database ${db}`)
        try {
          await run({
            open: () => openDatabase(`mysql://root:pw@172.17.0.1:${port}/${db}`),
            sql: {
              create: (t) => `create table ${t} (id int)`,
              drop: (t) => `drop table ${t}`,
              fails: 'select nonsense',
            },
            exists: async (t) =>
              (
                (
                  await admin.query(
                    `select 1 from information_schema.tables where table_schema='${db}' and table_name='${t}'`,
                  )
                )[0] as unknown[]
              ).length > 0,
          })
        } finally {
          await admin.query(`drop database ${db}`)
          await admin.end()
        }
      })
  })
