import { defineMigration } from 'migratest'
import type { Client } from 'pg'
import { countWords, lengthOf } from './words.ts'

interface Post {
  id: number
  body: string
}

/** On a branch of its own, beside the authors: it was written from version 1 on. */
export default defineMigration<Client>({
  dependsOn: ['0001_create_posts'],

  async up({ sql, client, log }) {
    await sql(`alter table posts add words int, add length text`)
    const posts = await sql<Post>('select id, body from posts')
    for (const { id, body } of posts) {
      const words = countWords(body)
      await client.query('update posts set words = $1, length = $2 where id = $3', [words, lengthOf(words), id])
    }
    await sql('alter table posts alter words set not null, alter length set not null')
    log(`${posts.length} posts summarized`)
  },

  async down({ sql }) {
    await sql('alter table posts drop words, drop length')
  },
})
