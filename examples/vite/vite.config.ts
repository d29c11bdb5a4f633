import { migratest } from 'migratest/vite'
import pg from 'pg'
import { defineConfig } from 'vite'

/** The app's own server side: one route that reads the database. */
const api = {
  name: 'notes',
  configureServer({ middlewares }: import('vite').ViteDevServer) {
    const pool = new pg.Pool({ connectionString: process.env.DATABASE_URL })
    // A pool whose connections break while they are idle would end the process.
    pool.on('error', () => undefined)
    middlewares.use('/api/notes', async (_, response) => {
      response.setHeader('content-type', 'application/json')
      try {
        response.end(JSON.stringify((await pool.query('select * from notes order by id')).rows))
      } catch (error) {
        response.statusCode = 500
        response.end(JSON.stringify({ error: (error as Error).message }))
      }
    })
  },
}

export default defineConfig({
  root: import.meta.dirname,
  plugins: [migratest({ seeds: 'seeds.sql' }), api],
})
