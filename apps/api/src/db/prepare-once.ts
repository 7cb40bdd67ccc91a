import type { Queries } from './connect.ts'

/**
 * A query that is put together once for each database and run with other values each time: drizzle takes longer to build
 * a large one than PostgreSQL to answer it. In a transaction it is built for that one.
 */
export function prepareOnce<Query extends object>(build: (db: Queries) => Query): (db: Queries) => Query {
  const built = new WeakMap<Queries, Query>()
  return (db) => {
    const known = built.get(db)
    if (known) return known
    const query = build(db)
    built.set(db, query)
    return query
  }
}
