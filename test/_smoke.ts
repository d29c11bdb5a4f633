import { openDatabase } from '/work/main/src/database/open.ts'
import { directory } from '/work/main/src/source/directory.ts'
import { Migrator } from '/work/main/src/migrate/migrator.ts'
const admin = await openDatabase('postgres://postgres:pw@127.0.0.1:55432/postgres')
for (const dir of process.argv.slice(2)) {
  const { Client } = (await import('pg')).default
  const c = new Client('postgres://postgres:pw@127.0.0.1:55432/postgres'); await c.connect()
  await c.query('drop database if exists smoke with (force)'); await c.query('create database smoke'); await c.end()
  const db = await openDatabase('postgres://postgres:pw@127.0.0.1:55432/smoke')
  const m = new Migrator({ source: directory(dir), database: db, onEvent: (e) => { if (e.type === 'warning') console.log('WARN', e.message) } })
  try {
    let t = performance.now(); let r = await m.up(); console.log('up', r.from, r.to, r.steps.length, performance.now() - t)
    t = performance.now(); r = await m.up(); console.log('again', r.steps.length, performance.now() - t)
    t = performance.now(); r = await m.down(); console.log('down', r.from, r.to, r.steps.length, performance.now() - t)
    t = performance.now(); r = await m.up(); console.log('up', r.from, r.to, r.steps.length, performance.now() - t)
    await m.drop(); console.log(await m.version())
  } catch (e) { console.log(String((e as Error).stack)); console.log(await m.version()) }
  await db.close()
}
await admin.close()
